// SPDX-License-Identifier: Apache-2.0
/*
 * All definitions of all objects, for manifests.c. Invariants: an entry has at least one
 * definition, sorted by path, and the model has exactly the last one of each entry.
 */
#include "kube/catalog.h"

#include <search.h>
#include <string.h>

#include "base/mem.h"

struct catalog_entry {
	const struct object *key; /* one of defs; first, so that look-ups need no more */
	struct object **defs;
	size_t n;
	size_t cap;
};

struct catalog {
	struct model *model;
	void *root;    /* tsearch() tree of struct catalog_entry */
	size_t hidden; /* definitions that do not count */
	bool changed;
};

static int compare(const void *left, const void *right)
{
	const struct catalog_entry *a = left, *b = right;

	return object_compare_key(a->key, b->key);
}

static void free_entry(void *ptr)
{
	struct catalog_entry *entry = ptr;

	for (size_t i = 0; i < entry->n; i++)
		object_free(entry->defs[i]);
	free(entry->defs);
	free(entry);
}

struct catalog *catalog_new(struct model *model)
{
	struct catalog *catalog = mem_new(sizeof(*catalog));

	catalog->model = model;
	return catalog;
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	tdestroy(catalog->root, free_entry);
	free(catalog);
}

static struct catalog_entry *find(const struct catalog *catalog, const struct object *key)
{
	const struct catalog_entry wanted = { .key = key };
	struct catalog_entry *const *slot = tfind(&wanted, &catalog->root, compare);

	return slot ? *slot : NULL;
}

static struct catalog_entry *add(struct catalog *catalog, const struct object *key)
{
	struct catalog_entry *entry = mem_new(sizeof(*entry));

	entry->key = key;
	if (!tsearch(entry, &catalog->root, compare))
		abort();
	return entry;
}

/* Place of the file's definition, or where it would have to stand. */
static size_t place(const struct catalog_entry *entry, const char *file, bool *ret_found)
{
	size_t i = 0;
	int r = 1;

	while (i < entry->n) {
		r = strcmp(entry->defs[i]->origin.file, file);
		if (r >= 0)
			break;
		i++;
	}
	*ret_found = i < entry->n && r == 0;
	return i;
}

/* The last definition is the one in force. */
static void publish(struct catalog *catalog, struct catalog_entry *entry)
{
	struct object *object = entry->defs[entry->n - 1];

	entry->key = object;
	if (model_put(catalog->model, object_ref(object)))
		catalog->changed = true;
}

void catalog_put(struct catalog *catalog, struct object *object)
{
	struct catalog_entry *entry = find(catalog, object);
	bool found;
	size_t i;

	if (!entry)
		entry = add(catalog, object);
	i = place(entry, object->origin.file, &found);
	if (found) {
		struct object *former = entry->defs[i];

		entry->defs[i] = object;
		entry->key = entry->defs[entry->n - 1];
		if (i == entry->n - 1)
			publish(catalog, entry);
		object_free(former);
		return;
	}
	entry->defs = mem_grow(entry->defs, entry->n, &entry->cap, sizeof(*entry->defs));
	memmove(entry->defs + i + 1, entry->defs + i, (entry->n - i) * sizeof(*entry->defs));
	entry->defs[i] = object;
	catalog->hidden += entry->n > 0;
	entry->n++;
	if (i == entry->n - 1)
		publish(catalog, entry);
}

static void drop_entry(struct catalog *catalog, struct catalog_entry *entry)
{
	const struct object *key = entry->key;

	tdelete(entry, &catalog->root, compare);
	if (model_remove(catalog->model, key->kind, key->namespace, key->name))
		catalog->changed = true;
	free_entry(entry);
}

void catalog_remove(struct catalog *catalog, const struct object *object)
{
	struct catalog_entry *entry = find(catalog, object);
	struct object *former;
	bool found = false;
	size_t i = 0;

	if (entry)
		i = place(entry, object->origin.file, &found);
	if (!found)
		return;
	if (entry->n == 1)
		return drop_entry(catalog, entry);
	former = entry->defs[i];
	memmove(entry->defs + i, entry->defs + i + 1, (entry->n - i - 1) * sizeof(*entry->defs));
	entry->n--;
	catalog->hidden--;
	if (i == entry->n)
		publish(catalog, entry);
	object_free(former);
}

bool catalog_take_changed(struct catalog *catalog)
{
	bool changed = catalog->changed;

	catalog->changed = false;
	return changed;
}

static void report_entry(const struct catalog_entry *entry, struct diag_list *diags)
{
	const struct object *key = entry->key;
	_cleanup_(mem_freep) char *name =
		mem_printf("%s %s%s%s", object_kind_name(key->kind), key->namespace,
			   *key->namespace ? "/" : "", key->name);

	for (size_t i = 0; i + 1 < entry->n; i++)
		diag_add(diags, DIAG_WARNING, entry->defs[i]->origin.file,
			 entry->defs[i]->origin.line, name, "",
			 "is also defined in %s line %d, which counts", key->origin.file,
			 key->origin.line);
}

static void report(const void *node, VISIT visit, void *arg)
{
	const struct catalog_entry *entry = *(struct catalog_entry *const *)node;

	if (visit == postorder || visit == leaf)
		report_entry(entry, arg);
}

void catalog_report(const struct catalog *catalog, struct diag_list *diags)
{
	if (catalog->hidden)
		twalk_r(catalog->root, report, diags);
}
