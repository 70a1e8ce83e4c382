/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets of this node, at connect and sendmsg: the endpoint instead of the service, at no cost
 * per packet. What the application is told (getpeername, the sender of a datagram) stays the
 * service's address, remembered in storage that lives and dies with the socket. No failure of
 * ours makes a system call fail, but a service without endpoint refuses.
 */
#include <linux/bpf.h>

#include "lib/socket.h"

static __always_inline int is_mapped(const __u32 *addr6)
{
	return !addr6[0] && !addr6[1] && addr6[2] == bpf_htonl(0xffff);
}

static __always_inline void read4(struct bpf_sock_addr *ctx, struct socket_peer *p)
{
	p->addr[0] = ctx->user_ip4;
	p->port = bpf_ntohs((__u16)ctx->user_port);
	p->proto = ctx->protocol;
}

static __always_inline void write4(struct bpf_sock_addr *ctx, const struct socket_peer *p)
{
	ctx->user_ip4 = p->addr[0];
	ctx->user_port = bpf_htons(p->port);
}

static __always_inline void read6(struct bpf_sock_addr *ctx, struct socket_peer *p)
{
	p->addr[0] = ctx->user_ip6[0];
	p->addr[1] = ctx->user_ip6[1];
	p->addr[2] = ctx->user_ip6[2];
	p->addr[3] = ctx->user_ip6[3];
	p->port = bpf_ntohs((__u16)ctx->user_port);
	p->proto = ctx->protocol;
}

static __always_inline void write6(struct bpf_sock_addr *ctx, const struct socket_peer *p)
{
	ctx->user_ip6[0] = p->addr[0];
	ctx->user_ip6[1] = p->addr[1];
	ctx->user_ip6[2] = p->addr[2];
	ctx->user_ip6[3] = p->addr[3];
	ctx->user_port = bpf_htons(p->port);
}

static __always_inline int forth4(struct bpf_sock_addr *ctx, const int connects)
{
	struct socket_peer to = {};
	int found, verdict;

	read4(ctx, &to);
	verdict = socket_forth(ctx, &to, &found, connects, AF_INET);
	if (found)
		write4(ctx, &to);
	return verdict;
}

/* An IPv6 socket may reach an IPv4 service by its mapped address. */
static __always_inline int forth6(struct bpf_sock_addr *ctx, const int connects)
{
	struct socket_peer to = {};
	int found, verdict;

	read6(ctx, &to);
	if (!is_mapped(to.addr)) {
		verdict = socket_forth(ctx, &to, &found, connects, AF_INET6);
	} else {
		to.addr[0] = to.addr[3];
		verdict = socket_forth(ctx, &to, &found, connects, AF_INET);
		to.addr[3] = to.addr[0];
		to.addr[0] = 0;
	}
	if (found)
		write6(ctx, &to);
	return verdict;
}

static __always_inline int back4(struct bpf_sock_addr *ctx)
{
	struct socket_peer from = {};

	read4(ctx, &from);
	if (socket_back(ctx, &from, AF_INET))
		write4(ctx, &from);
	return 1;
}

/* Storage holds mapped addresses, so one look-up serves both kinds of address. */
static __always_inline int back6(struct bpf_sock_addr *ctx)
{
	struct socket_peer from = {};

	read6(ctx, &from);
	if (socket_back(ctx, &from, AF_INET6))
		write6(ctx, &from);
	return 1;
}

#define HOOK(section, name, fn)                                                                    \
	SEC(section)                                                                               \
	int name(struct bpf_sock_addr *ctx)                                                        \
	{                                                                                          \
		return fn(ctx);                                                                    \
	}

static __always_inline int connect4(struct bpf_sock_addr *ctx)
{
	return forth4(ctx, 1);
}

static __always_inline int connect6(struct bpf_sock_addr *ctx)
{
	return forth6(ctx, 1);
}

static __always_inline int send4(struct bpf_sock_addr *ctx)
{
	return forth4(ctx, 0);
}

static __always_inline int send6(struct bpf_sock_addr *ctx)
{
	return forth6(ctx, 0);
}

HOOK("cgroup/connect4", sock_connect4, connect4)
HOOK("cgroup/connect6", sock_connect6, connect6)
HOOK("cgroup/sendmsg4", sock_sendmsg4, send4)
HOOK("cgroup/sendmsg6", sock_sendmsg6, send6)
HOOK("cgroup/recvmsg4", sock_recvmsg4, back4)
HOOK("cgroup/recvmsg6", sock_recvmsg6, back6)
HOOK("cgroup/getpeername4", sock_getpeer4, back4)
HOOK("cgroup/getpeername6", sock_getpeer6, back6)

char naru_license[] SEC("license") = "Dual BSD/GPL";
