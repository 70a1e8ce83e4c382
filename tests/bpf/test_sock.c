/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the node itself dial services: see sockets.h. */
#include <errno.h>
#include <unistd.h>

#include "cgroup.h"
#include "node_services.h"
#include "sockets.h"

/* A connection through a frontend ends at the endpoint, and the client is told the frontend. */
static void check_connection(const struct sockets_kind *kind, enum host frontend, uint16_t port,
			     enum host endpoint)
{
	int server = sockets_serve(kind->family, endpoint, SOCK_STREAM),
	    client = sockets_new(kind->domain, SOCK_STREAM);
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
	char byte = 'x';
	int conn;

	assert_int_equal(sockets_dial(kind, client, frontend, port), 0);
	sockets_assert_peer(kind, client, frontend, port);
	conn = accept(server, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(send(client, &byte, 1, 0), 1);
	byte = 0;
	assert_int_equal(recv(conn, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before + 1);
	close(conn);
	close(client);
	close(server);
}

static void connects(void **state)
{
	check_connection(*state, VIP, PORT_LOCAL, POD);
	check_connection(*state, LB, PORT_LB_REMOTE, REMOTE);
}

static void node_ports_connect(void **state)
{
	check_connection(*state, NODE, PORT_NODE_LOCAL, POD);
	check_connection(*state, NODE1, PORT_NODE_REMOTE, REMOTE);
}

/* Sockets of the node are inside the cluster. */
static void internal_sets_are_used(void **state)
{
	check_connection(*state, VIP, PORT_LOCAL_ONLY, REMOTE);
}

static void empty_services_refuse(void **state)
{
	const struct sockets_kind *kind = *state;
	uint64_t before = sockets_counted(NARU_C_SOCK_REFUSED);
	int tcp = sockets_new(kind->domain, SOCK_STREAM),
	    udp = sockets_new(kind->domain, SOCK_DGRAM);

	assert_int_equal(sockets_dial(kind, tcp, VIP, PORT_EMPTY), -ECONNREFUSED);
	assert_int_equal(sockets_dial(kind, udp, VIP, PORT_EMPTY), -ECONNREFUSED);
	assert_int_equal(sockets_send_to(kind, udp, VIP, PORT_EMPTY, 'x'), -ECONNREFUSED);
	assert_int_equal(sockets_send_to(kind, udp, NODE, PORT_NODE_EMPTY, 'x'), -ECONNREFUSED);
	assert_int_equal(sockets_counted(NARU_C_SOCK_REFUSED), before + 4);
	close(udp);
	close(tcp);
}

/* Neither a pod dialled directly nor a NodePort at an address that is not the node's. */
static void others_are_left_alone(void **state)
{
	const struct sockets_kind *kind = *state;
	int server = sockets_serve(kind->family, POD, SOCK_STREAM),
	    client = sockets_new(kind->domain, SOCK_STREAM);
	int other = sockets_new(kind->domain, SOCK_STREAM);
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);

	assert_int_equal(sockets_dial(kind, client, POD, NODE_EP_PORT), 0);
	sockets_assert_peer(kind, client, POD, NODE_EP_PORT);
	assert_int_equal(sockets_dial(kind, other, POD2, PORT_NODE_LOCAL), -ECONNREFUSED);
	assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before);
	close(other);
	close(client);
	close(server);
}

static void connected_datagrams(void **state)
{
	const struct sockets_kind *kind = *state;
	int server = sockets_serve(kind->family, POD, SOCK_DGRAM),
	    client = sockets_new(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	assert_int_equal(sockets_dial(kind, client, VIP, PORT_LOCAL), 0);
	sockets_assert_peer(kind, client, VIP, PORT_LOCAL);
	assert_int_equal(send(client, "c", 1, 0), 1);
	assert_int_equal(sockets_echo_once(server), 'c');
	assert_int_equal(sockets_receive(client, &from), 'c');
	sockets_assert_address(kind, &from, VIP, PORT_LOCAL);
	close(client);
	close(server);
}

/* One unconnected socket talks to several services at once; each answer has its service's
 * address. */
static void unconnected_datagrams(void **state)
{
	static const struct {
		enum host frontend;
		uint16_t port;
		enum host endpoint;
	} talks[] = {
		{ VIP, PORT_LOCAL, POD },
		{ LB, PORT_LB_REMOTE, REMOTE },
		{ VIP, PORT_FAR, REMOTE1 },
	};
	const struct sockets_kind *kind = *state;
	int servers[3], client = sockets_new(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	for (int i = 0; i < 3; i++)
		servers[i] = sockets_serve(kind->family, talks[i].endpoint, SOCK_DGRAM);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(sockets_send_to(kind, client, talks[i].frontend,
							 talks[i].port, (char)('a' + i)),
					 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(sockets_echo_once(servers[i]), 'a' + i);
		for (int i = 0; i < 3; i++) {
			int which = sockets_receive(client, &from) - 'a';

			assert_in_range(which, 0, 2);
			sockets_assert_address(kind, &from, talks[which].frontend,
					       talks[which].port);
		}
	}
	for (int i = 0; i < 3; i++)
		close(servers[i]);
	close(client);
}

/* A socket that has talked to a service still sees others under their own address. */
static void strangers_keep_their_address(void **state)
{
	const struct sockets_kind *kind = *state;
	int service = sockets_serve(kind->family, POD, SOCK_DGRAM),
	    other = sockets_serve(kind->family, POD2, SOCK_DGRAM);
	int client = sockets_new(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	assert_int_equal(sockets_send_to(kind, client, VIP, PORT_LOCAL, 's'), 0);
	assert_int_equal(sockets_echo_once(service), 's');
	assert_int_equal(sockets_receive(client, &from), 's');
	assert_int_equal(sockets_send_to(kind, client, POD2, NODE_EP_PORT, 'o'), 0);
	assert_int_equal(sockets_echo_once(other), 'o');
	assert_int_equal(sockets_receive(client, &from), 'o');
	sockets_assert_address(kind, &from, POD2, NODE_EP_PORT);
	close(client);
	close(other);
	close(service);
}

/* Storage has a few places; more services than that must not confuse the latest ones. */
static void many_services_by_one_socket(void **state)
{
	const struct sockets_kind *kind = *state;
	static const uint16_t ports[] = { PORT_LOCAL, PORT_REMOTE, PORT_FAR, PORT_UNREACHABLE,
					  PORT_SILENT };
	static const enum host endpoints[] = { POD, REMOTE, REMOTE1, UNREACHABLE, SILENT };
	int client = sockets_new(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	for (int i = 0; i < 15; i++) {
		int server = sockets_serve(kind->family, endpoints[i % 5], SOCK_DGRAM);

		assert_int_equal(sockets_send_to(kind, client, VIP, ports[i % 5], (char)('a' + i)),
				 0);
		assert_int_equal(sockets_echo_once(server), 'a' + i);
		assert_int_equal(sockets_receive(client, &from), 'a' + i);
		sockets_assert_address(kind, &from, VIP, ports[i % 5]);
		close(server);
	}
	close(client);
}

/* Over many connections each endpoint of a set is dialled. */
static void sets_are_spread(void **state)
{
	const struct sockets_kind *kind = *state;
	static const enum host hosts[] = { POD, REMOTE, REMOTE1 };
	int servers[3], hits[3] = {};

	for (int i = 0; i < 3; i++)
		servers[i] = sockets_serve(kind->family, hosts[i], SOCK_DGRAM);
	for (int i = 0; i < 90; i++) {
		int client = sockets_new(kind->domain, SOCK_DGRAM);

		assert_int_equal(sockets_send_to(kind, client, VIP, PORT_MANY, 'm'), 0);
		close(client);
	}
	for (int i = 0; i < 3; i++) {
		char what;

		while (recv(servers[i], &what, 1, MSG_DONTWAIT) == 1)
			hits[i]++;
		close(servers[i]);
	}
	assert_int_equal(hits[0] + hits[1] + hits[2], 90);
	for (int i = 0; i < 3; i++)
		assert_in_range(hits[i], 10, 60);
}

static int dial_all(int cgroup_fd)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test(connects),
		cmocka_unit_test(node_ports_connect),
		cmocka_unit_test(internal_sets_are_used),
		cmocka_unit_test(empty_services_refuse),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(connected_datagrams),
		cmocka_unit_test(unconnected_datagrams),
		cmocka_unit_test(strangers_keep_their_address),
		cmocka_unit_test(many_services_by_one_socket),
		cmocka_unit_test(sets_are_spread),
	};

	return sockets_run(cgroup_fd, "sockets", each, sizeof(each) / sizeof(*each));
}

int main(void)
{
	return cgroup_run(dial_all);
}
