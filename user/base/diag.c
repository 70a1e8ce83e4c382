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

void diag_mark(struct diag_list *list, enum diag_matter matter)
{
	list->items[list->n - 1].matter = matter;
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
		diag_mark(list, d->matter);
	}
}

int diag_compare(const struct diag *a, const struct diag *b)
{
	int r = strcmp(a->file, b->file);

	if (!r)
		r = (a->line > b->line) - (a->line < b->line);
	if (!r)
		r = strcmp(a->object, b->object);
	if (!r)
		r = strcmp(a->field, b->field);
	if (!r)
		r = strcmp(a->reason, b->reason);
	return r ? r : (a->level > b->level) - (a->level < b->level);
}

static int compare(const void *left, const void *right)
{
	return diag_compare(left, right);
}

void diag_sort(struct diag_list *list)
{
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
}

static int place_compare(const struct diag *diag, const struct diag_where *where)
{
	int r = strcmp(diag->file, where->file ? where->file : "");

	if (!r)
		r = (diag->line > where->line) - (diag->line < where->line);
	return r ? r : strcmp(diag->object, where->object ? where->object : "");
}

static void free_one(struct diag *diag)
{
	free(diag->file);
	free(diag->object);
	free(diag->field);
	free(diag->reason);
}

void diag_drop(struct diag_list *list, const struct diag_where *where)
{
	size_t low = 0, high = list->n, kept, at;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (place_compare(&list->items[middle], where) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (at = kept = low; at < list->n && !place_compare(&list->items[at], where); at++) {
		if (where->field && strcmp(list->items[at].field, where->field) != 0)
			list->items[kept++] = list->items[at];
		else
			free_one(&list->items[at]);
	}
	if (kept == at)
		return;
	memmove(&list->items[kept], &list->items[at], (list->n - at) * sizeof(*list->items));
	list->n -= at - kept;
}

/* Behind those that are equal, as a sort leaves them that keeps the order of equals. */
static void insert(struct diag_list *list, const struct diag *diag)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (diag_compare(&list->items[middle], diag) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	append(list);
	memmove(&list->items[low + 1], &list->items[low],
		(list->n - low - 1) * sizeof(*list->items));
	list->items[low] = *diag;
}

void diag_merge(struct diag_list *list, struct diag_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		insert(list, &from->items[i]);
	free(from->items);
	*from = (struct diag_list){ 0 };
}

bool diag_equal(const struct diag_list *a, const struct diag_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (diag_compare(&a->items[i], &b->items[i]) != 0)
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
	for (size_t i = 0; i < list->n; i++)
		free_one(&list->items[i]);
	free(list->items);
	*list = (struct diag_list){ 0 };
}
