/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All bits of struct naru_filter form one flat array here; bit n of it has reference count n. The
 * programs read the mapped words while we write them, hence the atomic operations.
 */
#include "dataplane/filter.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "dataplane/encode.h"

#define WORDS	  (sizeof(struct naru_filter) / sizeof(uint32_t))
#define SIDE_BITS (sizeof(struct naru_filter_half) * 8)
#define PORT_BITS 65536u

struct filter {
	uint32_t *map;
	uint32_t *refs; /* by bit */
	/* Set without a reference when the current sweep began: may go at its end. */
	uint32_t old[WORDS];
	/* Lost their last reference since: must outlive it. */
	uint32_t fresh[WORDS];
	uint32_t seen[WORDS]; /* needed by flows that the current sweep has met */
	bool pending;
};

struct filter *filter_new(struct naru_filter *map)
{
	struct filter *f = mem_new(sizeof(*f));

	f->map = (uint32_t *)map;
	f->refs = mem_array(WORDS * 32, sizeof(*f->refs));
	memcpy(f->fresh, f->map, sizeof(f->fresh));
	f->pending = true;
	return f;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	free(f->refs);
	free(f);
}

static uint32_t port_bit(enum filter_side side, uint8_t proto, uint16_t port)
{
	return side * SIDE_BITS + (proto == NARU_UDP ? PORT_BITS : 0) + port;
}

static uint32_t addr_bit(enum filter_side side, const struct addr *addr)
{
	uint32_t bit = encode_addr_bit(addr);

	return side * SIDE_BITS + (side == FILTER_CLOSED ? bit : 2 * PORT_BITS + bit);
}

static bool has_addr(const struct addr *addr)
{
	return addr && !addr_is_zero(addr);
}

static void set_bit(struct filter *f, uint32_t bit)
{
	uint32_t mask = 1u << (bit & 31);

	if (!(f->map[bit / 32] & mask))
		__atomic_fetch_or(&f->map[bit / 32], mask, __ATOMIC_RELEASE);
}

static void hold(struct filter *f, uint32_t bit)
{
	f->refs[bit]++;
	set_bit(f, bit);
}

static void drop(struct filter *f, uint32_t bit)
{
	assert(f->refs[bit]);
	if (--f->refs[bit])
		return;
	f->fresh[bit / 32] |= 1u << (bit & 31);
	f->pending = true;
}

void filter_hold(struct filter *f, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr)
{
	if (has_addr(addr))
		hold(f, addr_bit(side, addr));
	if (port)
		hold(f, port_bit(side, proto, port));
}

void filter_drop(struct filter *f, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr)
{
	if (has_addr(addr))
		drop(f, addr_bit(side, addr));
	if (port)
		drop(f, port_bit(side, proto, port));
}

void filter_sweep_begin(struct filter *f)
{
	for (size_t i = 0; i < WORDS; i++)
		f->old[i] |= f->fresh[i];
	memset(f->fresh, 0, sizeof(f->fresh));
	memset(f->seen, 0, sizeof(f->seen));
}

/* A flow that lives has its bits, whatever the settings were when it began. */
static void seen(struct filter *f, uint32_t bit)
{
	set_bit(f, bit);
	f->seen[bit / 32] |= 1u << (bit & 31);
	if (!f->refs[bit])
		f->fresh[bit / 32] |= 1u << (bit & 31);
}

void filter_seen(struct filter *f, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr)
{
	if (has_addr(addr))
		seen(f, addr_bit(side, addr));
	if (port)
		seen(f, port_bit(side, proto, port));
}

/* The bits of one word that nobody needs. */
static uint32_t unneeded(const struct filter *f, size_t word)
{
	uint32_t bits = f->old[word] & ~f->seen[word] & ~f->fresh[word];
	uint32_t held = 0;

	for (uint32_t rest = bits; rest; rest &= rest - 1) {
		unsigned bit = (unsigned)__builtin_ctz(rest);

		if (f->refs[word * 32 + bit])
			held |= 1u << bit;
	}
	return bits & ~held;
}

void filter_sweep_end(struct filter *f)
{
	bool pending = false;

	for (size_t i = 0; i < WORDS; i++) {
		uint32_t bits = f->old[i] ? unneeded(f, i) : 0;

		if (bits)
			__atomic_fetch_and(&f->map[i], ~bits, __ATOMIC_RELEASE);
		f->old[i] = 0;
		pending |= f->fresh[i] != 0;
	}
	f->pending = pending;
}

bool filter_pending(const struct filter *f)
{
	return f->pending;
}

unsigned filter_check(struct filter *f, bool repair)
{
	unsigned n = 0;

	for (uint32_t bit = 0; bit < WORDS * 32; bit++) {
		if (!f->refs[bit] || f->map[bit / 32] & 1u << (bit & 31))
			continue;
		n++;
		if (repair)
			set_bit(f, bit);
	}
	return n;
}
