/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs of the model described once: one table a struct, one row a member. Freeing and comparing
 * both follow it, so that no member can be forgotten in one of them. A list x has its number of
 * elements in a member n_x beside it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum member_type {
	MEMBER_END,
	MEMBER_PLAIN,  /* a value without padding */
	MEMBER_TEXT,   /* char * */
	MEMBER_SECRET, /* struct secret_bytes */
	MEMBER_STRUCT, /* a struct with a table of its own */
	MEMBER_VALUES, /* list of plain values */
	MEMBER_TEXTS,  /* list of char * */
	MEMBER_LIST,   /* list of structs with a table of their own */
};

struct member {
	enum member_type type;
	size_t offset;
	size_t size;		      /* of the value or one element */
	size_t count;		      /* offset of a list's size_t number */
	const struct member *members; /* of the struct or one element */
};

#define MEMBER_ROW(s, m, type_, ...)                                                               \
	{                                                                                          \
		.type = (type_), .offset = offsetof(struct s, m), __VA_ARGS__                      \
	}
#define MEMBER_COUNT(s, m) .count = offsetof(struct s, n_##m), .size = sizeof(*((struct s *)0)->m)

#define PLAIN(s, m)	    MEMBER_ROW(s, m, MEMBER_PLAIN, .size = sizeof(((struct s *)0)->m))
#define TEXT(s, m)	    MEMBER_ROW(s, m, MEMBER_TEXT)
#define SECRET(s, m)	    MEMBER_ROW(s, m, MEMBER_SECRET)
#define STRUCT(s, m, table) MEMBER_ROW(s, m, MEMBER_STRUCT, .members = (table))
#define VALUES(s, m)	    MEMBER_ROW(s, m, MEMBER_VALUES, MEMBER_COUNT(s, m))
#define TEXTS(s, m)	    MEMBER_ROW(s, m, MEMBER_TEXTS, MEMBER_COUNT(s, m))
#define LIST(s, m, table)   MEMBER_ROW(s, m, MEMBER_LIST, MEMBER_COUNT(s, m), .members = (table))

/* Frees what the members own, not the struct itself. Half-built ones are legal. */
void member_fini(const struct member *members, void *data);
/* Whole ones: no text is NULL. */
bool member_equal(const struct member *members, const void *a, const void *b);

/* Of gateway.c and pool.c, for object.c. */
extern const struct member gateway_secret_members[];
extern const struct member gateway_class_members[];
extern const struct member gateway_members[];
extern const struct member gateway_route_members[];
extern const struct member gateway_grant_members[];
extern const struct member gateway_destination_members[];
extern const struct member gateway_requirement_members[];
extern const struct member pool_members[];
