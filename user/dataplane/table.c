/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two control words cannot change at once. So a pair is removed in three steps: the first half is
 * held (REAPED), then the second, and only then both are freed. If a packet has used the second one
 * meanwhile, the first is given back. A sweep leaves nothing REAPED: whatever is belongs to one
 * that was killed half way.
 */
#include "dataplane/table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t slot_size(const struct table *t)
{
	return t->family == 4 ? sizeof(struct naru_slot4) : sizeof(struct naru_slot6);
}

static uint64_t *ctrl_at(const struct table *t, uint32_t pos)
{
	return (uint64_t *)(void *)(t->mem + pos * slot_size(t));
}

static uint64_t read_ctrl(const struct table *t, uint32_t pos)
{
	return __atomic_load_n(ctrl_at(t, pos), __ATOMIC_ACQUIRE);
}

/* The last words of a slot are the same in both families. */
struct tail {
	uint32_t peer;
	uint32_t home;
	uint32_t ep;
	uint32_t spill;
};

_Static_assert(offsetof(struct naru_slot4, peer) == sizeof(struct naru_slot4) - sizeof(struct tail),
	       "tail last");
_Static_assert(offsetof(struct naru_slot6, peer) == sizeof(struct naru_slot6) - sizeof(struct tail),
	       "tail last");

static struct tail *tail_at(const struct table *t, uint32_t pos)
{
	return (struct tail *)(void *)(t->mem + (pos + 1) * slot_size(t)) - 1;
}

static uint32_t read_field(const uint32_t *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static enum naru_slot_state state_of(uint64_t ctrl)
{
	return (enum naru_slot_state)(ctrl & NARU_CTRL_STATE);
}

static uint64_t with_state(uint64_t ctrl, enum naru_slot_state state)
{
	return (ctrl & ~NARU_CTRL_STATE) | state;
}

/* The entry goes to another state, unless anything about it has changed. */
static bool change(struct table *t, uint32_t pos, uint64_t ctrl, enum naru_slot_state state)
{
	return __atomic_compare_exchange_n(ctrl_at(t, pos), &ctrl, with_state(ctrl, state), false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static struct table_half half_at(const struct table *t, uint32_t pos, uint64_t ctrl)
{
	return (struct table_half){ .slot = ctrl_at(t, pos), .ctrl = ctrl };
}

/* ---- size and life ---- */

/* Total store order: loads are seen in the order of the program. */
#if defined(__x86_64__) || defined(__s390x__)
#define IN_ORDER 1
#else
#define IN_ORDER 0
#endif

struct naru_table_config table_size(uint32_t entries)
{
	/* Four thirds of the entries, four slots a bucket; four fifths of the buckets are main. */
	uint64_t buckets = ((uint64_t)entries * 4 / 3 + NARU_TABLE_WAYS - 1) / NARU_TABLE_WAYS;
	uint32_t main = (uint32_t)((buckets * 4 + 4) / 5);

	main = main < 8 ? 8 : main;
	return (struct naru_table_config){ .main = main,
					   .stash = (main + 3) / 4,
					   .in_order = IN_ORDER };
}

int table_open(struct table *t, int family, int fd, const struct naru_table_config *size,
	       const struct table_rules *rules)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*t = (struct table){ .family = family, .size = *size, .rules = *rules };
	t->slots = (size->main + size->stash) * NARU_TABLE_WAYS;
	t->len = (t->slots * slot_size(t) + page - 1) & ~(page - 1);
	t->mem = mmap(NULL, t->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (t->mem != MAP_FAILED)
		return 0;
	t->mem = NULL;
	return -errno;
}

void table_close(struct table *t)
{
	if (t->mem)
		munmap(t->mem, t->len);
	t->mem = NULL;
}

/* ---- removal ---- */

/* Frees an entry that is ours (REAPED). */
static void free_reaped(struct table *t, uint32_t pos, uint64_t ctrl)
{
	uint32_t home = tail_at(t, pos)->home;
	struct table_half half = half_at(t, pos, ctrl);

	if (t->rules.gone)
		t->rules.gone(t->rules.arg, &half);
	__atomic_store_n(ctrl_at(t, pos), ctrl & NARU_CTRL_VERSION, __ATOMIC_SEQ_CST);
	if (home != pos / NARU_TABLE_WAYS)
		__atomic_fetch_sub(&tail_at(t, home * NARU_TABLE_WAYS)->spill, 1, __ATOMIC_SEQ_CST);
}

/* The other direction: answers, and points back. */
uint32_t table_peer(const struct table *t, uint32_t pos, uint64_t *ret_ctrl)
{
	uint32_t peer = read_field(&tail_at(t, pos)->peer);
	uint64_t ctrl;

	if (peer >= t->slots)
		return NARU_TABLE_NO_SLOT;
	ctrl = read_ctrl(t, peer);
	if (!(ctrl & NARU_CTRL_ANSWERS) || read_field(&tail_at(t, peer)->peer) != pos)
		return NARU_TABLE_NO_SLOT;
	*ret_ctrl = ctrl;
	return peer;
}

bool table_remove_one(struct table *t, uint32_t pos, uint64_t ctrl)
{
	uint64_t now = ctrl;

	while (now & NARU_CTRL_ANSWERS && !((now ^ ctrl) & NARU_CTRL_IDENTITY)) {
		if (change(t, pos, now, NARU_SLOT_REAPED)) {
			free_reaped(t, pos, now);
			return true;
		}
		now = read_ctrl(t, pos);
	}
	return false;
}

bool table_remove_pair(struct table *t, uint32_t pos, uint64_t ctrl, uint32_t peer,
		       uint64_t peer_ctrl)
{
	if (!change(t, pos, ctrl, NARU_SLOT_REAPED))
		return false;
	if (!change(t, peer, peer_ctrl, NARU_SLOT_REAPED)) {
		__atomic_store_n(ctrl_at(t, pos), with_state(ctrl, NARU_SLOT_LIVE),
				 __ATOMIC_SEQ_CST);
		return false;
	}
	free_reaped(t, pos, ctrl);
	free_reaped(t, peer, peer_ctrl);
	return true;
}

static void remove_marked(struct table *t, uint32_t pos, uint64_t ctrl, struct table_sum *sum)
{
	uint64_t peer_ctrl = 0;
	uint32_t peer = table_peer(t, pos, &peer_ctrl);

	if (peer == NARU_TABLE_NO_SLOT) {
		if (!change(t, pos, ctrl, NARU_SLOT_REAPED))
			return;
		free_reaped(t, pos, ctrl);
		sum->removed++;
		return;
	}
	/* Otherwise judged when the walk comes to it. */
	if (state_of(peer_ctrl) != NARU_SLOT_DYING)
		return;
	if (table_remove_pair(t, pos, ctrl, peer, peer_ctrl))
		sum->removed += 2;
	else
		sum->revived++;
}

/* ---- the walk ---- */

static bool is_over(const struct table *t, uint32_t pos, uint64_t ctrl, uint32_t peer,
		    uint64_t peer_ctrl)
{
	struct table_half half = half_at(t, pos, ctrl), other;

	if (peer == NARU_TABLE_NO_SLOT)
		return t->rules.is_over(t->rules.arg, &half, NULL);
	other = half_at(t, peer, peer_ctrl);
	return t->rules.is_over(t->rules.arg, &half, &other);
}

static void visit_answering(struct table *t, uint32_t pos, uint64_t ctrl, struct table_sum *sum)
{
	uint64_t peer_ctrl = 0;
	uint32_t peer = table_peer(t, pos, &peer_ctrl);
	bool dying = state_of(ctrl) == NARU_SLOT_DYING, over;

	sum->met++;
	/* A pair goes when the walk comes to its lower position and both are marked: a sweep after
	 * the marks, at the earliest. */
	if (dying && state_of(peer_ctrl) == NARU_SLOT_DYING) {
		if (pos < peer)
			remove_marked(t, pos, ctrl, sum);
		return;
	}
	over = is_over(t, pos, ctrl, peer, peer_ctrl);
	if (!dying) {
		if (over && change(t, pos, ctrl, NARU_SLOT_DYING))
			sum->marked++;
	} else if (!over) {
		/* The other direction was used. */
		if (change(t, pos, ctrl, NARU_SLOT_LIVE))
			sum->revived++;
	} else if (peer == NARU_TABLE_NO_SLOT) {
		remove_marked(t, pos, ctrl, sum);
	}
}

bool table_sweep(struct table *t, uint32_t slots, struct table_sum *sum)
{
	for (; slots && t->cursor < t->slots; slots--, t->cursor++) {
		uint64_t ctrl = read_ctrl(t, t->cursor);

		if (ctrl & NARU_CTRL_ANSWERS)
			visit_answering(t, t->cursor, ctrl, sum);
		else
			sum->cleaned += table_clean(t, t->cursor);
	}
	if (t->cursor < t->slots)
		return false;
	t->cursor = 0;
	return true;
}

uint32_t table_remove(struct table *t,
		      bool (*matches)(const void *arg, const struct table_half *half),
		      const void *arg)
{
	uint32_t removed = 0;

	for (uint32_t pos = 0; pos < t->slots; pos++) {
		uint64_t ctrl = read_ctrl(t, pos);
		struct table_half half = half_at(t, pos, ctrl);

		/* That the word did not change proves that what was matched is the same entry. */
		while (half.ctrl & NARU_CTRL_ANSWERS && matches(arg, &half)) {
			if (change(t, pos, half.ctrl, NARU_SLOT_REAPED)) {
				free_reaped(t, pos, half.ctrl);
				removed++;
				break;
			}
			half.ctrl = read_ctrl(t, pos);
		}
	}
	return removed;
}

bool table_clean(struct table *t, uint32_t pos)
{
	uint64_t ctrl = read_ctrl(t, pos);

	if (state_of(ctrl) != NARU_SLOT_REAPED)
		return false;
	free_reaped(t, pos, ctrl);
	return true;
}

bool table_read(const struct table *t, uint32_t pos, struct naru_slot6 *ret_slot)
{
	uint64_t ctrl = read_ctrl(t, pos);

	if (!(ctrl & NARU_CTRL_ANSWERS))
		return false;
	memcpy(ret_slot, ctrl_at(t, pos), slot_size(t));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if ((read_ctrl(t, pos) ^ ctrl) & NARU_CTRL_IDENTITY)
		return false;
	ret_slot->ctrl = ctrl;
	return true;
}

void table_fill(const struct table *t, struct table_fill *ret_fill)
{
	struct table_fill fill = { 0 };

	for (uint32_t pos = 0; pos < t->slots; pos++) {
		uint32_t bucket = pos / NARU_TABLE_WAYS;

		if (!(read_ctrl(t, pos) & NARU_CTRL_ANSWERS))
			continue;
		fill.used++;
		if (read_field(&tail_at(t, pos)->home) == bucket)
			fill.home++;
		else if (bucket < t->size.main)
			fill.second++;
		else
			fill.stash++;
	}
	*ret_fill = fill;
}
