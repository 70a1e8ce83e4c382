// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a kubeconfig file: what is taken is whole, what is refused names the file, and no
 * value of the file stands in an error.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

static void check(const struct kubeconfig *config)
{
	require(*config->server.host && config->server.port);
	require(!*config->server.prefix || *config->server.prefix == '/');
	require(!strpbrk(config->server.host, "/ \n") && !strpbrk(config->server.prefix, " \n?#"));
	require(!*config->ca || !*config->ca_file);
	require(!config->key.len || !*config->key_file);
	require((*config->cert || *config->cert_file) == (config->key.len || *config->key_file));
	require(!config->exec.command || *config->exec.command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kubeconfig config;
	char path[64], *error = NULL;
	int fd = memfd_create("kubeconfig", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!kubeconfig_load(path, NULL, &config, &error)) {
		check(&config);
		kubeconfig_fini(&config);
	} else {
		require(error && !strncmp(error, path, strlen(path)));
		free(error);
	}
	close(fd);
	return 0;
}
