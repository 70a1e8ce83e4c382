/* SPDX-License-Identifier: Apache-2.0 */
/* Bound sockets for servers. All: -errno; the caller closes the descriptor. */
#pragma once
#include <stdint.h>

#include "base/addr.h"

/* At one address; "::" stands for IPv4's, too. */
int socket_tcp(const struct addr *addr, uint16_t port, int *ret_fd);
/* At every address of both families, or of IPv4 where the kernel has no other. */
int socket_tcp_any(uint16_t port, int *ret_fd);

/* In the file system, with mode 0600, replacing a dead one; -EADDRINUSE when somebody answers. The
 * second one keeps packets apart (SOCK_SEQPACKET). */
int socket_unix(const char *path, int *ret_fd);
int socket_unix_packets(const char *path, int *ret_fd);
