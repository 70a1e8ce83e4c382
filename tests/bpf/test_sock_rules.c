/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is translated at the socket and who is not: loopback, sockets of pods, affinity, source
 * ranges, closed ports. The sockets of a pod are made in a network namespace of their own, in which
 * every address is local; what they are led to shows in the counters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "cgroup.h"
#include "node_services.h"
#include "sockets.h"

/* ---- a pod ---- */

static int node_ns = -1, pod_ns = -1;

static void run(const char *command)
{
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void make_pod(void)
{
	node_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	pod_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	run("ip link set lo up");
	run("ip route add local default dev lo");
	run("ip -6 route add local default dev lo");
	assert_int_equal(setns(node_ns, CLONE_NEWNET), 0);
}

static int pod_socket(int domain, int type)
{
	int fd;

	if (pod_ns < 0)
		make_pod();
	assert_int_equal(setns(pod_ns, CLONE_NEWNET), 0);
	fd = sockets_new(domain, type);
	assert_int_equal(setns(node_ns, CLONE_NEWNET), 0);
	return fd;
}

/* Whether a connect by a pod's socket was translated. */
static bool pod_connects(const struct sockets_kind *kind, int type, enum host host, uint16_t port)
{
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
	int fd = pod_socket(kind->domain, type);

	sockets_dial(kind, fd, host, port);
	close(fd);
	return sockets_counted(NARU_C_SOCK_TRANSLATED) != before;
}

static bool sends(const struct sockets_kind *kind, int fd, enum host host, uint16_t port)
{
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);

	sockets_send_to(kind, fd, host, port, 'x');
	return sockets_counted(NARU_C_SOCK_TRANSLATED) != before;
}

/* ---- services ---- */

static struct naru_svc_key key_of(const struct sockets_kind *kind, enum host host, uint16_t port,
				  uint8_t proto)
{
	struct naru_svc_key key = { .port = port, .proto = proto };

	key.family = kind->family == AF_INET ? 4 : 6;
	world_mapped(host, kind->family, key.addr);
	return key;
}

static struct naru_svc read_service(const struct naru_svc_key *key)
{
	struct naru_svc value;

	assert_int_equal(bpf_map_lookup_elem(node_map("svc"), key, &value), 0);
	return value;
}

static void write_service(const struct naru_svc_key *key, const struct naru_svc *value)
{
	assert_int_equal(bpf_map_update_elem(node_map("svc"), key, value, BPF_ANY), 0);
}

/* ---- loopback ---- */

static socklen_t loopback(const struct sockets_kind *kind, const char *addr4, uint16_t port,
			  struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	char mapped[64];

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)kind->domain;
	if (kind->domain == AF_INET) {
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, addr4, &in->sin_addr), 1);
		return sizeof(*in);
	}
	in6->sin6_port = htons(port);
	snprintf(mapped, sizeof(mapped), "::ffff:%s", addr4);
	assert_int_equal(
		inet_pton(AF_INET6, kind->family == AF_INET ? mapped : "::1", &in6->sin6_addr), 1);
	return sizeof(*in6);
}

static void node_ports_on_loopback(void **state)
{
	static const char *const addrs[] = { "127.0.0.1", "127.1.2.3" };
	const struct sockets_kind *kind = *state;

	for (size_t i = 0; i < 2; i++) {
		int server = sockets_serve(kind->family, POD, SOCK_STREAM),
		    client = sockets_new(kind->domain, SOCK_STREAM);
		struct sockaddr_storage to, peer = {};
		socklen_t len = loopback(kind, addrs[i], PORT_NODE_LOCAL, &to),
			  peer_len = sizeof(peer);

		assert_int_equal(connect(client, (void *)&to, len), 0);
		assert_int_equal(getpeername(client, (void *)&peer, &peer_len), 0);
		assert_memory_equal(&peer, &to, len);
		close(client);
		close(server);
	}
}

static void datagrams_on_loopback(void **state)
{
	const struct sockets_kind *kind = *state;
	int server = sockets_serve(kind->family, POD, SOCK_DGRAM),
	    client = sockets_new(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage to, from = {};
	socklen_t len = loopback(kind, "127.0.0.1", PORT_NODE_LOCAL, &to);

	for (int connected = 0; connected < 2; connected++) {
		if (connected)
			assert_int_equal(connect(client, (void *)&to, len), 0);
		assert_int_equal(connected ? send(client, "l", 1, 0)
					   : sendto(client, "l", 1, 0, (void *)&to, len),
				 1);
		assert_int_equal(sockets_echo_once(server), 'l');
		assert_int_equal(sockets_receive(client, &from), 'l');
		assert_memory_equal(&from, &to, len);
	}
	close(client);
	close(server);
}

/* The hostPort of one address of the loopback: not at another one, nor at the node's. */
static void host_port_on_loopback(void **state)
{
	const struct sockets_kind *kind = *state;

	for (int udp = 0; udp < 2; udp++) {
		int type = udp ? SOCK_DGRAM : SOCK_STREAM;
		int server = sockets_serve(kind->family, POD, type),
		    client = sockets_new(kind->domain, type), other, pod;
		uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
		struct sockaddr_storage to;

		assert_int_equal(sockets_dial(kind, client, OWN, PORT_OWN), 0);
		sockets_assert_peer(kind, client, OWN, PORT_OWN);
		assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before + 1);
		other = sockets_new(kind->domain, type);
		if (kind->family == AF_INET) {
			socklen_t len = loopback(kind, "127.0.0.2", PORT_OWN, &to);

			assert_int_equal(connect(other, (void *)&to, len), udp ? 0 : -1);
		}
		sockets_dial(kind, other, NODE, PORT_OWN);
		pod = pod_socket(kind->domain, type);
		sockets_dial(kind, pod, OWN, PORT_OWN);
		if (udp)
			sockets_send_to(kind, pod, OWN, PORT_OWN, 'x');
		assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before + 1);
		close(pod);
		close(other);
		close(client);
		close(server);
	}
}

/* A ClusterIP's port is not on loopback, and neither is a port that no service has. */
static void nothing_else_on_loopback(void **state)
{
	const struct sockets_kind *kind = *state;
	static const uint16_t ports[] = { PORT_LOCAL, 1 };

	for (size_t i = 0; i < 2; i++) {
		int client = sockets_new(kind->domain, SOCK_STREAM);
		uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
		struct sockaddr_storage to;

		assert_int_equal(connect(client, (void *)&to,
					 loopback(kind, "127.0.0.1", ports[i], &to)),
				 -1);
		assert_int_equal(errno, ECONNREFUSED);
		assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before);
		close(client);
	}
}

/* The loopback of a pod is its own. */
static void loopback_of_a_pod(void **state)
{
	const struct sockets_kind *kind = *state;
	int client = pod_socket(kind->domain, SOCK_STREAM);
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
	struct sockaddr_storage to;

	assert_int_equal(connect(client, (void *)&to,
				 loopback(kind, "127.0.0.1", PORT_NODE_LOCAL, &to)),
			 -1);
	assert_int_equal(sockets_counted(NARU_C_SOCK_TRANSLATED), before);
	close(client);
}

/* ---- pods ---- */

/* Datagram sockets that keep their peer are TC's, so that a flow can be led elsewhere. */
static void sockets_of_a_pod(void **state)
{
	const struct sockets_kind *kind = *state;
	int udp = pod_socket(kind->domain, SOCK_DGRAM);

	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_LOCAL));
	assert_true(pod_connects(kind, SOCK_STREAM, NODE, PORT_NODE_LOCAL));
	assert_true(sends(kind, udp, VIP, PORT_LOCAL));
	assert_false(pod_connects(kind, SOCK_DGRAM, VIP, PORT_LOCAL));
	assert_int_equal(sockets_dial(kind, udp, VIP, PORT_LOCAL), 0);
	assert_false(sends(kind, udp, VIP, PORT_LOCAL));
	close(udp);
}

/* ---- pods that want none of it ---- */

static struct naru_cgroup own_cgroup;

static void switch_off(bool off)
{
	struct naru_state value;
	const uint8_t one = 1;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(node_map("state"), &zero, &value), 0);
	value.sock_off = off;
	assert_int_equal(bpf_map_update_elem(node_map("state"), &zero, &value, BPF_ANY), 0);
	if (off)
		assert_int_equal(
			bpf_map_update_elem(node_map("sock_off"), &own_cgroup, &one, BPF_ANY), 0);
	else
		assert_int_equal(bpf_map_delete_elem(node_map("sock_off"), &own_cgroup), 0);
}

/* The pod's socket dials the service itself, whose packets TC then translates. A socket of the
 * node has nobody else. */
static void pods_opt_out(void **state)
{
	const struct sockets_kind *kind = *state;
	int udp = pod_socket(kind->domain, SOCK_DGRAM),
	    node = sockets_new(kind->domain, SOCK_DGRAM);

	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_LOCAL));
	switch_off(true);
	assert_false(pod_connects(kind, SOCK_STREAM, VIP, PORT_LOCAL));
	assert_false(pod_connects(kind, SOCK_STREAM, NODE, PORT_NODE_LOCAL));
	assert_false(sends(kind, udp, VIP, PORT_LOCAL));
	assert_true(sends(kind, node, VIP, PORT_LOCAL));
	switch_off(false);
	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_LOCAL));
	assert_true(sends(kind, udp, VIP, PORT_LOCAL));
	close(node);
	close(udp);
}

/* Another pod's entry does not matter. */
static void others_opt_out(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_cgroup was = own_cgroup;

	own_cgroup.id = UINT64_MAX;
	switch_off(true);
	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_LOCAL));
	switch_off(false);
	own_cgroup = was;
}

/* ---- affinity and ranges ---- */

/* Which endpoint of PORT_MANY a new socket of the node is led to. */
static enum host led_to(const struct sockets_kind *kind, enum host frontend)
{
	static const enum host hosts[] = { POD, REMOTE, REMOTE1 };
	int client = sockets_new(kind->domain, SOCK_DGRAM);
	enum host found = NOBODY;
	int servers[3];
	char what;

	for (int i = 0; i < 3; i++)
		servers[i] = sockets_serve(kind->family, hosts[i], SOCK_DGRAM);
	assert_int_equal(sockets_send_to(kind, client, frontend, PORT_MANY, 'm'), 0);
	for (int i = 0; i < 3; i++) {
		if (recv(servers[i], &what, 1, MSG_DONTWAIT) == 1)
			found = hosts[i];
		close(servers[i]);
	}
	close(client);
	assert_int_not_equal(found, NOBODY);
	return found;
}

static void sockets_stick(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_svc_key key = key_of(kind, VIP, PORT_MANY, IPPROTO_UDP);
	struct naru_svc was = read_service(&key), sticky = was;
	struct naru_affinity_key client = { .svc = was.id };
	struct naru_affinity seen;
	enum host first, now;
	bool moved = false;

	sticky.affinity = 100;
	write_service(&key, &sticky);
	first = led_to(kind, VIP);
	for (int i = 0; i < 30; i++)
		assert_int_equal(led_to(kind, VIP), first);
	/* Its endpoint is not in the set any more, although the memory is fresh. */
	assert_int_equal(bpf_map_lookup_elem(node_map("affinity"), &client, &seen), 0);
	seen.ep = node_services_endpoint(POD2, IPPROTO_UDP, kind->family);
	assert_int_equal(bpf_map_update_elem(node_map("affinity"), &client, &seen, BPF_ANY), 0);
	first = led_to(kind, VIP);
	assert_int_equal(led_to(kind, VIP), first);
	/* Too long ago: spread anew, and so in the end elsewhere. */
	for (int i = 0; i < 60 && !moved; i++) {
		assert_int_equal(bpf_map_lookup_elem(node_map("affinity"), &client, &seen), 0);
		seen.seen -= 102;
		assert_int_equal(bpf_map_update_elem(node_map("affinity"), &client, &seen, BPF_ANY),
				 0);
		now = led_to(kind, VIP);
		moved = now != first;
	}
	assert_true(moved);
	write_service(&key, &was);
}

/* Another place in the list is no other endpoint. */
static void lists_may_shift(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_svc_key key = key_of(kind, VIP, PORT_MANY, IPPROTO_UDP);
	struct naru_svc was = read_service(&key), sticky = was;
	struct naru_affinity_key client = { .svc = was.id };
	struct naru_affinity seen;

	sticky.affinity = 100;
	write_service(&key, &sticky);
	led_to(kind, VIP);
	assert_int_equal(bpf_map_lookup_elem(node_map("affinity"), &client, &seen), 0);
	seen.ep = node_services_endpoint(REMOTE1, IPPROTO_UDP, kind->family);
	seen.index = 0;
	assert_int_equal(bpf_map_update_elem(node_map("affinity"), &client, &seen, BPF_ANY), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(led_to(kind, VIP), REMOTE1);
	write_service(&key, &was);
}

static void affinity_of_a_pod(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_svc_key key = key_of(kind, VIP, PORT_MANY, IPPROTO_TCP);
	struct naru_svc was = read_service(&key), sticky = was;

	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_MANY));
	sticky.affinity = 100;
	write_service(&key, &sticky);
	assert_false(pod_connects(kind, SOCK_STREAM, VIP, PORT_MANY));
	write_service(&key, &was);
	assert_true(pod_connects(kind, SOCK_STREAM, VIP, PORT_MANY));
}

static void source_ranges(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_svc_key key = key_of(kind, LB, PORT_LB_LOCAL, IPPROTO_UDP);
	struct naru_svc was = read_service(&key), ranged = was;
	int client = sockets_new(kind->domain, SOCK_DGRAM),
	    pod = pod_socket(kind->domain, SOCK_DGRAM);
	uint64_t before = sockets_counted(NARU_C_SOURCE_RANGE),
		 lost = node_losses(was.id, NARU_C_SOURCE_RANGE);

	ranged.ranged = 1;
	write_service(&key, &ranged);
	assert_int_equal(sockets_send_to(kind, client, LB, PORT_LB_LOCAL, 'r'), -EHOSTUNREACH);
	assert_int_equal(sockets_dial(kind, client, LB, PORT_LB_LOCAL), -EHOSTUNREACH);
	assert_int_equal(sockets_counted(NARU_C_SOURCE_RANGE), before + 2);
	assert_int_equal(node_losses(was.id, NARU_C_SOURCE_RANGE), lost + 2);
	assert_false(sends(kind, pod, LB, PORT_LB_LOCAL));
	assert_int_equal(sockets_counted(NARU_C_SOURCE_RANGE), before + 2);
	ranged.ranged_node = 1;
	write_service(&key, &ranged);
	assert_true(sends(kind, client, LB, PORT_LB_LOCAL));
	write_service(&key, &was);
	close(pod);
	close(client);
}

/* ---- closed ports ---- */

static void closed_ports_refuse(void **state)
{
	const struct sockets_kind *kind = *state;
	struct naru_svc_key key = key_of(kind, VIP, 0, 0);
	struct naru_svc closed = { .kind = NARU_NO_PORT };
	static struct naru_filter filter;
	uint32_t zero = 0, addr[4], bit;
	int client = sockets_new(kind->domain, SOCK_STREAM),
	    pod = pod_socket(kind->domain, SOCK_STREAM);
	uint64_t before = sockets_counted(NARU_C_SOCK_REFUSED);

	world_addr(VIP, kind->family, (uint8_t *)addr);
	bit = naru_addr_bit(addr, kind->family == AF_INET ? 1 : 4);
	assert_int_equal(bpf_map_lookup_elem(node_map("filter"), &zero, &filter), 0);
	filter.closed[bit / 32] |= 1u << bit % 32;
	assert_int_equal(bpf_map_update_elem(node_map("filter"), &zero, &filter, BPF_ANY), 0);
	write_service(&key, &closed);
	assert_int_equal(sockets_dial(kind, client, VIP, 999), -ECONNREFUSED);
	assert_int_equal(sockets_dial(kind, pod, VIP, 999), -ECONNREFUSED);
	assert_int_equal(sockets_counted(NARU_C_SOCK_REFUSED), before + 2);
	filter.closed[bit / 32] &= ~(1u << bit % 32);
	assert_int_equal(bpf_map_update_elem(node_map("filter"), &zero, &filter, BPF_ANY), 0);
	assert_int_equal(bpf_map_delete_elem(node_map("svc"), &key), 0);
	close(pod);
	close(client);
}

static int dial_all(int cgroup_fd)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test(node_ports_on_loopback),
		cmocka_unit_test(datagrams_on_loopback),
		cmocka_unit_test(host_port_on_loopback),
		cmocka_unit_test(nothing_else_on_loopback),
		cmocka_unit_test(loopback_of_a_pod),
		cmocka_unit_test(sockets_of_a_pod),
		cmocka_unit_test(pods_opt_out),
		cmocka_unit_test(others_opt_out),
		cmocka_unit_test(sockets_stick),
		cmocka_unit_test(lists_may_shift),
		cmocka_unit_test(affinity_of_a_pod),
		cmocka_unit_test(source_ranges),
		cmocka_unit_test(closed_ports_refuse),
	};
	struct stat st;

	if (fstat(cgroup_fd, &st))
		return 1;
	own_cgroup.id = st.st_ino;
	return sockets_run(cgroup_fd, "socket rules", each, sizeof(each) / sizeof(*each));
}

int main(void)
{
	return cgroup_run(dial_all);
}
