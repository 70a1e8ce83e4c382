// SPDX-License-Identifier: Apache-2.0
/*
 * Follows the tables of object.c and gateway.c as member.c does. For kube/laststate.c. Invariant:
 * whatever the bytes are, memory taken for them is bounded by their number, and what comes out is a
 * whole object or nothing.
 */
#include "model/pack.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "model/member.h"

static void hash_members(XXH64_state_t *state, const struct member *members)
{
	for (; members->type != MEMBER_END; members++) {
		const uint64_t words[] = { members->type, members->offset, members->size,
					   members->count };

		XXH64_update(state, words, sizeof(words));
		if (members->members)
			hash_members(state, members->members);
	}
	XXH64_update(state, "/", 1);
}

uint64_t pack_layout(void)
{
	XXH64_state_t *state = XXH64_createState();
	uint64_t layout;

	if (!state)
		abort();
	XXH64_reset(state, OBJECT_KIND_MAX);
	for (enum object_kind kind = 0; kind < OBJECT_KIND_MAX; kind++)
		hash_members(state, object_members(kind));
	layout = XXH64_digest(state);
	XXH64_freeState(state);
	return layout;
}

/* Tables know offsets, not types. */
static void *pointer_at(const void *data)
{
	void *pointer;

	memcpy(&pointer, data, sizeof(pointer));
	return pointer;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put_members(struct str *out, const struct member *members, const void *data);

static void put_list(struct str *out, const struct member *member, const void *data)
{
	const char *elements = pointer_at((const char *)data + member->offset);
	size_t n;

	memcpy(&n, (const char *)data + member->count, sizeof(n));
	bytes_put_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const char *element = elements + i * member->size;

		if (member->type == MEMBER_TEXTS)
			bytes_put_text(out, pointer_at(element));
		else if (member->type == MEMBER_LIST)
			put_members(out, member->members, element);
		else
			bytes_put_data(out, element, member->size);
	}
}

static void put_members(struct str *out, const struct member *members, const void *data)
{
	for (; members->type != MEMBER_END; members++) {
		const char *at = (const char *)data + members->offset;

		assert(members->type != MEMBER_SECRET);
		if (members->type == MEMBER_PLAIN)
			bytes_put_data(out, at, members->size);
		else if (members->type == MEMBER_TEXT)
			bytes_put_text(out, pointer_at(at));
		else if (members->type == MEMBER_STRUCT)
			put_members(out, members->members, at);
		else
			put_list(out, members, data);
	}
}

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

void pack_object(struct str *out, const struct object *object)
{
	bytes_put_u8(out, (uint8_t)object->kind);
	bytes_put_text(out, object->namespace);
	bytes_put_text(out, object->name);
	bytes_put_text(out, text_or_none(object->origin.file));
	bytes_put_text(out, text_or_none(object->origin.uid));
	bytes_put_text(out, text_or_none(object->origin.resource_version));
	bytes_put_u64(out, (uint64_t)object->origin.generation);
	put_members(out, object_members(object->kind), object);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void set_pointer(void *at, const void *pointer)
{
	memcpy(at, &pointer, sizeof(pointer));
}

static void get_members(struct bytes *in, const struct member *members, void *data);

/* Every element has a byte at least. */
static void get_list(struct bytes *in, const struct member *member, void *data)
{
	size_t min_len = member->type == MEMBER_VALUES ? member->size : 1;
	size_t n = bytes_get_count(in, min_len);
	char *elements = n ? mem_array(n, member->size) : NULL;

	set_pointer((char *)data + member->offset, elements);
	memcpy((char *)data + member->count, &n, sizeof(n));
	for (size_t i = 0; i < n; i++) {
		char *element = elements + i * member->size;

		if (member->type == MEMBER_TEXTS)
			set_pointer(element, bytes_get_text(in));
		else if (member->type == MEMBER_LIST)
			get_members(in, member->members, element);
		else
			bytes_get_data(in, element, member->size);
	}
}

static void get_members(struct bytes *in, const struct member *members, void *data)
{
	for (; members->type != MEMBER_END; members++) {
		char *at = (char *)data + members->offset;

		if (members->type == MEMBER_PLAIN)
			bytes_get_data(in, at, members->size);
		else if (members->type == MEMBER_TEXT)
			set_pointer(at, bytes_get_text(in));
		else if (members->type == MEMBER_STRUCT)
			get_members(in, members->members, at);
		else
			get_list(in, members, data);
	}
}

struct object *pack_unpack(struct bytes *in)
{
	_cleanup_(object_freep) struct object *object = NULL;
	uint8_t kind = bytes_get_u8(in);

	in->bad |= kind >= OBJECT_KIND_MAX || kind == OBJECT_SECRET;
	if (in->bad)
		return NULL;
	object = object_new((enum object_kind)kind);
	object->namespace = bytes_get_text(in);
	object->name = bytes_get_text(in);
	object->origin.file = bytes_get_text(in);
	object->origin.uid = bytes_get_text(in);
	object->origin.resource_version = bytes_get_text(in);
	object->origin.generation = (int64_t)bytes_get_u64(in);
	get_members(in, object_members(object->kind), object);
	return in->bad ? NULL : TAKE_PTR(object);
}
