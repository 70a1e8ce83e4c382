/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with one object of the user's: file, line, object, field, reason. Sources report
 * what cannot be read, compile what cannot be served. An error means that something asked for is
 * not in force (the last good version may be); a warning, that a field has no effect.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum diag_level {
	DIAG_ERROR,
	DIAG_WARNING,
};

/* What a diagnostic is about, where the status of an object is to say so: the worst last. */
enum diag_matter {
	DIAG_NONE,
	DIAG_PORT_SHARED, /* a process of the node listens where a port is served */
	DIAG_ADDRESS,	  /* one that is not served, for what it is or where it lies */
	DIAG_PORT,	  /* not to be had: somebody else has it */
	DIAG_ROOM,	  /* there is none left */
};

struct diag {
	enum diag_level level;
	enum diag_matter matter;
	char *file;   /* "" if unknown */
	int line;     /* 0 if unknown */
	char *object; /* "Service market/cart", or "" when a file as a whole cannot be read */
	char *field;  /* "spec.ports[2].port", or "" */
	char *reason;
};

struct diag_list {
	struct diag *items;
	size_t n;
};

/* The place of a diagnostic; NULL stands for "". Everything is borrowed. */
struct diag_where {
	const char *file;
	int line;
	const char *object;
	const char *field;
};

/* Appends a copy; reason is a format. */
void diag_report(struct diag_list *list, enum diag_level level, const struct diag_where *where,
		 const char *reason, ...) __attribute__((format(printf, 4, 5)));

/* The same in one line: diag_add(list, level, file, line, object, field, reason, ...). */
#define diag_add(list, level, file_, line_, object_, field_, ...)                                  \
	diag_report(list, level,                                                                   \
		    &(const struct diag_where){ .file = (file_),                                   \
						.line = (line_),                                   \
						.object = (object_),                               \
						.field = (field_) },                               \
		    __VA_ARGS__)

/* What the newest entry is about. */
void diag_mark(struct diag_list *list, enum diag_matter matter);

/* Appends copies of all of `from`. */
void diag_append(struct diag_list *list, const struct diag_list *from);
/* By file, line, object, field, reason, level. */
int diag_compare(const struct diag *a, const struct diag *b);
void diag_sort(struct diag_list *list);
/* Of a sorted list: removes what it says of an object at one place, of one of its fields or, if
 * where->field is NULL, of all. */
void diag_drop(struct diag_list *list, const struct diag_where *where);
/* Moves all of `from` to where they belong in a sorted list. */
void diag_merge(struct diag_list *list, struct diag_list *from);
/* The same entries in the same order. */
bool diag_equal(const struct diag_list *a, const struct diag_list *b);
size_t diag_errors(const struct diag_list *list);
/* "file:line: error: Service market/cart: spec.ports[2].port: reason", empty parts left out.
 * Returns a new string, to be freed. */
char *diag_format(const struct diag *diag);
void diag_fini(struct diag_list *list);
