/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown was partly written by tenants: no control character reaches the terminal.
 */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void table_init(struct table *table, size_t columns, const char *const *titles)
{
	*table = (struct table){ .columns = columns };
	for (size_t i = 0; i < columns; i++)
		table_cell(table, "%s", titles[i]);
}

void table_cell(struct table *table, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	table->cells = mem_grow(table->cells, table->n, &table->cap, sizeof(*table->cells));
	table->cells[table->n++] = text;
}

static int width(const struct table *table, size_t column)
{
	size_t most = 0;

	for (size_t i = column; i < table->n; i += table->columns)
		if (strlen(table->cells[i]) > most)
			most = strlen(table->cells[i]);
	return (int)most;
}

/* The last column is not padded: no spaces at the end of lines. */
static int *measure(const struct table *table)
{
	int *widths = mem_array(table->columns, sizeof(*widths));

	for (size_t i = 0; i + 1 < table->columns; i++)
		widths[i] = width(table, i);
	return widths;
}

static void print(const struct table *table, const int *widths, const char *indent)
{
	for (size_t i = 0; i < table->n; i++) {
		size_t column = i % table->columns;

		printf("%s%-*s%s", column ? "  " : indent, widths[column], table->cells[i],
		       column + 1 == table->columns ? "\n" : "");
	}
}

void table_print(const struct table *table, const char *indent)
{
	_cleanup_(mem_freep) int *widths = measure(table);

	print(table, widths, indent);
}

static void forget_rows(struct table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	table->n = 0;
}

void table_flush(struct table *table)
{
	if (!table->widths)
		table->widths = measure(table);
	print(table, table->widths, "");
	forget_rows(table);
}

void table_fini(struct table *table)
{
	forget_rows(table);
	free(table->cells);
	free(table->widths);
	*table = (struct table){ 0 };
}
