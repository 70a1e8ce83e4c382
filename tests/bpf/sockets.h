/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real sockets that dial the services of node_services.c, for the socket programs cannot be
 * test-run: in a network namespace where the endpoints' addresses are local, and in a cgroup of
 * their own. Each test runs for IPv4 sockets, IPv6 sockets, and IPv6 sockets that dial mapped IPv4
 * addresses; its state is one of sockets_kinds[].
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "node.h"
#include "world.h"

#define SOCKETS_KINDS 3

struct sockets_kind {
	const char *name;
	int domain; /* of the client's socket */
	int family; /* of service and endpoint */
};

extern const struct sockets_kind sockets_kinds[SOCKETS_KINDS];

socklen_t sockets_address(int domain, int family, enum host host, uint16_t port,
			  struct sockaddr_storage *ret);
void sockets_assert_address(const struct sockets_kind *kind, const struct sockaddr_storage *is,
			    enum host host, uint16_t port);
int sockets_new(int domain, int type);
int sockets_serve(int family, enum host host, int type);
int sockets_dial(const struct sockets_kind *kind, int fd, enum host host, uint16_t port);
int sockets_send_to(const struct sockets_kind *kind, int fd, enum host host, uint16_t port,
		    char what);
char sockets_echo_once(int fd);
char sockets_receive(int fd, struct sockaddr_storage *ret_from);
void sockets_assert_peer(const struct sockets_kind *kind, int fd, enum host host, uint16_t port);
uint64_t sockets_counted(enum naru_counter id);

/* Makes the endpoints' addresses local, after world_enter(). */
void sockets_own_addresses(void);
/* Enters the world, loads and attaches the programs, runs the tests. For cgroup_run(). */
int sockets_run(int cgroup_fd, const char *name, const struct CMUnitTest *each, size_t n);
