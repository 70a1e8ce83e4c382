/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials from a program that a kubeconfig file names (ExecCredential of
 * client.authentication.k8s.io): for what people type. It blocks while the program runs.
 */
#pragma once
#include <stdint.h>

#include "kube/kubeconfig.h"

struct credential_exec_answer {
	struct secret_bytes token; /* empty for none */
	char *cert;		   /* in PEM, with its key, or NULL */
	struct secret_bytes key;
	int64_t expires_us; /* of the wall clock; 0: never */
};

/* -EACCES and the like: *ret_error, a new string, says why. */
int credential_exec_run(const struct kubeconfig_exec *exec,
			struct credential_exec_answer *ret_answer, char **ret_error);
void credential_exec_fini(struct credential_exec_answer *answer);
