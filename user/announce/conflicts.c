// SPDX-License-Identifier: Apache-2.0
/* Few addresses are ever in conflict: a plain list. daemon/announcing.c calls it. */
#include "announce/conflicts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/rendezvous.h"

#define CONFLICTS_MAX 256

void conflicts_fini(struct conflicts *conflicts)
{
	free(conflicts->items);
	*conflicts = (struct conflicts){ 0 };
}

static struct conflict *find(const struct conflicts *conflicts, const struct addr *addr)
{
	for (size_t i = 0; i < conflicts->n; i++)
		if (!addr_compare(&conflicts->items[i].sight.addr, addr))
			return &conflicts->items[i];
	return NULL;
}

static struct conflict *get(struct conflicts *conflicts, const struct addr *addr)
{
	struct conflict *conflict = find(conflicts, addr);

	if (conflict || conflicts->n == CONFLICTS_MAX)
		return conflict;
	conflicts->items = mem_grow(conflicts->items, conflicts->n, &conflicts->cap,
				    sizeof(*conflicts->items));
	conflict = &conflicts->items[conflicts->n++];
	*conflict = (struct conflict){ 0 };
	return conflict;
}

const char *conflicts_node(const struct plan *plan, uint32_t number)
{
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (rendezvous_name(plan->nodes[i].name) == number)
			return plan->nodes[i].name;
	return NULL;
}

/* Both see it alike, since each knows the other's name. */
static bool loses(const struct plan *plan, const char *other, const struct addr *addr)
{
	uint64_t ours = rendezvous_weight(plan->node, addr),
		 theirs = rendezvous_weight(other, addr);

	return theirs != ours ? theirs > ours : strcmp(other, plan->node) < 0;
}

static void yield(struct conflict *conflict, uint64_t now_ms)
{
	unsigned doublings =
		conflict->yields < CONFLICT_DOUBLINGS ? conflict->yields : CONFLICT_DOUBLINGS;

	conflict->yields++;
	conflict->yields_ms = now_ms + ((uint64_t)CONFLICT_YIELD_MS << doublings);
	conflict->what = "another node of the cluster, which is not heard: it is left to that one";
}

static enum conflict_answer defend(struct conflict *conflict, bool known, uint64_t now_ms)
{
	conflict->what = known ? "another node of the cluster, which is not heard: it is to yield"
			       : "a machine that is no node of the cluster";
	if (conflict->told_ms && now_ms < conflict->told_ms + CONFLICT_DEFEND_MS)
		return CONFLICT_NOTHING;
	conflict->told_ms = now_ms;
	return CONFLICT_DEFEND;
}

enum conflict_answer conflicts_note(struct conflicts *conflicts, const struct plan *plan,
				    const struct conflict_sight *sight, bool settled,
				    uint64_t now_ms)
{
	const char *node = sight->marked ? conflicts_node(plan, sight->node) : NULL;
	struct conflict *conflict;

	/* Our own frames come back where two devices share a link; and one that is heard has just
	 * taken over, or is about to let go. */
	if (settled || (node && !strcmp(node, plan->node)))
		return CONFLICT_NOTHING;
	conflict = get(conflicts, &sight->addr);
	if (!conflict)
		return CONFLICT_NOTHING;
	conflict->sight = *sight;
	conflict->seen_ms = now_ms;
	if (!node || !loses(plan, node, &sight->addr))
		return defend(conflict, node, now_ms);
	if (now_ms < conflict->yields_ms)
		return CONFLICT_NOTHING;
	yield(conflict, now_ms);
	return CONFLICT_YIELD;
}

bool conflicts_yields(const struct conflicts *conflicts, const struct addr *addr, uint64_t now_ms)
{
	const struct conflict *conflict = find(conflicts, addr);

	return conflict && now_ms < conflict->yields_ms;
}

bool conflicts_tick(struct conflicts *conflicts, uint64_t now_ms)
{
	bool over = false;
	size_t n = 0;

	for (size_t i = 0; i < conflicts->n; i++) {
		struct conflict *conflict = &conflicts->items[i];

		if (conflict->yields_ms && now_ms >= conflict->yields_ms) {
			conflict->yields_ms = 0;
			over = true;
		}
		if (!conflict->yields_ms && now_ms > conflict->seen_ms + CONFLICT_SHOWN_MS)
			over = true;
		else
			conflicts->items[n++] = *conflict;
	}
	conflicts->n = n;
	return over;
}

void conflicts_report(const struct conflicts *conflicts, struct diag_list *diags)
{
	for (size_t i = 0; i < conflicts->n; i++) {
		const struct conflict *conflict = &conflicts->items[i];
		const uint8_t *mac = conflict->sight.mac;
		char text[ADDR_STR_LEN];
		_cleanup_(mem_freep) char *object =
			mem_printf("address %s", addr_format(&conflict->sight.addr, text));

		diag_add(diags, DIAG_ERROR, "", 0, object, "",
			 "%02x:%02x:%02x:%02x:%02x:%02x answers for it, too: %s", mac[0], mac[1],
			 mac[2], mac[3], mac[4], mac[5], conflict->what);
	}
}
