/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a description, with every check sum computed from scratch over the finished bytes.
 * What a program should have put out is built here too, so that expected bytes never come from
 * the code under test.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "world.h"

#define PACKET_MAX 2048

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

enum shape {
	PLAIN,
	OPTIONS,	/* eight bytes of IPv4 options, or an IPv6 destination options header */
	CHAINED,	/* IPv6: hop-by-hop, destination options and routing headers, 40 bytes */
	ROUTED,		/* IPv6: a routing header with a segment left */
	DEEP,		/* IPv6: seven destination options headers */
	FIRST_FRAGMENT, /* more follow */
	LATER_FRAGMENT, /* bytes where ports would be are payload */
	TAGGED,		/* an 802.1Q tag before the network header */
	STACKED,	/* an 802.1ad tag */
	STRANGE,	/* an Ethernet type that nobody knows */
};

struct packet {
	enum host src, dst;
	uint16_t sport, dport;
	uint8_t proto; /* IPPROTO_TCP, _UDP, _SCTP, or another one without ports */
	uint8_t tcp;   /* flags; of SCTP: the chunk that means the same */
	uint8_t ttl;   /* 0: 64 */
	enum station from, to;
	uint32_t seq, ack;
	uint16_t payload; /* bytes */
	uint16_t mark;	  /* the first two bytes of the payload */
	uint16_t options; /* bytes of TCP options, a multiple of 4 */
	uint16_t padding; /* zero bytes behind the network packet */
	uint16_t id;	  /* of a fragment; 0: 0x1234 */
	bool blank_id;	  /* IPv4: identification and flags are 0 */
	bool unsummed;	  /* UDP without check sum */
	enum shape shape;
};

/* The frame's length; frame has PACKET_MAX bytes. */
size_t packet_build(const struct packet *p, int family, uint8_t *ret_frame);
/* ICMP and ICMPv6 errors. */
enum error {
	NO_ERROR,
	PORT_CLOSED, /* destination unreachable */
	TOO_BIG,     /* fragmentation needed, packet too big */
	EXPIRED,     /* time exceeded */
	PARAMETER,   /* parameter problem */
	REDIRECTED,  /* there is a better gateway: no error, but quotes a packet */
};

/* An error about a frame, of whose network packet so many bytes are quoted. */
struct complaint {
	enum error kind;
	uint32_t word; /* MTU, pointer */
	const uint8_t *about;
	size_t quoted;
};

size_t packet_error(const struct packet *outer, int family, const struct complaint *c,
		    uint8_t *ret_frame);
/* NULL, or which check sum of a frame is wrong, all of them computed again. */
const char *packet_wrong_sum(const uint8_t *frame, size_t len);
/* The one's complement sum of big-endian words, folded, on top of `start`. */
uint16_t packet_sum(const uint8_t *data, size_t len, uint32_t start);

static inline uint16_t packet_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void packet_put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = (uint8_t)value;
}

/* Where the transport header of an untagged frame begins. */
size_t packet_l4(const uint8_t *frame);
