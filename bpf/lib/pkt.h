/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 1: what the packet is. Fills struct pkt from an Ethernet frame that carries TCP, UDP or SCTP
 * over IPv4 or IPv6. What may be ours but is not plain is PKT_RARE, see pkt_rare.h; everything else
 * is PKT_OTHER and belongs to the kernel's stack. Pure: compiles natively for unit tests and
 * fuzzing.
 *
 * The family is a compile-time constant of every caller. Addresses are 32-bit words in wire order
 * (IPv4 uses the first), ports are in host order.
 */
#pragma once
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#ifndef AF_INET
#define AF_INET	 2
#define AF_INET6 10
#endif

#define PKT_L3	    14 /* offset of the network header */
#define PKT_HEADERS 94 /* Ethernet, the longest IPv4 header, TCP without options */

/* Words of an address. */
#define PKT_WORDS(af) ((af) == AF_INET ? 1 : 4)

struct tuple {
	__u32 saddr[4];
	__u32 daddr[4];
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 pad[3];
} __attribute__((aligned(8)));

struct pkt {
	struct tuple t;
	__u16 l4;  /* offset of the transport header */
	__u16 len; /* of the network packet, as its header says */
	__u8 ttl;
	__u8 tcp_flags; /* the byte with FIN, SYN, RST, ACK; of SCTP what is like it; 0 for UDP */
};

#define PKT_FIN 0x01
#define PKT_SYN 0x02
#define PKT_RST 0x04
#define PKT_ACK 0x10

/* Common header and the first chunk of an SCTP packet. */
struct pkt_sctp {
	__u16 source;
	__u16 dest;
	__u32 tag;
	__u8 sum[4];
	__u8 chunk;
	__u8 flags;
	__u16 len;
};

enum pkt_result {
	PKT_OK,
	PKT_OTHER, /* of no interest, or malformed */
	PKT_SHORT, /* headers end beyond the given bytes */
	PKT_RARE,  /* ICMP, a fragment, or with IPv6 extension headers */
};

/* The protocols that pkt_rare.h looks into, as bits: all are below 64. */
#define PKT_RARE4 (1ull << IPPROTO_ICMP)
#define PKT_RARE6                                                                                  \
	(1ull << IPPROTO_HOPOPTS | 1ull << IPPROTO_ROUTING | 1ull << IPPROTO_FRAGMENT |            \
	 1ull << IPPROTO_DSTOPTS | 1ull << IPPROTO_ICMPV6)

/* The v4-mapped form that the keys of cold maps have. */
static __always_inline void pkt_map_addr(__u8 out[16], const __u32 *addr, const int af)
{
	__u32 *word = (__u32 *)out;

	word[0] = af == AF_INET ? 0 : addr[0];
	word[1] = af == AF_INET ? 0 : addr[1];
	word[2] = af == AF_INET ? bpf_htonl(0xffff) : addr[2];
	word[3] = af == AF_INET ? addr[0] : addr[3];
}

/* The Ethernet type in host order, 0 when there is none. */
static __always_inline __u16 pkt_ethertype(const void *data, const void *end)
{
	const struct ethhdr *eth = data;

	if ((const void *)(eth + 1) > end)
		return 0;
	return bpf_ntohs(*(const __u16 *)__builtin_assume_aligned(&eth->h_proto, 2));
}

/* The offset of the transport header, bounded so that the verifier accepts it after a reload. */
static __always_inline __u32 pkt_l4(const struct pkt *p)
{
	return p->l4 & 255;
}

/* True for the segment that opens a TCP connection. */
static __always_inline int pkt_is_syn(const struct pkt *p)
{
	return (p->tcp_flags & (PKT_SYN | PKT_ACK | PKT_RST | PKT_FIN)) == PKT_SYN;
}

/* True for the segment that answers it. */
static __always_inline int pkt_is_syn_ack(const struct pkt *p)
{
	return (p->tcp_flags & (PKT_SYN | PKT_ACK | PKT_RST | PKT_FIN)) == (PKT_SYN | PKT_ACK);
}

static __always_inline enum pkt_result pkt_parse_ip4(const void *data, const void *end,
						     struct pkt *p)
{
	const struct iphdr *ip = data + PKT_L3;
	__u32 header;

	if ((const void *)(ip + 1) > end)
		return PKT_SHORT;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip))
		return PKT_OTHER;
	if (ip->frag_off & bpf_htons(0x3fff))
		return PKT_RARE;
	p->len = bpf_ntohs(ip->tot_len);
	if (p->len < header + (ip->protocol == IPPROTO_TCP ? 20 : 8))
		return PKT_OTHER;
	p->t.saddr[0] = ip->saddr;
	p->t.daddr[0] = ip->daddr;
	p->t.proto = ip->protocol;
	p->ttl = ip->ttl;
	p->l4 = PKT_L3 + header;
	return PKT_OK;
}

static __always_inline enum pkt_result pkt_parse_ip6(const void *data, const void *end,
						     struct pkt *p)
{
	const struct ipv6hdr *ip = data + PKT_L3;

	if ((const void *)(ip + 1) > end)
		return PKT_SHORT;
	if (ip->version != 6 || bpf_ntohs(ip->payload_len) < (ip->nexthdr == IPPROTO_TCP ? 20 : 8))
		return PKT_OTHER;
	__builtin_memcpy(p->t.saddr, &ip->saddr, 16);
	__builtin_memcpy(p->t.daddr, &ip->daddr, 16);
	p->t.proto = ip->nexthdr;
	p->ttl = ip->hop_limit;
	p->len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	p->l4 = PKT_L3 + sizeof(*ip);
	return PKT_OK;
}

/* What a chunk means, in TCP's terms: four bits for each of the first sixteen, FIN, SYN, RST, ACK.
 * INIT, INIT ACK, ABORT, SHUTDOWN and SHUTDOWN ACK have a like there. A table in a word, since the
 * verifier would follow each branch of a switch to the end of the program. */
#define PKT_SCTP_FLAGS 0x8888888994888a28ull

static __always_inline __u8 pkt_sctp_flags(__u8 chunk)
{
	__u32 bits = PKT_SCTP_FLAGS >> 4 * (chunk < 16 ? chunk : 0) & 15;

	return (bits & 7) | (bits & 8) << 1;
}

static __always_inline enum pkt_result pkt_parse_sctp(const void *data, const void *end,
						      struct pkt *p)
{
	const struct pkt_sctp *head = data + p->l4;

	if ((const void *)(head + 1) > end)
		return PKT_SHORT;
	p->t.sport = bpf_ntohs(head->source);
	p->t.dport = bpf_ntohs(head->dest);
	p->tcp_flags = pkt_sctp_flags(head->chunk);
	return PKT_OK;
}

/* Ports and flags, once the transport header is found. */
static __always_inline enum pkt_result pkt_parse_l4(const void *data, const void *end,
						    struct pkt *p, __u32 l4)
{
	const struct udphdr *ports = data + l4;

	if ((const void *)(ports + 1) > end)
		return PKT_SHORT;
	p->t.sport = bpf_ntohs(ports->source);
	p->t.dport = bpf_ntohs(ports->dest);
	p->tcp_flags = 0;
	if (p->t.proto == IPPROTO_TCP) {
		const struct tcphdr *tcp = (const void *)ports;

		if ((const void *)(tcp + 1) > end)
			return PKT_SHORT;
		p->tcp_flags = ((const __u8 *)tcp)[13];
	}
	return PKT_OK;
}

static __always_inline enum pkt_result pkt_parse(const void *data, const void *end, struct pkt *p,
						 const int af)
{
	enum pkt_result r =
		af == AF_INET ? pkt_parse_ip4(data, end, p) : pkt_parse_ip6(data, end, p);
	const __u64 rare = af == AF_INET ? PKT_RARE4 : PKT_RARE6;

	if (r != PKT_OK)
		return r;
	if (p->t.proto != IPPROTO_TCP && p->t.proto != IPPROTO_UDP) {
		if (p->t.proto == IPPROTO_SCTP)
			return pkt_parse_sctp(data, end, p);
		return p->t.proto < 64 && rare >> p->t.proto & 1 ? PKT_RARE : PKT_OTHER;
	}
	return pkt_parse_l4(data, end, p, p->l4);
}
