/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item is a flag, a key and a value. The map is walked by its keys and never asked for one that
 * it may not have: a trie would answer with a shorter prefix.
 */
#include "dataplane/rows.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"

#define KEY_MAX	  32
#define VALUE_MAX 64
#define KEY_AT	  1

enum {
	ANY = 1,    /* the value does not matter, nor whether there is one */
	WANTED = 2, /* not seen yet */
};

static size_t item_size(const struct rows *rows)
{
	return KEY_AT + rows->key_size + rows->value_size;
}

static uint8_t *item(const struct rows *rows, size_t i)
{
	return rows->items + i * item_size(rows);
}

static const uint8_t *value_of(const struct rows *rows, const uint8_t *at)
{
	return at + KEY_AT + rows->key_size;
}

struct rows rows_of(const char *map, int fd, size_t key_size, size_t value_size,
		    rows_describe_fn describe)
{
	assert(key_size <= KEY_MAX && value_size <= VALUE_MAX);
	return (struct rows){
		.map = map,
		.fd = fd,
		.key_size = key_size,
		.value_size = value_size,
		.describe = describe,
	};
}

void rows_add(struct rows *rows, const void *key, const void *value)
{
	uint8_t *at;

	rows->items = mem_grow(rows->items, rows->n, &rows->cap, item_size(rows));
	at = item(rows, rows->n++);
	at[0] = value ? WANTED : ANY;
	memcpy(at + KEY_AT, key, rows->key_size);
	if (value)
		memcpy(at + KEY_AT + rows->key_size, value, rows->value_size);
}

void rows_fini(struct rows *rows)
{
	free(rows->items);
	rows->items = NULL;
	rows->n = rows->cap = 0;
}

static int by_key(const void *a, const void *b, void *arg)
{
	const struct rows *rows = arg;

	return memcmp((const uint8_t *)a + KEY_AT, (const uint8_t *)b + KEY_AT, rows->key_size);
}

static uint8_t *find(const struct rows *rows, const void *key)
{
	size_t from = 0, to = rows->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = memcmp(key, item(rows, middle) + KEY_AT, rows->key_size);

		if (!order)
			return item(rows, middle);
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

static void tell(const struct rows *rows, const void *key, const char *what, audit_fn fn, void *arg)
{
	char name[ROWS_TEXT_MAX], text[ROWS_TEXT_MAX + 32];

	rows->describe(key, name);
	snprintf(text, sizeof(text), "%s: %s", name, what);
	fn(arg, rows->map, "", text);
}

/* One that is there. */
static void check_entry(const struct rows *rows, const uint8_t *key, bool repair, audit_fn fn,
			void *arg)
{
	uint8_t value[VALUE_MAX], *at = find(rows, key);

	if (at && at[0] == ANY)
		return;
	if (!at) {
		tell(rows, key, "nobody's", fn, arg);
		if (repair)
			bpf_map_delete_elem(rows->fd, key);
		return;
	}
	if (bpf_map_lookup_elem(rows->fd, key, value))
		return; /* and so it is missing */
	at[0] &= (uint8_t)~WANTED;
	if (!memcmp(value, value_of(rows, at), rows->value_size))
		return;
	tell(rows, key, "not as it should be", fn, arg);
	if (repair)
		bpf_map_update_elem(rows->fd, key, value_of(rows, at), BPF_ANY);
}

int rows_check(struct rows *rows, bool repair, audit_fn fn, void *arg)
{
	uint8_t key[KEY_MAX], next[KEY_MAX];
	int r = bpf_map_get_next_key(rows->fd, NULL, next);

	if (rows->n)
		qsort_r(rows->items, rows->n, item_size(rows), by_key, rows);
	/* Nobody else adds or deletes while this runs: narud has one thread. */
	while (!r) {
		memcpy(key, next, rows->key_size);
		/* Before it goes, or the way would begin anew. */
		r = bpf_map_get_next_key(rows->fd, key, next);
		check_entry(rows, key, repair, fn, arg);
	}
	if (r != -ENOENT)
		return r;
	for (size_t i = 0; i < rows->n; i++) {
		const uint8_t *at = item(rows, i);

		if (at[0] != WANTED)
			continue;
		tell(rows, at + KEY_AT, "missing", fn, arg);
		if (repair)
			bpf_map_update_elem(rows->fd, at + KEY_AT, value_of(rows, at), BPF_ANY);
	}
	return 0;
}
