// SPDX-License-Identifier: Apache-2.0
/*
 * One list's objects in two sets: the one in force, and, while the list is read, a new one that
 * replaces it. apisource.c owns stores. Invariants: once published, the model has exactly the good
 * objects of the set in force; from a reading of which something was lost no object is taken to be
 * gone.
 */
#include "kube/store.h"

#include <json-c/json.h>
#include <search.h>
#include <string.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/decode.h"
#include "kube/kind.h"
#include "kube/load.h"
#include "kube/refused.h"

/* Beyond these nobody reads on; that there are more shows in the objects' number. */
#define LOST_MAX  10
#define READS_MAX 4

/* A copy of what store_status borrows. */
struct seen {
	char *text; /* NULL: not kept */
	char *version, *uid;
	int64_t generation;
};

struct holding {
	struct object *key; /* first, for look-ups; the object itself, if it is good */
	bool good;
	struct object *refused; /* what can be read of a newest version that is not, or NULL */
	struct diag_list diags;
	struct seen seen;
};

struct set {
	void *root; /* tsearch() tree of struct holding */
	size_t n;
	size_t n_wrong;	       /* how many of them have diagnostics */
	struct diag_list lost; /* what nobody can tell the object of */
};

struct store {
	const struct kind *kind;
	char *file;
	struct model *model; /* NULL before it is published */
	struct set set, fresh;
	bool reading; /* what comes is for fresh */
	bool changed;
	store_seen_fn seen; /* NULL: statuses are not kept */
	void *seen_arg;
	const char *seen_type;
	const struct decode_field *reads[READS_MAX + 1]; /* of the last call of on_reads() */
};

static int compare(const void *left, const void *right)
{
	const struct holding *a = left, *b = right;

	return object_compare_key(a->key, b->key);
}

static void free_entry(void *ptr)
{
	struct holding *entry = ptr;

	object_free(entry->key);
	object_free(entry->refused);
	diag_fini(&entry->diags);
	free(entry->seen.text);
	free(entry->seen.version);
	free(entry->seen.uid);
	free(entry);
}

static void clear_set(struct set *set)
{
	tdestroy(set->root, free_entry);
	diag_fini(&set->lost);
	*set = (struct set){ 0 };
}

static struct holding *find(const struct set *set, const struct object *key)
{
	const struct holding wanted = { .key = (struct object *)key };
	struct holding *const *slot = tfind(&wanted, &set->root, compare);

	return slot ? *slot : NULL;
}

/* Returns what had its key before, which is the caller's from here on, or NULL. */
static struct holding *insert(struct set *set, struct holding *entry)
{
	struct holding **slot = tsearch(entry, &set->root, compare), *former;

	if (!slot)
		abort();
	former = *slot == entry ? NULL : *slot;
	*slot = entry;
	set->n += !former;
	set->n_wrong += entry->diags.n > 0;
	set->n_wrong -= former && former->diags.n > 0;
	return former;
}

static void drop_entry(struct set *set, struct holding *entry)
{
	tdelete(entry, &set->root, compare);
	set->n--;
	set->n_wrong -= entry->diags.n > 0;
	free_entry(entry);
}

struct store *store_new(const struct kind *kind, const char *file)
{
	struct store *store = mem_new(sizeof(*store));

	store->kind = kind;
	store->file = mem_strdup(file);
	return store;
}

void store_set_kind(struct store *store, const struct kind *kind, const char *file)
{
	mem_freep(&store->file);
	store->file = mem_strdup(file);
	store->kind = kind;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	clear_set(&store->set);
	clear_set(&store->fresh);
	free(store->file);
	free(store);
}

/* ---- the model ----------------------------------------------------------------------------- */

static void publish(struct store *store, const struct holding *entry)
{
	if (!store->model)
		store->changed |= entry->good;
	else if (entry->good && model_put(store->model, object_ref(entry->key)))
		store->changed = true;
}

static void withdraw(struct store *store, const struct holding *entry)
{
	const struct object *key = entry->key;

	if (!entry->good)
		return;
	store->changed = true;
	if (store->model)
		model_remove(store->model, key->kind, key->namespace, key->name);
}

static void publish_node(const void *node, VISIT visit, void *arg)
{
	if (visit == postorder || visit == leaf)
		publish(arg, *(struct holding *const *)node);
}

static void withdraw_node(const void *node, VISIT visit, void *arg)
{
	if (visit == postorder || visit == leaf)
		withdraw(arg, *(struct holding *const *)node);
}

void store_publish(struct store *store, struct model *model)
{
	store->model = model;
	twalk_r(store->set.root, publish_node, store);
}

void store_clear(struct store *store)
{
	twalk_r(store->set.root, withdraw_node, store);
	clear_set(&store->set);
	clear_set(&store->fresh);
	store->reading = false;
	store->changed = true;
}

/* ---- statuses ------------------------------------------------------------------------------ */

void store_keep_statuses(struct store *store, const char *type, store_seen_fn fn, void *arg)
{
	store->seen = fn;
	store->seen_arg = arg;
	store->seen_type = type;
}

/* What was once said of an object that is of another type now has to be taken back. */
static bool has_conditions(struct json_object *value)
{
	struct json_object *conditions =
		apijson_member(apijson_member(value, "status"), "conditions");

	return json_object_is_type(conditions, json_type_array) &&
	       json_object_array_length(conditions) > 0;
}

static bool keeps_status(const struct store *store, struct json_object *value)
{
	const char *type = apijson_text(apijson_member(value, "spec"), "type");

	return store->seen &&
	       (!store->seen_type || !strcmp(type, store->seen_type) || has_conditions(value));
}

static void note_status(const struct store *store, struct holding *entry, struct json_object *value)
{
	struct json_object *metadata = apijson_member(value, "metadata");
	struct json_object *generation = apijson_member(metadata, "generation");

	if (!keeps_status(store, value))
		return;
	entry->seen = (struct seen){
		.text = mem_strdup(json_object_to_json_string_ext(apijson_member(value, "status"),
								  JSON_C_TO_STRING_PLAIN)),
		.version = mem_strdup(apijson_version(value)),
		.uid = mem_strdup(apijson_text(metadata, "uid")),
		.generation = json_object_is_type(generation, json_type_int)
				      ? json_object_get_int64(generation)
				      : 0,
	};
}

/* One of them may be NULL: it is new, or gone. */
static void tell_status(const struct store *store, const struct holding *former,
			const struct holding *entry)
{
	const struct object *key = entry ? entry->key : former->key;
	const char *before = former && former->seen.text ? former->seen.version : "",
		   *after = entry && entry->seen.text ? entry->seen.version : "";

	if (store->seen && strcmp(before, after) != 0)
		store->seen(store->seen_arg, key->kind, key->namespace, key->name);
}

bool store_find_status(const struct store *store, const char *namespace, const char *name,
		       struct store_status *ret_status)
{
	const struct object key = {
		.kind = store->kind->object,
		.namespace = (char *)namespace,
		.name = (char *)name,
	};
	const struct holding *entry = find(&store->set, &key);

	if (!entry || !entry->seen.text)
		return false;
	*ret_status = (struct store_status){
		.text = entry->seen.text,
		.version = entry->seen.version,
		.uid = entry->seen.uid,
		.generation = entry->seen.generation,
	};
	return true;
}

/* ---- single objects ------------------------------------------------------------------------ */

static void lose(struct store *store, const char *reason)
{
	struct set *set = store->reading ? &store->fresh : &store->set;

	if (set->lost.n < LOST_MAX)
		diag_add(&set->lost, DIAG_ERROR, store->file, 0, "", "",
			 "an object cannot be read: %s", reason);
	store->changed |= !store->reading;
}

/* Elements of lists of built-in kinds do not say what they are. */
static bool is_of_kind(const struct store *store, struct json_object *value)
{
	const char *kind = apijson_text(value, "kind");

	return !*kind || !strcmp(kind, store->kind->name) || !strcmp(kind, "PartialObjectMetadata");
}

static struct holding *make_entry(struct object *object, bool good, struct diag_list *diags)
{
	struct holding *entry = mem_new(sizeof(*entry));

	entry->key = object;
	entry->good = good;
	entry->diags = *diags;
	*diags = (struct diag_list){ 0 };
	return entry;
}

/* entry takes the place of a former one of its key, NULL: there is none. */
static void join(struct store *store, const struct holding *former, struct holding *entry)
{
	if (former && former->good && !entry->good) {
		object_free(entry->key);
		entry->key = object_ref(former->key);
		entry->good = true;
	}
	/* Parents or generation may be others. */
	store->changed |= entry->refused != NULL;
	if (former ? !diag_equal(&former->diags, &entry->diags) : entry->diags.n > 0)
		store->changed = true;
}

/* In the set in force the former version is at hand; a new set meets it when it is committed. */
static void take(struct store *store, struct holding *entry)
{
	struct holding *former = insert(store->reading ? &store->fresh : &store->set, entry);

	if (!store->reading) {
		join(store, former, entry);
		publish(store, entry);
		tell_status(store, former, entry);
	}
	if (former)
		free_entry(former);
}

/* Only what the decoder says of the one object of a load. Returns false if there is none. */
static bool load_one(struct store *store, struct json_object *value, struct load *ret_load)
{
	if (!is_of_kind(store, value)) {
		lose(store, "it is of another kind");
		return false;
	}
	load_value(store->kind, store->file, value, ret_load);
	if (ret_load->partial)
		lose(store, "it has no name that can be read");
	if (ret_load->n || ret_load->n_broken)
		return true;
	load_fini(ret_load);
	return false;
}

static void on_put(void *arg, struct json_object *value)
{
	struct store *store = arg;
	struct holding *entry;
	struct load load;

	if (!load_one(store, value, &load))
		return;
	if (load.n)
		entry = make_entry(load.objects[--load.n], true, &load.diags);
	else
		entry = make_entry(load.broken[--load.n_broken], false, &load.diags);
	if (!entry->good)
		entry->refused = refused_read(store->kind, value);
	note_status(store, entry, value);
	take(store, entry);
	load_fini(&load);
}

static void on_remove(void *arg, struct json_object *value)
{
	struct store *store = arg;
	struct set *set = store->reading ? &store->fresh : &store->set;
	struct holding *entry;
	struct load load;

	if (!load_one(store, value, &load))
		return;
	entry = find(set, load.n ? load.objects[0] : load.broken[0]);
	load_fini(&load);
	if (!entry)
		return;
	if (!store->reading) {
		store->changed |= entry->diags.n > 0;
		withdraw(store, entry);
		tell_status(store, entry, NULL);
	}
	drop_entry(set, entry);
}

static void on_lost(void *arg, const char *reason)
{
	lose(arg, reason);
}

/* ---- whole sets ---------------------------------------------------------------------------- */

static void on_begin(void *arg)
{
	struct store *store = arg;

	clear_set(&store->fresh);
	store->reading = true;
}

struct walk {
	struct store *store;
	struct holding **gone; /* of the set in force, what fresh has not */
	size_t n;
};

static void collect_gone(const void *node, VISIT visit, void *arg)
{
	struct holding *entry = *(struct holding *const *)node;
	struct walk *walk = arg;

	if ((visit == postorder || visit == leaf) && !find(&walk->store->fresh, entry->key))
		walk->gone[walk->n++] = entry;
}

static void free_walk(struct walk *walk)
{
	free(walk->gone);
}

static struct walk find_gone(struct store *store)
{
	struct walk walk = { .store = store };

	walk.gone = mem_array(store->set.n + 1, sizeof(struct holding *));
	twalk_r(store->set.root, collect_gone, &walk);
	return walk;
}

static void on_weigh(void *arg, size_t *ret_known, size_t *ret_gone)
{
	struct store *store = arg;
	_cleanup_(free_walk) struct walk walk = find_gone(store);

	*ret_known = store->set.n;
	*ret_gone = store->fresh.lost.n ? 0 : walk.n;
}

static void join_node(const void *node, VISIT visit, void *arg)
{
	struct holding *entry = *(struct holding *const *)node;
	struct store *store = arg;

	if (visit == postorder || visit == leaf) {
		join(store, find(&store->set, entry->key), entry);
		tell_status(store, find(&store->set, entry->key), entry);
	}
}

static void on_commit(void *arg)
{
	struct store *store = arg;
	_cleanup_(free_walk) struct walk walk = find_gone(store);

	twalk_r(store->fresh.root, join_node, store);
	for (size_t i = 0; i < walk.n; i++) {
		if (store->fresh.lost.n) {
			tdelete(walk.gone[i], &store->set.root, compare);
			insert(&store->fresh, walk.gone[i]);
		} else {
			store->changed |= walk.gone[i]->diags.n > 0;
			withdraw(store, walk.gone[i]);
			tell_status(store, walk.gone[i], NULL);
		}
	}
	twalk_r(store->fresh.root, publish_node, store);
	store->changed |= !diag_equal(&store->set.lost, &store->fresh.lost);
	clear_set(&store->set);
	store->set = store->fresh;
	store->fresh = (struct set){ 0 };
	store->reading = false;
}

/* ---- what is read -------------------------------------------------------------------------- */

static const struct decode_field metadata_reads[] = {
	{ .name = "uid" },
	{ .name = "resourceVersion" },
	{ .name = "generation" },
	{ 0 },
};

static const struct decode_field spec_reads[] = {
	{ .name = "type" },
	{ 0 },
};

static const struct decode_field own_reads[] = {
	{ .name = "kind" },
	{ .name = "metadata", .fn = decode_object, .arg = metadata_reads },
	{ .name = "spec", .fn = decode_object, .arg = spec_reads },
	{ 0 },
};

static const struct decode_field status_reads[] = {
	{ .name = "status" },
	{ 0 },
};

/* No second text of what is confidential. */
static const struct decode_field *const *on_reads(void *arg)
{
	struct store *store = arg;

	if (store->kind->confidential)
		return NULL;
	store->reads[0] = store->kind->fields;
	store->reads[1] = load_reads(store->kind);
	store->reads[2] = own_reads;
	store->reads[3] = store->seen ? status_reads : NULL;
	return store->reads;
}

const struct reflector_sink store_sink = {
	.begin = on_begin,
	.put = on_put,
	.remove = on_remove,
	.lost = on_lost,
	.weigh = on_weigh,
	.commit = on_commit,
	.reads = on_reads,
};

/* ---- looking at it ------------------------------------------------------------------------- */

const struct object *store_find(const struct store *store, const struct object *key)
{
	const struct holding *entry = find(&store->set, key);

	return entry && entry->good ? entry->key : NULL;
}

struct each {
	store_fn fn;
	void *arg;
};

static void each_node(const void *node, VISIT visit, void *arg)
{
	const struct holding *entry = *(struct holding *const *)node;
	const struct each *each = arg;

	if ((visit == postorder || visit == leaf) && entry->good)
		each->fn(each->arg, entry->key);
}

void store_each(const struct store *store, store_fn fn, void *arg)
{
	twalk_r(store->set.root, each_node, &(struct each){ .fn = fn, .arg = arg });
}

struct each_entry {
	store_entry_fn fn;
	void *arg;
};

static void each_entry_node(const void *node, VISIT visit, void *arg)
{
	const struct holding *entry = *(struct holding *const *)node;
	const struct each_entry *each = arg;

	if (visit == postorder || visit == leaf)
		each->fn(each->arg, &(const struct store_entry){ .object = entry->key,
								 .served = entry->good,
								 .refused = entry->refused,
								 .diags = &entry->diags,
								 .status = entry->seen.text });
}

void store_each_entry(const struct store *store, store_entry_fn fn, void *arg)
{
	twalk_r(store->set.root, each_entry_node, &(struct each_entry){ .fn = fn, .arg = arg });
}

bool store_has_wrong(const struct store *store)
{
	return store->set.n_wrong;
}

static void report_node(const void *node, VISIT visit, void *arg)
{
	const struct holding *entry = *(struct holding *const *)node;

	if (visit == postorder || visit == leaf)
		diag_append(arg, &entry->diags);
}

void store_report(const struct store *store, struct diag_list *diags)
{
	if (store->set.n_wrong)
		twalk_r(store->set.root, report_node, diags);
	diag_append(diags, &store->set.lost);
}

bool store_take_changed(struct store *store)
{
	bool changed = store->changed;

	store->changed = false;
	return changed;
}
