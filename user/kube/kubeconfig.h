/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to reach an API server and who we are there: from a kubeconfig file, or from what every pod
 * finds in its environment. Files that are named are not read here: they change, and credential.c
 * reads them when it needs them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

/* A server, from "https://HOST[:PORT][/PREFIX]". */
struct kubeconfig_server {
	char *host; /* a name or an address, without brackets */
	uint16_t port;
	char *prefix; /* "" or "/..." without a slash at its end */
};

/* A program that says who we are: for what people run, never for daemons. */
struct kubeconfig_exec {
	char *command; /* NULL: none */
	char *version; /* "client.authentication.k8s.io/v1" */
	char **args;
	size_t n_args;
	char **env; /* "NAME=VALUE" */
	size_t n_env;
};

/* Strings are "" where nothing is said. {0} is a valid empty one for kubeconfig_fini(). */
struct kubeconfig {
	struct kubeconfig_server server;
	char *tls_name; /* that the certificate must have; "": the server's host */
	bool insecure;
	char *ca_file; /* or */
	char *ca;      /* in PEM; neither: the system's */
	char *token_file;
	struct secret_bytes token;
	char *cert_file; /* or */
	char *cert;	 /* in PEM */
	char *key_file;	 /* or */
	struct secret_bytes key;
	struct kubeconfig_exec exec;
	char *namespace;
};

/*
 * context NULL: the current one. -EINVAL and the like: *ret_error, a new string, names file, field
 * and reason. ret_config is written on success only.
 */
int kubeconfig_load(const char *path, const char *context, struct kubeconfig *ret_config,
		    char **ret_error);

#define KUBECONFIG_IN_CLUSTER "/var/run/secrets/kubernetes.io/serviceaccount"
/* From KUBERNETES_SERVICE_HOST and _PORT and the files of the service account. */
int kubeconfig_in_cluster(const char *directory, struct kubeconfig *ret_config, char **ret_error);

/* -EINVAL: *ret_reason (static). */
int kubeconfig_server_parse(const char *url, struct kubeconfig_server *ret_server,
			    const char **ret_reason);
void kubeconfig_server_fini(struct kubeconfig_server *server);
void kubeconfig_fini(struct kubeconfig *config);
