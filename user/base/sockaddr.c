// SPDX-License-Identifier: Apache-2.0
/* Whoever opens or accepts sockets calls it. */
#include "base/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"

/* Where the four bytes of IPv4 stand in a v4-mapped address. */
#define V4_AT 12

socklen_t sockaddr_from_addr(const struct addr *addr, uint16_t port,
			     struct sockaddr_storage *ret_sockaddr)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(ret_sockaddr, 0, sizeof(*ret_sockaddr));
	if (addr_family(addr) == 4) {
		memcpy(&v4.sin_addr, addr->byte + V4_AT, sizeof(v4.sin_addr));
		memcpy(ret_sockaddr, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, addr->byte, sizeof(v6.sin6_addr));
	memcpy(ret_sockaddr, &v6, sizeof(v6));
	return sizeof(v6);
}

int sockaddr_to_addr(const struct sockaddr_storage *sockaddr, struct addr *ret_addr,
		     uint16_t *ret_port)
{
	struct addr mapped = { .byte = { [10] = 0xff, [11] = 0xff } };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sockaddr->ss_family == AF_INET) {
		memcpy(&v4, sockaddr, sizeof(v4));
		memcpy(mapped.byte + V4_AT, &v4.sin_addr, sizeof(v4.sin_addr));
		*ret_addr = mapped;
		*ret_port = ntohs(v4.sin_port);
		return 0;
	}
	if (sockaddr->ss_family == AF_INET6) {
		memcpy(&v6, sockaddr, sizeof(v6));
		memcpy(ret_addr->byte, &v6.sin6_addr, sizeof(ret_addr->byte));
		*ret_port = ntohs(v6.sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}

int sockaddr_from_path(const char *path, struct sockaddr_un *ret_sockaddr)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path));
	*ret_sockaddr = name;
	return 0;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || !port || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 1;
}

int sockaddr_split(char *text, char **ret_host, uint16_t *ret_port)
{
	char *colon = strchr(text, ':');

	*ret_host = text;
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || end[1] != ':')
			return -EINVAL;
		*ret_host = text + 1;
		*end = '\0';
		return parse_port(end + 2, ret_port);
	}
	if (!colon || strchr(colon + 1, ':'))
		return 0;
	*colon = '\0';
	return parse_port(colon + 1, ret_port);
}

int sockaddr_parse(const char *text, struct addr *ret_addr, uint16_t *ret_port)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(text);
	char *host;
	int has_port = sockaddr_split(copy, &host, ret_port);

	return has_port < 0 || addr_parse(host, ret_addr) < 0 ? -EINVAL : has_port;
}
