// SPDX-License-Identifier: Apache-2.0
/*
 * Where an API server is, out of a URL. kubeconfig.c and options call it. Invariant: a host and a
 * prefix that come out of here can stand in a request as they are.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/sockaddr.h"
#include "kube/kubeconfig.h"

#define SCHEME	 "https://"
#define PORT	 443
#define HOST_MAX 253
#define LETTERS	 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool consists_of(const char *text, const char *allowed)
{
	return strspn(text, allowed) == strlen(text);
}

static bool is_host(const char *host)
{
	return *host && strlen(host) <= HOST_MAX && consists_of(host, LETTERS ".-_:");
}

/* An IPv6 address stands in brackets, whether a port follows or not. */
static int split(char *text, char **ret_host, uint16_t *ret_port)
{
	size_t len = strlen(text);

	if (*text != '[' || text[len - 1] != ']')
		return sockaddr_split(text, ret_host, ret_port);
	text[len - 1] = '\0';
	*ret_host = text + 1;
	return 0;
}

static char *prefix_of(const char *path)
{
	size_t len = strlen(path);

	while (len && path[len - 1] == '/')
		len--;
	return mem_printf("%.*s", (int)len, path);
}

int kubeconfig_server_parse(const char *url, struct kubeconfig_server *ret_server,
			    const char **ret_reason)
{
	const char *rest = url + strlen(SCHEME);
	_cleanup_(mem_freep) char *text = NULL;
	uint16_t port = PORT;
	const char *path;
	char *host;

	*ret_reason = "expected https://HOST[:PORT]";
	if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
		return -EINVAL;
	path = rest + strcspn(rest, "/");
	text = mem_printf("%.*s", (int)(path - rest), rest);
	if (split(text, &host, &port) < 0 || !is_host(host) ||
	    !consists_of(path, LETTERS "-._~!$&'()*+,;=:@%/"))
		return -EINVAL;
	*ret_server = (struct kubeconfig_server){
		.host = mem_strdup(host),
		.port = port,
		.prefix = prefix_of(path),
	};
	return 0;
}

void kubeconfig_server_fini(struct kubeconfig_server *server)
{
	free(server->host);
	free(server->prefix);
	*server = (struct kubeconfig_server){ 0 };
}
