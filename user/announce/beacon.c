// SPDX-License-Identifier: Apache-2.0
/*
 * One socket a family. IPv4 is bound to the group; IPv6 cannot be without being bound to a device
 * as well, so the destination is looked at. daemon/announcing.c calls it.
 */
#include "announce/beacon.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"

#define HOPS  255 /* on arrival, too: nothing that a router passed on has it */
#define BURST 64  /* datagrams at a time */

struct beacon {
	struct loop *loop;
	beacon_fn fn;
	void *arg;
	int fd[2]; /* IPv4, IPv6; -1: the kernel has no such family */
	struct loop_fd *handle[2];
	struct addr group[2];
	uint32_t *ifindexes;
	size_t n;
};

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

struct setting {
	int level, name, value;
};

static const struct setting settings4[] = {
	{ IPPROTO_IP, IP_MULTICAST_TTL, HOPS }, { IPPROTO_IP, IP_MULTICAST_LOOP, 0 },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 0 },	{ IPPROTO_IP, IP_PKTINFO, 1 },
	{ IPPROTO_IP, IP_RECVTTL, 1 },
};

static const struct setting settings6[] = {
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },	  { IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0 }, { IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1 },
};

static int open_socket(bool six, const struct addr *group)
{
	const struct setting *settings = six ? settings6 : settings4;
	size_t n = six ? ARRAY_SIZE(settings6) : ARRAY_SIZE(settings4);
	_cleanup_(mem_closep) int fd =
		socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage at;
	socklen_t len;
	int r = fd < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < n; i++)
		r = set(fd, settings[i].level, settings[i].name, settings[i].value);
	if (r)
		return r;
	len = sockaddr_from_addr(group, BEACON_PORT, &at);
	if (six)
		((struct sockaddr_in6 *)&at)->sin6_addr = in6addr_any;
	return bind(fd, (struct sockaddr *)&at, len) ? -errno : TAKE_FD(fd);
}

/* ---- in ---- */

/* Where a datagram came in, and how. */
struct arrival {
	uint32_t ifindex;
	int hops;
	bool grouped;
};

static void read_control(const struct beacon *beacon, struct msghdr *msg, struct arrival *arrival)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct in_pktinfo four;
		struct in6_pktinfo six;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof(four));
			arrival->ifindex = (uint32_t)four.ipi_ifindex;
			arrival->grouped = !memcmp(&four.ipi_addr, beacon->group[0].byte + 12, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof(six));
			arrival->ifindex = six.ipi6_ifindex;
			arrival->grouped = !memcmp(&six.ipi6_addr, beacon->group[1].byte, 16);
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
			   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			memcpy(&arrival->hops, CMSG_DATA(c), sizeof(arrival->hops));
		}
	}
}

static bool has_device(const struct beacon *beacon, uint32_t ifindex)
{
	for (size_t i = 0; i < beacon->n; i++)
		if (beacon->ifindexes[i] == ifindex)
			return true;
	return false;
}

/* False when there is nothing left to read. */
static bool read_one(struct beacon *beacon, int fd)
{
	uint8_t data[2048];
	struct sockaddr_storage from;
	char control[256] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = { .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);
	struct arrival arrival = { 0 };
	struct addr addr;
	uint16_t port;

	if (len < 0)
		return errno == EINTR;
	read_control(beacon, &msg, &arrival);
	if (arrival.grouped && arrival.hops == HOPS && has_device(beacon, arrival.ifindex) &&
	    !(msg.msg_flags & MSG_TRUNC) && !sockaddr_to_addr(&from, &addr, &port) &&
	    port == BEACON_PORT)
		beacon->fn(beacon->arg, &addr, data, (size_t)len);
	return true;
}

static void on_readable(void *arg, unsigned events)
{
	struct beacon *beacon = arg;

	(void)events;
	for (int i = 0; i < 2; i++)
		for (int n = 0; beacon->fd[i] >= 0 && n < BURST; n++)
			if (!read_one(beacon, beacon->fd[i]))
				break;
}

/* ---- open ---- */

static int open_both(struct beacon *beacon)
{
	for (int i = 0; i < 2; i++) {
		int fd = open_socket(i == 1, &beacon->group[i]);

		if (fd == -EAFNOSUPPORT)
			continue;
		if (fd < 0)
			return fd;
		beacon->fd[i] = fd;
		beacon->handle[i] = loop_fd_add(beacon->loop, fd, LOOP_READ, on_readable, beacon);
	}
	return 0;
}

int beacon_open(struct loop *loop, beacon_fn fn, void *arg, struct beacon **ret_beacon)
{
	struct beacon *beacon = mem_new(sizeof(*beacon));
	int r;

	*beacon = (struct beacon){ .loop = loop, .fn = fn, .arg = arg, .fd = { -1, -1 } };
	addr_parse(BEACON_GROUP4, &beacon->group[0]);
	addr_parse(BEACON_GROUP6, &beacon->group[1]);
	r = open_both(beacon);
	if (r) {
		beacon_close(beacon);
		return r;
	}
	*ret_beacon = beacon;
	return 0;
}

void beacon_close(struct beacon *beacon)
{
	if (!beacon)
		return;
	for (int i = 0; i < 2; i++) {
		loop_fd_remove(beacon->handle[i]);
		mem_closep(&beacon->fd[i]);
	}
	free(beacon->ifindexes);
	free(beacon);
}

/* ---- devices ---- */

/* A device that goes takes its membership along; one that is joined already says so. */
static void join(struct beacon *beacon, uint32_t ifindex, bool on)
{
	struct ip_mreqn four = { .imr_ifindex = (int)ifindex };
	struct ipv6_mreq six = { .ipv6mr_interface = ifindex };

	memcpy(&four.imr_multiaddr, beacon->group[0].byte + 12, 4);
	memcpy(&six.ipv6mr_multiaddr, beacon->group[1].byte, 16);
	if (beacon->fd[0] >= 0)
		setsockopt(beacon->fd[0], IPPROTO_IP, on ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
			   &four, sizeof(four));
	if (beacon->fd[1] >= 0)
		setsockopt(beacon->fd[1], IPPROTO_IPV6,
			   on ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, &six, sizeof(six));
}

void beacon_devices(struct beacon *beacon, const uint32_t *ifindexes, size_t n)
{
	uint32_t *copy = mem_array(n, sizeof(*copy));

	for (size_t i = 0; i < beacon->n; i++) {
		bool stays = false;

		for (size_t j = 0; j < n; j++)
			stays |= ifindexes[j] == beacon->ifindexes[i];
		if (!stays)
			join(beacon, beacon->ifindexes[i], false);
	}
	for (size_t i = 0; i < n; i++) {
		copy[i] = ifindexes[i];
		join(beacon, ifindexes[i], true);
	}
	free(beacon->ifindexes);
	beacon->ifindexes = copy;
	beacon->n = n;
}

/* ---- out ---- */

static void put_control(struct cmsghdr *c, int level, int type, const void *data, size_t len)
{
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
}

int beacon_send(struct beacon *beacon, uint32_t ifindex, const struct addr *from,
		const uint8_t *data, size_t len)
{
	bool six = addr_family(from) == 6;
	struct in_pktinfo info4 = { .ipi_ifindex = (int)ifindex };
	struct in6_pktinfo info6 = { .ipi6_ifindex = ifindex };
	char control[CMSG_SPACE(sizeof(info6))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct sockaddr_storage to;
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen =
				      sockaddr_from_addr(&beacon->group[six], BEACON_PORT, &to),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = CMSG_SPACE(six ? sizeof(info6) : sizeof(info4)) };

	if (beacon->fd[six] < 0)
		return -EAFNOSUPPORT;
	memcpy(&info4.ipi_spec_dst, from->byte + 12, 4);
	memcpy(&info6.ipi6_addr, from->byte, 16);
	if (six)
		put_control(CMSG_FIRSTHDR(&msg), IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	else
		put_control(CMSG_FIRSTHDR(&msg), IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	return sendmsg(beacon->fd[six], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
