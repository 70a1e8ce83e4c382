/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet parser of bpf/, compiled natively: no byte beyond the frame is read, and what it says
 * is what a second parser says, which works by offsets and knows nothing of the first.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pkt_rare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
	enum pkt_result result;
	uint8_t saddr[16], daddr[16];
	uint16_t sport, dport, l4, len;
	uint8_t proto, ttl, tcp_flags;
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static struct answer says(enum pkt_result result)
{
	return (struct answer){ .result = result };
}

static bool is_ext(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS;
}

/* Fields of the network header; the rest of the decision is the same for both families. */
static struct answer network(const uint8_t *f, size_t len, int af)
{
	struct answer a = {};
	size_t body;

	if (len < (af == AF_INET ? 34 : 54))
		return says(PKT_SHORT);
	if (f[14] >> 4 != (af == AF_INET ? 4 : 6))
		return says(PKT_OTHER);
	if (af == AF_INET) {
		if ((f[14] & 15) < 5)
			return says(PKT_OTHER);
		if (get16(f + 20) & 0x3fff)
			return says(PKT_RARE);
		a.l4 = 14 + (f[14] & 15) * 4;
		a.proto = f[23];
		a.ttl = f[22];
		body = a.len = get16(f + 16);
		body = body < a.l4 - 14u ? 0 : body - (a.l4 - 14u);
		memcpy(a.saddr, f + 26, 4);
		memcpy(a.daddr, f + 30, 4);
	} else {
		a.l4 = 54;
		a.proto = f[20];
		a.ttl = f[21];
		body = get16(f + 18);
		a.len = (uint16_t)(body + 40);
		memcpy(a.saddr, f + 22, 16);
		memcpy(a.daddr, f + 38, 16);
	}
	if (body < (a.proto == IPPROTO_TCP ? 20 : 8))
		return says(PKT_OTHER);
	return a;
}

static bool is_rare(uint8_t proto, int af)
{
	if (af == AF_INET)
		return proto == IPPROTO_ICMP;
	return is_ext(proto) || proto == IPPROTO_ICMPV6;
}

/* What the first chunk of an SCTP packet is like; DATA and all that is not named: ACK. */
static const uint8_t chunk_flags[256] = {
	[0] = 0x10, [1] = 0x02,	      [2] = 0x12,	  [3 ... 5] = 0x10,
	[6] = 0x04, [7 ... 8] = 0x11, [9 ... 255] = 0x10,
};

static struct answer reference(const uint8_t *f, size_t len, int af)
{
	struct answer a = network(f, len, af);

	if (a.result != PKT_OK)
		return a;
	if (a.proto != IPPROTO_TCP && a.proto != IPPROTO_UDP && a.proto != IPPROTO_SCTP)
		return says(is_rare(a.proto, af) ? PKT_RARE : PKT_OTHER);
	if (len < a.l4 + (a.proto == IPPROTO_TCP ? 20u : a.proto == IPPROTO_SCTP ? 16u : 8u))
		return says(PKT_SHORT);
	a.sport = get16(f + a.l4);
	a.dport = get16(f + a.l4 + 2);
	if (a.proto == IPPROTO_TCP)
		a.tcp_flags = f[a.l4 + 13];
	if (a.proto == IPPROTO_SCTP)
		a.tcp_flags = chunk_flags[f[a.l4 + 12]];
	return a;
}

static void compare(const struct answer *a, const struct pkt *p, size_t len, int af)
{
	size_t size = af == AF_INET ? 4 : 16;

	assert(!memcmp(p->t.saddr, a->saddr, size));
	assert(!memcmp(p->t.daddr, a->daddr, size));
	assert(p->t.sport == a->sport && p->t.dport == a->dport);
	assert(p->t.proto == a->proto && p->ttl == a->ttl && p->tcp_flags == a->tcp_flags);
	assert(p->l4 == a->l4 && pkt_l4(p) == a->l4);
	assert(p->l4 + (p->t.proto == IPPROTO_TCP ? 20u : 8u) <= len);
	assert(p->l4 + 20u <= PKT_HEADERS && p->len == a->len);
	assert(pkt_is_syn(p) == ((a->tcp_flags & 0x17) == 0x02));
}

/* ---- what is rare ---- */

struct walk {
	enum pkt_kind kind;
	uint32_t id;
	size_t at;
	uint8_t proto;
};

/* Over extension headers, the reference's way. */
static struct walk walk6(const uint8_t *f, size_t len, size_t at, uint8_t proto)
{
	struct walk w = { .kind = PKT_K_PLAIN, .at = at, .proto = proto };

	for (int i = 0; is_ext(w.proto) && w.kind != PKT_K_LATER; i++) {
		if (i == PKT_EXT_MAX) {
			w.kind = PKT_K_UNKNOWN;
			return w;
		}
		if (w.at + 8 > len) {
			w.kind = PKT_K_SHORT;
			return w;
		}
		if (w.proto == IPPROTO_FRAGMENT) {
			memcpy(&w.id, f + w.at + 4, 4);
			if (get16(f + w.at + 2) >> 3)
				w.kind = PKT_K_LATER;
			else if (f[w.at + 3] & 1)
				w.kind = PKT_K_FIRST;
		}
		if (w.proto == IPPROTO_ROUTING && f[w.at + 3])
			w.kind = PKT_K_UNKNOWN;
		proto = w.proto;
		w.proto = f[w.at];
		w.at += proto == IPPROTO_FRAGMENT ? 8 : 8 + f[w.at + 1] * 8u;
		if (w.at > PKT_RARE_L4_MAX)
			w.kind = PKT_K_UNKNOWN;
		if (w.kind == PKT_K_UNKNOWN)
			return w;
	}
	return w;
}

/* The kind of a frame, and where its fields are. */
static struct walk rare(const uint8_t *f, size_t len, int af, size_t *ret_total)
{
	struct walk w = { .kind = PKT_K_OTHER };

	if (len < (af == AF_INET ? 34 : 54)) {
		w.kind = PKT_K_SHORT;
		return w;
	}
	*ret_total = af == AF_INET ? get16(f + 16) : get16(f + 18) + 40u;
	if (f[14] >> 4 != (af == AF_INET ? 4 : 6))
		return w;
	if (af == AF_INET6) {
		w = walk6(f, len, 54, f[20]);
	} else if ((f[14] & 15) >= 5) {
		w.at = 14 + (f[14] & 15) * 4u;
		w.proto = f[23];
		memcpy(&w.id, f + 18, 2);
		w.kind = get16(f + 20) & 0x1fff	  ? PKT_K_LATER
			 : get16(f + 20) & 0x2000 ? PKT_K_FIRST
						  : PKT_K_PLAIN;
	}
	if (w.kind <= PKT_K_ICMP && (uint16_t)*ret_total < w.at - 14 + 8)
		w.kind = PKT_K_OTHER;
	return w;
}

static enum pkt_kind rare_kind(const struct walk *w, size_t total, size_t len, int af)
{
	if (w->kind > PKT_K_ICMP)
		return w->kind;
	if (w->kind == PKT_K_PLAIN && w->proto == (af == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return PKT_K_ICMP;
	if (w->kind == PKT_K_LATER)
		return af == AF_INET6 || pkt_has_ports(w->proto) ? PKT_K_LATER : PKT_K_OTHER;
	if (w->proto != IPPROTO_TCP && w->proto != IPPROTO_UDP)
		return PKT_K_OTHER;
	if (w->proto == IPPROTO_TCP && (uint16_t)total < w->at - 14 + 20)
		return PKT_K_OTHER;
	return w->at + (w->proto == IPPROTO_TCP ? 20u : 8u) > len ? PKT_K_SHORT : w->kind;
}

static void compare_rare(const uint8_t *f, const struct walk *w, const struct pkt *p, uint32_t id,
			 int af)
{
	size_t size = af == AF_INET ? 4 : 16, at = af == AF_INET ? 26 : 22;

	assert(!memcmp(p->t.saddr, f + at, size));
	assert(!memcmp(p->t.daddr, f + at + size, size));
	assert(p->l4 == w->at && pkt_l4(p) == w->at && p->t.proto == w->proto);
	assert(p->ttl == f[af == AF_INET ? 22 : 21]);
	if (w->kind == PKT_K_FIRST || w->kind == PKT_K_LATER)
		assert(id == w->id);
}

static void parse_rare(const uint8_t *frame, size_t size, int af)
{
	size_t total = 0;
	struct walk w = rare(frame, size, af, &total);
	struct pkt p = {};
	uint32_t id = 0;
	enum pkt_kind kind = af == AF_INET ? pkt_parse_rare(frame, frame + size, &p, &id, AF_INET)
					   : pkt_parse_rare(frame, frame + size, &p, &id, AF_INET6);

	assert(kind == rare_kind(&w, total, size, af));
	if (kind > PKT_K_ICMP)
		return;
	compare_rare(frame, &w, &p, id, af);
	assert(p.len == (uint16_t)total);
	if (kind <= PKT_K_FIRST) {
		assert(p.t.sport == get16(frame + w.at));
		assert(p.t.dport == get16(frame + w.at + 2));
	}
}

/* The frame's network packet as if an error quoted it. */
static void parse_quoted(const uint8_t *frame, size_t size, int af)
{
	struct walk w;
	struct pkt p = {};
	enum pkt_kind kind = af == AF_INET
				     ? pkt_parse_quoted(frame, frame + size, 14, &p, AF_INET)
				     : pkt_parse_quoted(frame, frame + size, 14, &p, AF_INET6);

	if (kind != PKT_K_PLAIN)
		return;
	assert(size >= (af == AF_INET ? 34 : 54) && frame[14] >> 4 == (af == AF_INET ? 4 : 6));
	w = af == AF_INET ? (struct walk){ .at = 14 + (frame[14] & 15) * 4u, .proto = frame[23] }
			  : walk6(frame, size, 54, frame[20]);
	assert(w.kind <= PKT_K_FIRST && pkt_has_ports(w.proto) && w.at + 8 <= size);
	w.kind = PKT_K_PLAIN;
	p.ttl = frame[af == AF_INET ? 22 : 21];
	compare_rare(frame, &w, &p, 0, af);
	assert(p.t.sport == get16(frame + w.at) && p.t.dport == get16(frame + w.at + 2));
}

/* Network headers of received frames are aligned to four bytes, link headers are not. */
static void parse(const uint8_t *data, size_t size, int af)
{
	uint8_t *room = malloc(size + 2), *frame = room + 2;
	struct answer a = reference(data, size, af);
	struct pkt p = {};
	enum pkt_result r;

	assert(room);
	if (size)
		memcpy(frame, data, size);
	assert(pkt_ethertype(frame, frame + size) == (size < 14 ? 0 : get16(data + 12)));
	r = af == AF_INET ? pkt_parse(frame, frame + size, &p, AF_INET)
			  : pkt_parse(frame, frame + size, &p, AF_INET6);
	assert(r == a.result);
	if (r == PKT_OK)
		compare(&a, &p, size, af);
	parse_rare(frame, size, af);
	parse_quoted(frame, size, af);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size, AF_INET);
	parse(data, size, AF_INET6);
	return 0;
}
