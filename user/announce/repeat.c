// SPDX-License-Identifier: Apache-2.0
/* daemon/announcing.c calls it. */
#include "announce/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void repeat_fini(struct repeat *repeat)
{
	free(repeat->items);
	*repeat = (struct repeat){ 0 };
}

/* Where the address is, or would be. */
static size_t place(const struct repeat *repeat, const struct addr *addr)
{
	size_t low = 0, high = repeat->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&repeat->items[middle].addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct repeat *repeat, size_t at, const struct addr *addr)
{
	return at < repeat->n && !addr_compare(&repeat->items[at].addr, addr);
}

void repeat_add(struct repeat *repeat, const struct addr *addr, uint64_t now_ms)
{
	size_t at = place(repeat, addr);

	if (!is_at(repeat, at, addr)) {
		repeat->items =
			mem_grow(repeat->items, repeat->n, &repeat->cap, sizeof(*repeat->items));
		memmove(&repeat->items[at + 1], &repeat->items[at],
			(repeat->n++ - at) * sizeof(*repeat->items));
	}
	repeat->items[at] =
		(struct repeat_item){ .addr = *addr, .left = REPEAT_TIMES, .due_ms = now_ms };
}

void repeat_drop(struct repeat *repeat, const struct addr *addr)
{
	size_t at = place(repeat, addr);

	if (is_at(repeat, at, addr))
		repeat->items[at].left = 0;
}

static void forget_done(struct repeat *repeat)
{
	size_t n = 0;

	for (size_t i = 0; i < repeat->n; i++)
		if (repeat->items[i].left)
			repeat->items[n++] = repeat->items[i];
	repeat->n = n;
}

void repeat_due(struct repeat *repeat, uint64_t now_ms,
		void (*fn)(void *arg, const struct addr *addr), void *arg)
{
	size_t room = REPEAT_BURST, n = repeat->n;

	for (size_t i = 0; i < n && room; i++) {
		struct repeat_item *item = &repeat->items[repeat->next++ % n];

		if (!item->left || now_ms < item->due_ms)
			continue;
		fn(arg, &item->addr);
		item->left--;
		item->due_ms = now_ms + REPEAT_MS;
		room--;
	}
	if (n)
		repeat->next %= n;
	forget_done(repeat);
}
