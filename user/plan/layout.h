/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the structs of layer 7 consist of, as tables: whoever walks a plan (to free it, to write or
 * read it as bytes, to check its indices) does so by these, so that a new member is one row.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum layout_kind {
	LAYOUT_END, /* ends each table */
	LAYOUT_INT, /* of 1, 2 or 4 bytes, also bool and enums */
	LAYOUT_INDEX,
	LAYOUT_BYTES,
	LAYOUT_STRING, /* char *, owned; NULL only while half-built */
	LAYOUT_STRUCT,
	LAYOUT_ARRAY, /* a pointer and, elsewhere, the number of elements */
};

struct layout {
	enum layout_kind kind;
	size_t offset;
	size_t size;		 /* of the member, or of an array's element */
	uint32_t max;		 /* LAYOUT_INT: the greatest value */
	size_t count;		 /* LAYOUT_ARRAY: offset of the number of elements; LAYOUT_INDEX: of
				  * the number of what it points to, in struct plan_l7 */
	uint32_t none;		 /* LAYOUT_INDEX: points nowhere; 0: there is no such value */
	const struct layout *of; /* LAYOUT_STRUCT, LAYOUT_ARRAY: the members */
};

/* struct plan_l7, and of its parts those that are made and dropped one by one. */
extern const struct layout layout_l7[];
extern const struct layout layout_rule[];
extern const struct layout layout_match[];
extern const struct layout layout_listener[];

/* The values of LAYOUT_INT and LAYOUT_INDEX, strings and arrays of the struct at base. */
uint32_t layout_int(const struct layout *field, const void *base);
char *layout_string(const struct layout *field, const void *base);
char *layout_array(const struct layout *field, const void *base, size_t *ret_n);
void layout_set_string(const struct layout *field, void *base, char *text);
void layout_set_array(const struct layout *field, void *base, void *items, size_t n);

/* Frees all that the struct at base owns. Half-built ones are legal. */
void layout_fini(const struct layout *fields, void *base);
