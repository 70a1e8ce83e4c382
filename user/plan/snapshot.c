// SPDX-License-Identifier: Apache-2.0
/*
 * Writes and reads the layer 7 half of a plan by the tables of layout.c: the version, then each
 * member in its order, integers as the machine has them (both sides are on one), strings and arrays
 * behind their length in four bytes. narud writes, the proxy reads. Invariants: what is read back
 * is written as the same bytes again; nothing beyond the input is read, and no more memory is taken
 * than a fixed multiple of its length.
 */
#include "plan/snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "plan/layout.h"

static const char magic[4] = { 'n', 'a', 'r', 'u' };

/* ---- writing ------------------------------------------------------------------------------- */

static void put_length(size_t n, struct str *out)
{
	uint32_t length = (uint32_t)n;

	str_add(out, (const char *)&length, sizeof(length));
}

static void put_fields(const struct layout *fields, const void *base, struct str *out);

static void put_array(const struct layout *field, const void *base, struct str *out)
{
	const char *items;
	size_t n;

	items = layout_array(field, base, &n);
	put_length(n, out);
	for (size_t i = 0; i < n; i++)
		put_fields(field->of, items + i * field->size, out);
}

static void put_string(const char *text, struct str *out)
{
	size_t len = strlen(text);

	put_length(len, out);
	str_add(out, text, len);
}

static void put_fields(const struct layout *fields, const void *base, struct str *out)
{
	for (const struct layout *field = fields; field->kind; field++) {
		const char *at = (const char *)base + field->offset;

		if (field->kind == LAYOUT_STRUCT)
			put_fields(field->of, at, out);
		else if (field->kind == LAYOUT_ARRAY)
			put_array(field, base, out);
		else if (field->kind == LAYOUT_STRING)
			put_string(layout_string(field, base), out);
		else
			str_add(out, at, field->size);
	}
}

void snapshot_encode(const struct plan_l7 *l7, struct str *out)
{
	str_add(out, magic, sizeof(magic));
	put_length(NARU_SNAPSHOT_VERSION, out);
	put_fields(layout_l7, l7, out);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* What is left of the input. */
struct cursor {
	const char *at;
	size_t len;
};

static bool take(struct cursor *in, void *to, size_t len)
{
	if (in->len < len)
		return false;
	memcpy(to, in->at, len);
	in->at += len;
	in->len -= len;
	return true;
}

/* The fewest bytes that such a struct takes, so that a length alone cannot ask for memory. */
static size_t least(const struct layout *fields)
{
	size_t sum = 0;

	for (const struct layout *field = fields; field->kind; field++) {
		if (field->kind == LAYOUT_STRUCT)
			sum += least(field->of);
		else if (field->kind == LAYOUT_ARRAY || field->kind == LAYOUT_STRING)
			sum += sizeof(uint32_t);
		else
			sum += field->size;
	}
	return sum;
}

static bool get_string(struct cursor *in, const struct layout *field, void *base)
{
	uint32_t len;
	char *text;

	if (!take(in, &len, sizeof(len)) || in->len < len || memchr(in->at, 0, len))
		return false;
	text = mem_array(1, (size_t)len + 1);
	layout_set_string(field, base, text);
	return take(in, text, len);
}

static bool get_fields(struct cursor *in, const struct layout *fields, void *base);

static bool get_array(struct cursor *in, const struct layout *field, void *base)
{
	size_t each = least(field->of);
	uint32_t n;
	char *items;

	if (!take(in, &n, sizeof(n)) || !each || n > in->len / each)
		return false;
	if (!n)
		return true;
	items = mem_array(n, field->size);
	layout_set_array(field, base, items, n);
	for (size_t i = 0; i < n; i++)
		if (!get_fields(in, field->of, items + i * field->size))
			return false;
	return true;
}

static bool get_field(struct cursor *in, const struct layout *field, void *base)
{
	char *at = (char *)base + field->offset;

	switch (field->kind) {
	case LAYOUT_STRUCT:
		return get_fields(in, field->of, at);
	case LAYOUT_ARRAY:
		return get_array(in, field, base);
	case LAYOUT_STRING:
		return get_string(in, field, base);
	case LAYOUT_INT:
		return take(in, at, field->size) && layout_int(field, base) <= field->max;
	default:
		return take(in, at, field->size);
	}
}

static bool get_fields(struct cursor *in, const struct layout *fields, void *base)
{
	for (const struct layout *field = fields; field->kind; field++)
		if (!get_field(in, field, base))
			return false;
	return true;
}

/* Once all is there: does every index point to something? */
static bool indices_hold(const struct layout *fields, const void *base, const struct plan_l7 *l7)
{
	const char *items;
	uint32_t index;
	size_t n;

	for (const struct layout *field = fields; field->kind; field++) {
		if (field->kind == LAYOUT_STRUCT &&
		    !indices_hold(field->of, (const char *)base + field->offset, l7))
			return false;
		if (field->kind == LAYOUT_INDEX) {
			index = layout_int(field, base);
			memcpy(&n, (const char *)l7 + field->count, sizeof(n));
			if (index >= n && !(field->none && index == field->none))
				return false;
		}
		if (field->kind != LAYOUT_ARRAY)
			continue;
		items = layout_array(field, base, &n);
		for (size_t i = 0; i < n; i++)
			if (!indices_hold(field->of, items + i * field->size, l7))
				return false;
	}
	return true;
}

int snapshot_decode(const void *data, size_t len, struct plan_l7 *ret_l7)
{
	struct cursor in = { .at = data, .len = len };
	struct plan_l7 l7 = { 0 };
	char begin[sizeof(magic)];
	uint32_t version;

	if (!take(&in, begin, sizeof(begin)) || memcmp(begin, magic, sizeof(magic)) != 0 ||
	    !take(&in, &version, sizeof(version)))
		return -EBADMSG;
	if (version != NARU_SNAPSHOT_VERSION)
		return -EPROTO;
	if (!get_fields(&in, layout_l7, &l7) || in.len || !indices_hold(layout_l7, &l7, &l7)) {
		l7_fini(&l7);
		return -EBADMSG;
	}
	*ret_l7 = l7;
	return 0;
}
