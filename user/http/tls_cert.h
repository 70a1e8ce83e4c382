/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate as tls.c hands it to OpenSSL; others know it by tls.h alone. */
#pragma once
#include <openssl/x509.h>

#include "http/tls.h"

struct tls_cert {
	int refs; /* atomic */
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf */
	EVP_PKEY *key;
};
