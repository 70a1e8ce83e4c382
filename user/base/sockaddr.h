/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports of either family as the system calls take them, and back. */
#pragma once
#include <sys/socket.h>

#include "base/addr.h"

/* sockaddr_in for IPv4, sockaddr_in6 for IPv6. Returns its length. */
socklen_t sockaddr_from_addr(const struct addr *addr, uint16_t port,
			     struct sockaddr_storage *ret_sockaddr);
/* Of a dual-stack socket too, which gives IPv4 v4-mapped. -EAFNOSUPPORT. */
int sockaddr_to_addr(const struct sockaddr_storage *sockaddr, struct addr *ret_addr,
		     uint16_t *ret_port);
