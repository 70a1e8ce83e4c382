/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From JSON values to structs by tables: one table a struct, one row a field that naru uses; all
 * others are skipped. A row's function gets the value, or NULL when the field is absent or null,
 * and fills the target; what is wrong becomes a diagnostic with the path of the field, such as
 * "spec.ports[2].port: expected a number from 1 to 65535, found \"http\"".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct json_object;

/* Where in the object we are: one frame a level, on the stack. */
struct decode_frame {
	const struct decode_frame *up;
	const char *name; /* NULL: an element of a list */
	size_t index;
	struct json_object *value;
};

/* One object being decoded. */
struct decode {
	struct diag_list *diags;
	const char *file;
	const char *object; /* "Service market/cart" */
	int line;	    /* of the object */
	const struct decode_frame *top;
	size_t errors;
	bool confidential; /* no value may be shown */
};

struct decode_field;

/* Fills the field at target from value; NULL leaves the default. Reports by decode_error(). */
typedef void (*decode_fn)(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target);

struct decode_field {
	const char *name; /* NULL ends a table */
	decode_fn fn;
	size_t offset;
	unsigned flags;
	const void *arg;
};

#define DECODE_REQUIRED 1u /* absent and null are errors */
/* arg is a struct decode_array, and of the list the function reads no more than that one does. */
#define DECODE_LIST 2u

/*
 * For decode_array() and decode_map(): the target is a pointer to elements, with their number
 * somewhere beside.
 */
struct decode_array {
	size_t size;		/* of one element */
	ptrdiff_t count_offset; /* of the size_t number, from the target */
	size_t min, max;
	struct decode_field element; /* name and offset are not used */
};

/* arg is a table over the same struct (a member that naru keeps flat). */
void decode_object(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target);
/* arg is a struct decode_array. */
void decode_array(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target);

/*
 * The same over the members of an object whose names are the user's: the element's function finds
 * its name in d->top.
 */
void decode_map(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);

/* Runs a table over the members of value, NULL for all absent. */
void decode_fields(struct decode *d, const struct decode_field *fields, struct json_object *value,
		   void *target);
/* Reports something wrong with the value at hand. After the first few only counts. */
void decode_error(struct decode *d, const char *reason, ...) __attribute__((format(printf, 2, 3)));
/* The same for an entry of a list that is a member of the value at hand. */
void decode_error_at(struct decode *d, const char *list, size_t index, const char *reason);
/* "expected WHAT, found VALUE". */
void decode_expected(struct decode *d, const char *what, struct json_object *found);
/* Whether the value, an object or not, has a member of that name that is not null. */
bool decode_has(struct json_object *value, const char *name);
