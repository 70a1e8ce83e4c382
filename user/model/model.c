// SPDX-License-Identifier: Apache-2.0
/*
 * The set of objects: one balanced tree a kind (names are chosen by tenants, so no hash table
 * that they could fill with collisions) and, on demand, the sorted array that compile/ walks.
 * Invariant: the array, while it is not stale, holds exactly the objects of the tree.
 */
#include "model/model.h"

#include <search.h>

#include "base/mem.h"

struct kind_set {
	void *root; /* tsearch() tree of struct object */
	size_t n;
	const struct object **sorted;
	size_t cap;
	bool stale;
	uint64_t changes;
};

struct model {
	struct kind_set kinds[OBJECT_KIND_MAX];
	uint64_t generation;
};

static int compare(const void *a, const void *b)
{
	return object_compare_key(a, b);
}

/* For look-ups; the strings are not changed and not freed. */
static struct object key_of(enum object_kind kind, const char *namespace, const char *name)
{
	return (struct object){
		.kind = kind,
		.namespace = (char *)namespace,
		.name = (char *)name,
	};
}

static void free_node(void *object)
{
	object_free(object);
}

struct model *model_new(void)
{
	return mem_new(sizeof(struct model));
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(model->kinds); i++) {
		tdestroy(model->kinds[i].root, free_node);
		free(model->kinds[i].sorted);
	}
	free(model);
}

/* Where a key stands in the sorted array, which is not stale. */
static const struct object **find_sorted(struct kind_set *set, const struct object *key)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = object_compare_key(set->sorted[middle], key);

		if (!r)
			return &set->sorted[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Returns the new generation. */
static uint64_t count_change(struct model *model, struct kind_set *set)
{
	set->changes++;
	return ++model->generation;
}

bool model_put(struct model *model, struct object *object)
{
	struct kind_set *set = &model->kinds[object->kind];
	struct object **slot = tfind(object, &set->root, compare);
	struct object *former;
	bool changed = true;

	if (slot) {
		former = *slot;
		changed = !object_equal(former, object);
		object->generation = former->generation;
		if (!set->stale)
			*find_sorted(set, object) = object;
		*slot = object;
		object_free(former);
	} else {
		if (!tsearch(object, &set->root, compare))
			abort();
		set->n++;
		set->stale = true;
	}
	if (changed)
		object->generation = count_change(model, set);
	return changed;
}

bool model_remove(struct model *model, enum object_kind kind, const char *namespace,
		  const char *name)
{
	const struct object key = key_of(kind, namespace, name);
	struct kind_set *set = &model->kinds[kind];
	struct object **slot = tfind(&key, &set->root, compare);
	struct object *object;

	if (!slot)
		return false;
	object = *slot;
	tdelete(&key, &set->root, compare);
	object_free(object);
	set->n--;
	set->stale = true;
	count_change(model, set);
	return true;
}

const struct object *model_get(const struct model *model, enum object_kind kind,
			       const char *namespace, const char *name)
{
	const struct object key = key_of(kind, namespace, name);
	struct object *const *slot = tfind(&key, &model->kinds[kind].root, compare);

	return slot ? *slot : NULL;
}

static void collect(const void *node, VISIT visit, void *arg)
{
	struct kind_set *set = arg;

	if (visit == postorder || visit == leaf)
		set->sorted[set->n++] = *(struct object *const *)node;
}

static void sort(struct kind_set *set)
{
	if (set->n)
		set->sorted = mem_grow(set->sorted, set->n - 1, &set->cap, sizeof(*set->sorted));
	set->n = 0;
	twalk_r(set->root, collect, set);
	set->stale = false;
}

size_t model_list(struct model *model, enum object_kind kind,
		  const struct object *const **ret_objects)
{
	struct kind_set *set = &model->kinds[kind];

	if (set->stale)
		sort(set);
	*ret_objects = set->sorted;
	return set->n;
}

uint64_t model_generation(const struct model *model)
{
	return model->generation;
}

uint64_t model_changes(const struct model *model, enum object_kind kind)
{
	return model->kinds[kind].changes;
}
