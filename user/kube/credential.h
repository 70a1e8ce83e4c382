/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to an API server, and how we know that it is the right one: tokens and certificates
 * from files that others renew while we run. Files are looked at when somebody says so, and when
 * something is asked for and the last look is long enough ago. What cannot be read, or is empty,
 * leaves the old in force.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "kube/backoff.h"
#include "kube/kubeconfig.h"

struct credential;
struct tls_client;

struct credential_config {
	const struct kubeconfig *access; /* outlives it */
	bool exec;			 /* its program may be run, which takes its time */
	const struct timing *timing;	 /* NULL: the clock */
};

#define CREDENTIAL_TOKEN_MS 60000u  /* between looks at the token */
#define CREDENTIAL_TLS_MS   300000u /* and at authorities and certificate */

struct credential *credential_new(const struct credential_config *config);
/* NULL is legal. */
void credential_free(struct credential *credential);

/* The value of the field "authorization", "" for none; borrowed until the next call. -EACCES: there
 * should be one, and there is none. */
int credential_authorization(struct credential *credential, const char **ret_value);
/* A number that is another one for each token. */
unsigned credential_token(const struct credential *credential);
/* The server does not believe us (401): is there another token than the one that it was shown? */
bool credential_renew(struct credential *credential, unsigned shown);

/* Borrowed until the next call: another one when a file has changed. -EACCES: there is none. */
int credential_tls(struct credential *credential, struct tls_client **ret_tls);
/* The same without a look: for comparing, NULL: none is known yet. */
const struct tls_client *credential_tls_known(const struct credential *credential);
/* The files may be others than at the last look. */
void credential_look(struct credential *credential);
/* Why the last call failed, or "". */
const char *credential_problem(const struct credential *credential);
