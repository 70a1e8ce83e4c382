// SPDX-License-Identifier: Apache-2.0
/*
 * Frees and compares by the tables of object.c and gateway.c. Recursion follows the nesting of the
 * tables, which is fixed.
 */
#include "model/member.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

/* Pointers and numbers are copied out: the tables know offsets, not types. */
static void *pointer_at(const void *data)
{
	void *pointer;

	memcpy(&pointer, data, sizeof(pointer));
	return pointer;
}

static size_t count_of(const struct member *member, const void *data)
{
	size_t n;

	memcpy(&n, (const char *)data + member->count, sizeof(n));
	return n;
}

static void free_list(const struct member *member, const void *data)
{
	char *elements = pointer_at((const char *)data + member->offset);
	size_t n = elements ? count_of(member, data) : 0;

	for (size_t i = 0; i < n; i++) {
		char *element = elements + i * member->size;

		if (member->type == MEMBER_TEXTS)
			free(pointer_at(element));
		else if (member->type == MEMBER_LIST)
			member_fini(member->members, element);
	}
	free(elements);
}

void member_fini(const struct member *members, void *data)
{
	for (; members->type != MEMBER_END; members++) {
		char *at = (char *)data + members->offset;

		switch (members->type) {
		case MEMBER_TEXT:
			free(pointer_at(at));
			break;
		case MEMBER_SECRET:
			secret_fini((struct secret_bytes *)(void *)at);
			break;
		case MEMBER_STRUCT:
			member_fini(members->members, at);
			break;
		case MEMBER_VALUES:
		case MEMBER_TEXTS:
		case MEMBER_LIST:
			free_list(members, data);
			break;
		case MEMBER_PLAIN:
		case MEMBER_END:
			break;
		}
	}
}

static bool lists_equal(const struct member *member, const void *a, const void *b)
{
	const char *left = pointer_at((const char *)a + member->offset);
	const char *right = pointer_at((const char *)b + member->offset);
	size_t n = count_of(member, a), size = member->size;

	if (n != count_of(member, b))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *x = left + i * size, *y = right + i * size;

		if (member->type == MEMBER_TEXTS    ? strcmp(pointer_at(x), pointer_at(y)) != 0
		    : member->type == MEMBER_VALUES ? memcmp(x, y, size) != 0
						    : !member_equal(member->members, x, y))
			return false;
	}
	return true;
}

static bool secrets_equal(const struct secret_bytes *a, const struct secret_bytes *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static bool one_equal(const struct member *member, const void *a, const void *b)
{
	const char *left = (const char *)a + member->offset;
	const char *right = (const char *)b + member->offset;

	switch (member->type) {
	case MEMBER_PLAIN:
		return !memcmp(left, right, member->size);
	case MEMBER_TEXT:
		return !strcmp(pointer_at(left), pointer_at(right));
	case MEMBER_SECRET:
		return secrets_equal((const struct secret_bytes *)(const void *)left,
				     (const struct secret_bytes *)(const void *)right);
	case MEMBER_STRUCT:
		return member_equal(member->members, left, right);
	case MEMBER_VALUES:
	case MEMBER_TEXTS:
	case MEMBER_LIST:
		return lists_equal(member, a, b);
	case MEMBER_END:
		break;
	}
	return true;
}

bool member_equal(const struct member *members, const void *a, const void *b)
{
	for (; members->type != MEMBER_END; members++) {
		if (!one_equal(members, a, b))
			return false;
	}
	return true;
}
