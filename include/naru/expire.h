/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * When a flow is over: one rule for narud's sweep and for the kernel's reclaim. A flow's two
 * directions are judged together; the shorter idle time counts. Values are those of the kernel's
 * conntrack (nf_conntrack_proto_tcp.c, nf_conntrack_proto_udp.c) with kube-proxy's changes
 * (established 24 h, close-wait 1 h). Associations of SCTP have TCP's states, and idle times of
 * nf_conntrack_proto_sctp.c, except that what is not complete is remembered while it is sent again
 * (RFC 9260: RTO.Initial is 1 s, and it doubles).
 */
#pragma once
#include <naru/abi.h>

/* Ticks, that is, about seconds. */
#define NARU_IDLE_TCP_OPENING  60
#define NARU_IDLE_TCP	       86400
#define NARU_IDLE_TCP_HALF     3600 /* one side has sent FIN */
#define NARU_IDLE_TCP_CLOSED   120  /* both have */
#define NARU_IDLE_TCP_RESET    10
#define NARU_IDLE_SCTP_OPENING 30
#define NARU_IDLE_SCTP	       210
#define NARU_IDLE_SCTP_CLOSED  10 /* and while it is being closed, or reset */
#define NARU_IDLE_UDP	       30
#define NARU_IDLE_UDP_STREAM   120

enum naru_flow_state {
	NARU_OPENING,	  /* TCP and SCTP, the handshake is not complete */
	NARU_ESTABLISHED, /* TCP and SCTP */
	NARU_HALF_CLOSED,
	NARU_CLOSED,
	NARU_RESET,
	NARU_ONE_WAY, /* UDP */
	NARU_REPLIED, /* UDP, for less than two ticks: a question and its answer */
	NARU_STREAM,  /* UDP */
};

/* fwd: client to endpoint; rev: the way back, NULL when its entry is gone. */
static inline __attribute__((always_inline)) enum naru_flow_state
naru_flow_state(const struct naru_flow *fwd, const struct naru_flow *rev, __u8 proto)
{
	__u32 replied = 0;
	__u8 back = 0, any;

	/* Read in one place: verifiers before 6.6 lose sight of what is behind a second test. */
	if (rev) {
		back = rev->flags;
		replied = rev->seen;
	}
	any = fwd->flags | back;
	if (proto == NARU_UDP)
		return !replied ? NARU_ONE_WAY : any & NARU_F_STREAM ? NARU_STREAM : NARU_REPLIED;
	if (any & NARU_F_RST)
		return NARU_RESET;
	if (fwd->flags & back & NARU_F_FIN)
		return NARU_CLOSED;
	if (any & NARU_F_FIN)
		return NARU_HALF_CLOSED;
	/* The endpoint answers any SYN, so only the client's acknowledgement tells that it exists:
	 * else a flood from invented addresses would fill the table for a day. */
	return replied && fwd->flags & NARU_F_ACK ? NARU_ESTABLISHED : NARU_OPENING;
}

static inline __attribute__((always_inline)) __u32 naru_flow_idle_max(enum naru_flow_state is)
{
	switch (is) {
	case NARU_OPENING:
		return NARU_IDLE_TCP_OPENING;
	case NARU_HALF_CLOSED:
		return NARU_IDLE_TCP_HALF;
	case NARU_CLOSED:
		return NARU_IDLE_TCP_CLOSED;
	case NARU_RESET:
		return NARU_IDLE_TCP_RESET;
	case NARU_ONE_WAY:
	case NARU_REPLIED:
		return NARU_IDLE_UDP;
	case NARU_STREAM:
		return NARU_IDLE_UDP_STREAM;
	default:
		return NARU_IDLE_TCP;
	}
}

static inline __attribute__((always_inline)) __u32 naru_sctp_idle_max(enum naru_flow_state is)
{
	switch (is) {
	case NARU_OPENING:
		return NARU_IDLE_SCTP_OPENING;
	case NARU_ESTABLISHED:
		return NARU_IDLE_SCTP;
	default:
		return NARU_IDLE_SCTP_CLOSED;
	}
}

/* Ticks since the last packet in either direction. Ticks may differ by one between CPUs. */
static inline __attribute__((always_inline)) __u32
naru_flow_idle(const struct naru_flow *fwd, const struct naru_flow *rev, __u32 now)
{
	__u32 seen = fwd->seen, back = 0;

	if (rev)
		back = rev->seen;
	if (back && (__s32)(back - seen) > 0)
		seen = back;
	return (__s32)(now - seen) > 0 ? now - seen : 0;
}

static inline __attribute__((always_inline)) int
naru_flow_expired(const struct naru_flow *fwd, const struct naru_flow *rev, __u8 proto, __u32 now)
{
	enum naru_flow_state is = naru_flow_state(fwd, rev, proto);
	__u32 max = proto == NARU_SCTP ? naru_sctp_idle_max(is) : naru_flow_idle_max(is);

	return naru_flow_idle(fwd, rev, now) > max;
}
