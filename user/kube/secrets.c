// SPDX-License-Identifier: Apache-2.0
/*
 * References to Secrets and their listers, for apisource.c. Invariant: there is one lister for each
 * Secret that is named, sorted by namespace and name, and none for another.
 */
#include "kube/secrets.h"

#include <string.h>

#include "base/mem.h"
#include "kube/answer.h"
#include "model/gateway.h"

/* Listeners times certificates that anybody may have; more are left out, as the API does. */
#define SECRETS_MAX 10000

struct named {
	struct object key;
	struct lister *lister; /* NULL: just found */
	bool wanted;
};

struct secrets {
	const struct lister_ground *ground;
	const char *controller;
	struct model *model; /* NULL before they are published */
	struct named *items;
	size_t n, cap;
	const struct store *classes; /* while they are updated */
	bool changed;
};

struct secrets *secrets_new(const struct lister_ground *ground, const char *controller)
{
	struct secrets *secrets = mem_new(sizeof(*secrets));

	secrets->ground = ground;
	secrets->controller = controller;
	return secrets;
}

static void free_named(struct named *named)
{
	lister_free(named->lister);
	free(named->key.namespace);
	free(named->key.name);
}

void secrets_free(struct secrets *secrets)
{
	if (!secrets)
		return;
	for (size_t i = 0; i < secrets->n; i++)
		free_named(&secrets->items[i]);
	free(secrets->items);
	free(secrets);
}

/* ---- who is named -------------------------------------------------------------------------- */

static size_t place(const struct secrets *secrets, const struct object *key, bool *ret_found)
{
	size_t low = 0, high = secrets->n;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = object_compare_key(&secrets->items[middle].key, key);

		*ret_found |= !r;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void want(struct secrets *secrets, const char *namespace, const char *name)
{
	const struct object key = { .kind = OBJECT_SECRET,
				    .namespace = (char *)namespace,
				    .name = (char *)name };
	bool found;
	size_t i = place(secrets, &key, &found);
	struct named *items;

	if (!found && secrets->n >= SECRETS_MAX)
		return;
	if (!found) {
		items = mem_grow(secrets->items, secrets->n, &secrets->cap, sizeof(*items));
		memmove(&items[i + 1], &items[i], (secrets->n - i) * sizeof(*items));
		items[i] = (struct named){ .key = key };
		items[i].key.namespace = mem_strdup(namespace);
		items[i].key.name = mem_strdup(name);
		secrets->items = items;
		secrets->n++;
	}
	secrets->items[i].wanted = true;
}

static bool is_ours(const struct secrets *secrets, const struct gateway *gateway)
{
	const struct object key = { .kind = OBJECT_GATEWAY_CLASS,
				    .namespace = "",
				    .name = gateway->class_name };
	const struct object *class = secrets->classes ? store_find(secrets->classes, &key) : NULL;

	return class &&
	       !strcmp(((const struct gateway_class *)class)->controller, secrets->controller);
}

static void want_of_gateway(void *arg, const struct object *object)
{
	const struct gateway *gateway = (const struct gateway *)object;
	struct secrets *secrets = arg;

	if (!is_ours(secrets, gateway))
		return;
	for (size_t i = 0; i < gateway->n_listeners; i++) {
		const struct gateway_listener *listener = &gateway->listeners[i];

		for (size_t j = 0; j < listener->n_certs; j++) {
			const struct object_reference *ref = &listener->certs[j];

			if (!*ref->group && !strcmp(ref->kind, "Secret"))
				want(secrets, *ref->namespace ? ref->namespace : object->namespace,
				     ref->name);
		}
	}
}

/* Ends those that nobody wants any more, begins new ones. */
static void sweep(struct secrets *secrets)
{
	size_t n = 0;

	for (size_t i = 0; i < secrets->n; i++) {
		struct named *named = &secrets->items[i];

		if (!named->wanted) {
			store_clear(lister_store(named->lister));
			free_named(named);
			secrets->changed = true;
			continue;
		}
		if (!named->lister) {
			named->lister =
				lister_new_of(secrets->ground, &resources_table[OBJECT_SECRET],
					      named->key.namespace, named->key.name);
			if (secrets->model)
				store_publish(lister_store(named->lister), secrets->model);
		}
		secrets->items[n++] = *named;
	}
	secrets->n = n;
}

void secrets_update(struct secrets *secrets, const struct store *gateways,
		    const struct store *classes)
{
	for (size_t i = 0; i < secrets->n; i++)
		secrets->items[i].wanted = false;
	secrets->classes = classes;
	if (gateways)
		store_each(gateways, want_of_gateway, secrets);
	sweep(secrets);
}

/* ---- all of them --------------------------------------------------------------------------- */

void secrets_publish(struct secrets *secrets, struct model *model)
{
	secrets->model = model;
	for (size_t i = 0; i < secrets->n; i++)
		store_publish(lister_store(secrets->items[i].lister), model);
}

uint64_t secrets_due_ms(const struct secrets *secrets)
{
	uint64_t due_ms = UINT64_MAX;

	for (size_t i = 0; i < secrets->n; i++) {
		uint64_t one_ms = lister_due_ms(secrets->items[i].lister);

		due_ms = one_ms < due_ms ? one_ms : due_ms;
	}
	return due_ms;
}

void secrets_run(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->n; i++)
		lister_run(secrets->items[i].lister);
}

bool secrets_settled(const struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->n; i++) {
		struct reflector_status status;

		lister_status(secrets->items[i].lister, &status);
		if (!status.synced && !answer_is_refusal(status.http_status))
			return false;
	}
	return true;
}

bool secrets_take_changed(struct secrets *secrets)
{
	bool changed = secrets->changed;

	for (size_t i = 0; i < secrets->n; i++)
		changed |= store_take_changed(lister_store(secrets->items[i].lister));
	secrets->changed = false;
	return changed;
}

void secrets_report(const struct secrets *secrets, struct diag_list *diags)
{
	for (size_t i = 0; i < secrets->n; i++)
		lister_report(secrets->items[i].lister, diags);
}
