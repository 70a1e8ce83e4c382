/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of text in columns as wide as they need to be. */
#pragma once
#include <stddef.h>

struct table {
	size_t columns;
	char **cells; /* row by row */
	size_t n, cap;
	int *widths; /* of the first flush; NULL: none yet */
};

/* Titles are the first row. */
void table_init(struct table *table, size_t columns, const char *const *titles);
/* The next cell; format as in printf. Control characters become '?'. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To standard output, each line behind indent. */
void table_print(const struct table *table, const char *indent);
/* The same without indent, and forgets the rows; later ones come in columns of the same widths. */
void table_flush(struct table *table);
void table_fini(struct table *table);
