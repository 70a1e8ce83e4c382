/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet parser of bpf/, compiled natively: no byte beyond the frame is read, and what it says
 * is what a second parser says, which works by offsets and knows nothing of the first.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
	enum pkt_result result;
	uint8_t saddr[16], daddr[16];
	uint16_t sport, dport, l4;
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
		if ((f[14] & 15) < 5 || get16(f + 20) & 0x3fff)
			return says(PKT_OTHER);
		a.l4 = 14 + (f[14] & 15) * 4;
		a.proto = f[23];
		a.ttl = f[22];
		body = get16(f + 16);
		body = body < a.l4 - 14u ? 0 : body - (a.l4 - 14u);
		memcpy(a.saddr, f + 26, 4);
		memcpy(a.daddr, f + 30, 4);
	} else {
		a.l4 = 54;
		a.proto = f[20];
		a.ttl = f[21];
		body = get16(f + 18);
		memcpy(a.saddr, f + 22, 16);
		memcpy(a.daddr, f + 38, 16);
	}
	if (body < (a.proto == IPPROTO_TCP ? 20 : 8))
		return says(PKT_OTHER);
	return a;
}

static struct answer reference(const uint8_t *f, size_t len, int af)
{
	struct answer a = network(f, len, af);

	if (a.result != PKT_OK)
		return a;
	if (a.proto != IPPROTO_TCP && a.proto != IPPROTO_UDP)
		return says(PKT_OTHER);
	if (len < a.l4 + (a.proto == IPPROTO_TCP ? 20u : 8u))
		return says(PKT_SHORT);
	a.sport = get16(f + a.l4);
	a.dport = get16(f + a.l4 + 2);
	a.tcp_flags = a.proto == IPPROTO_TCP ? f[a.l4 + 13] : 0;
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
	assert(p->l4 + 20u <= PKT_HEADERS);
	assert(pkt_is_syn(p) == ((a->tcp_flags & 0x17) == 0x02));
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
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size, AF_INET);
	parse(data, size, AF_INET6);
	return 0;
}
