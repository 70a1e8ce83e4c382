// SPDX-License-Identifier: Apache-2.0
/*
 * The set of objects: one balanced tree a kind (names are chosen by tenants, so no hash table
 * that they could fill with collisions) and, on demand, the sorted array that compile/ walks.
 * Invariants: the array, while it is not stale, holds exactly the objects of the tree; the journal,
 * while it is kept, leads from the state at its beginning to the present one.
 */
#include "model/model.h"

#include <search.h>
#include <string.h>

#include "base/mem.h"

/* Beyond these, starting from the beginning is less work than following. */
#define JOURNAL_MAX 1024
/* Objects that come and go one by one move the others up; many at once are sorted anew. */
#define MOVES_MAX 64

struct kind_set {
	void *root; /* tsearch() tree of struct object */
	size_t n;
	const struct object **sorted;
	size_t cap;
	unsigned moves; /* since it was listed last */
	bool stale;
	uint64_t changes;
};

struct model {
	struct kind_set kinds[OBJECT_KIND_MAX];
	uint64_t generation;
	struct model_change *journal; /* owns a share of each object */
	size_t n_journal, cap_journal;
	bool journals;
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

/* ---- journal ------------------------------------------------------------------------------- */

static void drop_journal(struct model *model)
{
	for (size_t i = 0; i < model->n_journal; i++) {
		object_free((struct object *)model->journal[i].former);
		object_free((struct object *)model->journal[i].present);
	}
	model->n_journal = 0;
}

/* Takes the former one over. */
static void note(struct model *model, struct object *former, struct object *present, bool content)
{
	if (model->n_journal == JOURNAL_MAX) {
		drop_journal(model);
		model->journals = false;
	}
	if (!model->journals) {
		object_free(former);
		return;
	}
	model->journal = mem_grow(model->journal, model->n_journal, &model->cap_journal,
				  sizeof(*model->journal));
	model->journal[model->n_journal++] =
		(struct model_change){ former, present ? object_ref(present) : NULL, content };
}

bool model_journal(const struct model *model, const struct model_change **ret_changes,
		   size_t *ret_n)
{
	if (!model->journals)
		return false;
	*ret_changes = model->journal;
	*ret_n = model->n_journal;
	return true;
}

void model_journal_clear(struct model *model)
{
	drop_journal(model);
	model->journals = true;
}

/* ---- objects ------------------------------------------------------------------------------- */

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
	drop_journal(model);
	free(model->journal);
	free(model);
}

/* Where a key stands in the sorted array, which is not stale, or would stand. */
static size_t find_sorted(const struct kind_set *set, const struct object *key)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (object_compare_key(set->sorted[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether the array is worth being kept sorted. */
static bool may_move(struct kind_set *set)
{
	set->stale |= set->moves++ >= MOVES_MAX;
	return !set->stale;
}

static void insert_sorted(struct kind_set *set, const struct object *object)
{
	if (may_move(set)) {
		size_t at = find_sorted(set, object);

		set->sorted = mem_grow(set->sorted, set->n, &set->cap, sizeof(*set->sorted));
		memmove(&set->sorted[at + 1], &set->sorted[at],
			(set->n - at) * sizeof(*set->sorted));
		set->sorted[at] = object;
	}
	set->n++;
}

static void remove_sorted(struct kind_set *set, const struct object *object)
{
	if (may_move(set)) {
		size_t at = find_sorted(set, object);

		memmove(&set->sorted[at], &set->sorted[at + 1],
			(set->n - at - 1) * sizeof(*set->sorted));
	}
	set->n--;
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
	struct object *former = NULL;
	bool changed = true;

	if (slot) {
		former = *slot;
		changed = !object_equal(former, object);
		object->generation = former->generation;
		if (!set->stale)
			set->sorted[find_sorted(set, object)] = object;
		*slot = object;
	} else {
		if (!tsearch(object, &set->root, compare))
			abort();
		insert_sorted(set, object);
	}
	if (changed)
		object->generation = count_change(model, set);
	note(model, former, object, changed);
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
	remove_sorted(set, object);
	count_change(model, set);
	note(model, object, NULL, true);
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
	set->moves = 0;
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
