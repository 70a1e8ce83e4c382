// SPDX-License-Identifier: Apache-2.0
/*
 * A table of references by key. Only the main thread comes here, so a reference that nobody else
 * has stays the only one while it is looked at.
 */
#include "proxy/registry.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

struct entry {
	char *key;
	struct state *state;
	UT_hash_handle hh;
};

struct registry {
	unsigned n_workers;
	struct entry *entries;
};

struct registry *registry_new(unsigned n_workers)
{
	struct registry *registry = mem_new(sizeof(*registry));

	assert(n_workers);
	registry->n_workers = n_workers;
	return registry;
}

static void remove_entry(struct registry *registry, struct entry *entry)
{
	HASH_DEL(registry->entries, entry);
	state_unref(entry->state);
	free(entry->key);
	free(entry);
}

void registry_free(struct registry *registry)
{
	struct entry *entry, *next;

	if (!registry)
		return;
	HASH_ITER (hh, registry->entries, entry, next)
		remove_entry(registry, entry);
	free(registry);
}

unsigned registry_workers(const struct registry *registry)
{
	return registry->n_workers;
}

static struct entry *find(const struct registry *registry, const char *key)
{
	struct entry *entry;

	HASH_FIND(hh, registry->entries, key, strlen(key), entry);
	return entry;
}

struct state *registry_find(const struct registry *registry, const char *key)
{
	struct entry *entry = find(registry, key);

	return entry ? entry->state : NULL;
}

void registry_add(struct registry *registry, const char *key, struct state *state)
{
	struct entry *entry = mem_new(sizeof(*entry));

	assert(!find(registry, key));
	entry->key = mem_strdup(key);
	entry->state = state;
	HASH_ADD_KEYPTR(hh, registry->entries, entry->key, strlen(entry->key), entry);
}

void registry_sweep(struct registry *registry)
{
	struct entry *entry, *next;

	HASH_ITER (hh, registry->entries, entry, next)
		if (state_is_last(entry->state))
			remove_entry(registry, entry);
}
