/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of TLS: whom to trust, who we are, which protocol is spoken inside. A context
 * is immutable and belongs to one thread; connections hold on to it while they live, so that a new
 * one (other authorities, another certificate) leaves them alone.
 */
#pragma once
#include <stdbool.h>

#include "http/tls.h"

struct tls_client;

struct tls_client_config {
	const char *authorities; /* PEM, whom to trust; NULL: those of the system */
	bool insecure;		 /* takes any certificate: for trying things out */
	const char *protocol;	 /* ALPN, the only one offered; NULL: none */
	struct tls_cert *cert;	 /* referenced; NULL: none */
};

/* -EINVAL: *ret_reason (static) says what is wrong with the authorities; -ENOMEM. */
int tls_client_new(const struct tls_client_config *config, struct tls_client **ret_client,
		   const char **ret_reason);
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client *client);
