/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports, and paths, as the system calls take them, and back. */
#pragma once
#include <sys/socket.h>

#include "base/addr.h"

struct sockaddr_un;

/* sockaddr_in for IPv4, sockaddr_in6 for IPv6. Returns its length. */
socklen_t sockaddr_from_addr(const struct addr *addr, uint16_t port,
			     struct sockaddr_storage *ret_sockaddr);
/* Of a dual-stack socket too, which gives IPv4 v4-mapped. -EAFNOSUPPORT. */
int sockaddr_to_addr(const struct sockaddr_storage *sockaddr, struct addr *ret_addr,
		     uint16_t *ret_port);
/*
 * Cuts "HOST:PORT" or "[HOST]:PORT" in place; several colons without brackets are an IPv6 address,
 * which has no port. 1: with a port, which is not 0; 0: without; -EINVAL.
 */
int sockaddr_split(char *text, char **ret_host, uint16_t *ret_port);
/* "ADDR", "ADDR:PORT" or "[ADDR]:PORT". Returns as sockaddr_split(). */
int sockaddr_parse(const char *text, struct addr *ret_addr, uint16_t *ret_port);
/* The name of a socket in the file system. -ENAMETOOLONG. */
int sockaddr_from_path(const char *path, struct sockaddr_un *ret_sockaddr);
