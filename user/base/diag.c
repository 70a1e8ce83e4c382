// SPDX-License-Identifier: Apache-2.0
/*
 * Lists of what is wrong with the user's objects. kube/ and compile/ fill them, narud prints and
 * shows them. Invariant: every string of an entry is the list's own and never NULL.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Grows by doubling without a field for the capacity: n is a power of two when it is full. */
static struct diag *append(struct diag_list *list)
{
	size_t cap = list->n;

	if ((list->n & (list->n - 1)) == 0)
		list->items = mem_grow(list->items, list->n, &cap, sizeof(*list->items));
	return &list->items[list->n++];
}

void diag_report(struct diag_list *list, enum diag_level level, const struct diag_where *where,
		 const char *reason, ...)
{
	struct diag *diag = append(list);
	va_list args;

	*diag = (struct diag){
		.level = level,
		.file = mem_strdup(where->file ? where->file : ""),
		.line = where->line,
		.object = mem_strdup(where->object ? where->object : ""),
		.field = mem_strdup(where->field ? where->field : ""),
	};
	va_start(args, reason);
	diag->reason = mem_vprintf(reason, args);
	va_end(args);
}

void diag_append(struct diag_list *list, const struct diag_list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct diag *d = &from->items[i];
		const struct diag_where where = {
			.file = d->file,
			.line = d->line,
			.object = d->object,
			.field = d->field,
		};

		diag_report(list, d->level, &where, "%s", d->reason);
	}
}

static int compare(const void *left, const void *right)
{
	const struct diag *a = left, *b = right;
	int r = strcmp(a->file, b->file);

	if (!r)
		r = (a->line > b->line) - (a->line < b->line);
	if (!r)
		r = strcmp(a->object, b->object);
	if (!r)
		r = strcmp(a->field, b->field);
	return r ? r : strcmp(a->reason, b->reason);
}

void diag_sort(struct diag_list *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
}

bool diag_equal(const struct diag_list *a, const struct diag_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->items[i].level != b->items[i].level ||
		    compare(&a->items[i], &b->items[i]) != 0)
			return false;
	}
	return true;
}

size_t diag_errors(const struct diag_list *list)
{
	size_t errors = 0;

	for (size_t i = 0; i < list->n; i++)
		errors += list->items[i].level == DIAG_ERROR;
	return errors;
}

char *diag_format(const struct diag *diag)
{
	struct str s = { 0 };

	if (*diag->file && diag->line)
		str_addf(&s, "%s:%d: ", diag->file, diag->line);
	else if (*diag->file)
		str_addf(&s, "%s: ", diag->file);
	str_addf(&s, "%s: ", diag->level == DIAG_ERROR ? "error" : "warning");
	if (*diag->object)
		str_addf(&s, "%s: ", diag->object);
	if (*diag->field)
		str_addf(&s, "%s: ", diag->field);
	str_addf(&s, "%s", diag->reason);
	return TAKE_PTR(s.buf);
}

void diag_fini(struct diag_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].file);
		free(list->items[i].object);
		free(list->items[i].field);
		free(list->items[i].reason);
	}
	free(list->items);
	*list = (struct diag_list){ 0 };
}
