// SPDX-License-Identifier: Apache-2.0
/*
 * The order of things: what is in the way, what is held, what is asked for, what is free. The
 * leader asks, to write statuses, and narud without an API server, to serve.
 */
#include "allocate/allocate.h"

#include <stdlib.h>
#include <string.h>

#include "allocate/answer.h"
#include "allocate/holders.h"
#include "allocate/rights.h"
#include "allocate/seek.h"
#include "allocate/sharing.h"
#include "base/mem.h"

static const char *family_name(size_t family)
{
	return family ? "IPv6" : "IPv4";
}

static void complain_of_sharing(struct owner *owner, size_t family)
{
	owners_complain(owner, ALLOCATE_SHARING_LIMIT,
			"sharing key \"%.64s\" of namespace %s has %d %s addresses, as many as one "
			"may have, and none that this %s can share",
			owner->key, owner->object->namespace, SHARING_ADDRS_MAX,
			family_name(family), object_kind_name(owner->object->kind));
}

/* ---- 1. what is held ------------------------------------------------------------------------ */

static void hold(struct run *run, struct owner *owner, size_t family)
{
	const struct addr addr = owner->addr[family];
	const struct owner *other;

	if (!owner->has[family])
		return;
	owner->has[family] = false;
	if (holders_check(run, owner, places_find(&run->places, &addr), &other) ==
	    ALLOCATE_ASSIGNED)
		holders_take(run, owner, family, &addr);
}

/* ---- 2. what is asked for ------------------------------------------------------------------- */

static void complain_of_place(struct owner *owner, enum allocate_reason reason,
			      const struct addr *addr, const struct owner *other)
{
	static const char *const whys[] = {
		[ALLOCATE_TAKEN] = "is in use by",
		[ALLOCATE_PORT_CLASH] = "cannot be shared, since a port is the same, with",
		[ALLOCATE_POLICY_CLASH] = "cannot be shared across externalTrafficPolicies with",
	};
	char text[ADDR_STR_LEN];

	addr_format(addr, text);
	if (reason == ALLOCATE_SHARING_LIMIT)
		owners_complain(owner, reason,
				"%s is shared by %d Services and Gateways of sharing key "
				"\"%.64s\", as many as can be",
				text, SHARING_OWNERS_MAX, owner->key);
	else if (other)
		owners_complain(owner, reason, "%s %s %s %s/%s", text, whys[reason],
				object_kind_name(other->object->kind), other->object->namespace,
				other->object->name);
	else
		owners_complain(owner, reason,
				"%s is in use: by a node, a Gateway that names it, or another "
				"Service",
				text);
}

static void grant_wish(struct run *run, struct owner *owner, size_t family)
{
	const struct addr *wish = &owner->wish[family];
	const struct pools_range *range = pools_find(run->pools, wish);
	const struct place *place = places_find(&run->places, wish);
	enum allocate_reason reason;
	const struct owner *other;
	char text[ADDR_STR_LEN];

	if (!owner->wishes[family] ||
	    (owner->has[family] && !addr_compare(&owner->addr[family], wish)))
		return;
	if (!range || !rights_may_use(run, range->pool, owner, true))
		return owners_complain(owner, ALLOCATE_NOT_IN_POOL,
				       "%s lies in no AddressPool that gives to this %s",
				       addr_format(wish, text),
				       object_kind_name(owner->object->kind));
	reason = holders_check(run, owner, place, &other);
	if (reason == ALLOCATE_ASSIGNED && place && place->reserved)
		reason = ALLOCATE_TAKEN;
	if (reason != ALLOCATE_ASSIGNED)
		return complain_of_place(owner, reason, wish, other);
	if (!(place && place->n) && sharing_is_full(run, owner, family))
		return complain_of_sharing(owner, family);
	holders_give_back(run, owner, family);
	holders_take(run, owner, family, wish);
}

/* ---- 3. what is free ------------------------------------------------------------------------ */

static void complain_of_pools(const struct run *run, struct owner *owner,
			      enum allocate_reason reason, size_t family)
{
	const char *kind = object_kind_name(owner->object->kind);

	if (reason == ALLOCATE_SHARING_LIMIT)
		complain_of_sharing(owner, family);
	else if (reason == ALLOCATE_EXHAUSTED)
		owners_complain(owner, reason,
				"all %s addresses of AddressPools that give to this %s are in use",
				family_name(family), kind);
	else if (*owner->pool && !pools_get(run->pools, owner->pool))
		owners_complain(owner, reason, "there is no AddressPool %.64s", owner->pool);
	else if (*owner->pool)
		owners_complain(owner, reason, "AddressPool %.64s gives no %s address to this %s",
				owner->pool, family_name(family), kind);
	else
		owners_complain(owner, reason, "no AddressPool gives %s addresses to this %s",
				family_name(family), kind);
}

/* Has it what it asked for, or an address where it asked for nothing? */
static bool is_content(const struct run *run, const struct owner *owner, size_t family)
{
	const struct pools_item *item;

	if (owner->wishes[family])
		return true;
	if (!owner->has[family] || !*owner->pool)
		return owner->has[family];
	item = pools_owner(run->pools, &owner->addr[family]);
	return item && !strcmp(item->pool->object.name, owner->pool);
}

static void give(struct run *run, struct owner *owner, size_t family)
{
	enum allocate_reason reason;
	struct addr addr;

	if (is_content(run, owner, family))
		return;
	reason = seek(run, owner, family, &addr);
	if (reason != ALLOCATE_ASSIGNED) {
		if (!owner->either || owner->has[family])
			complain_of_pools(run, owner, reason, family);
		return;
	}
	holders_give_back(run, owner, family);
	holders_take(run, owner, family, &addr);
}

static bool has_any(const struct owner *owner)
{
	return owner->has[0] || owner->has[1];
}

/* Of the family that comes nearer. */
static void complain_of_either(const struct run *run, struct owner *owner)
{
	struct addr unused;
	enum allocate_reason reasons[] = { seek(run, owner, 0, &unused),
					   seek(run, owner, 1, &unused) };
	size_t family = reasons[1] != ALLOCATE_NO_POOL && reasons[0] == ALLOCATE_NO_POOL;

	complain_of_pools(run, owner, reasons[family], family);
}

/* One of the families is enough for those that can have either: they move only when asked to. */
static void give_all(struct run *run, struct owner *owner)
{
	if (owner->either && (owner->wishes[0] || owner->wishes[1]))
		return;
	if (owner->either && has_any(owner))
		return give(run, owner, owner->has[0] ? 0 : 1);
	for (size_t i = 0; i < owner->n_families; i++) {
		give(run, owner, owner->families[i]);
		if (owner->either && has_any(owner))
			return;
	}
	if (owner->either)
		complain_of_either(run, owner);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void block_all(struct run *run)
{
	for (size_t i = 0; i < run->owners.n_nodes; i++)
		holders_block(run, &run->owners.nodes[i], true);
	for (size_t i = 0; i < run->owners.n_reserved; i++)
		holders_block(run, &run->owners.reserved[i], false);
	for (size_t i = 0; i < run->owners.n; i++)
		if (run->owners.items[i].unasked)
			owners_complain(&run->owners.items[i], ALLOCATE_NOT_ASKED,
					"no address of an AddressPool is asked for");
}

static void work(struct run *run)
{
	struct owners *owners = &run->owners;

	block_all(run);
	for (size_t i = 0; i < owners->n; i++)
		for (size_t family = 0; family < POOLS_FAMILIES; family++)
			hold(run, &owners->items[i], family);
	for (size_t i = 0; i < owners->n; i++)
		for (size_t family = 0; family < POOLS_FAMILIES; family++)
			grant_wish(run, &owners->items[i], family);
	for (size_t i = 0; i < owners->n; i++)
		if (!owners->items[i].unasked && owners->items[i].reason != ALLOCATE_INVALID)
			give_all(run, &owners->items[i]);
}

void allocate(struct model *model, const struct allocate_config *config,
	      struct allocation *ret_allocation)
{
	struct run run = { .model = model, .pools = &ret_allocation->pools };

	*ret_allocation = (struct allocation){ 0 };
	pools_init(run.pools, model);
	owners_init(&run.owners, model, run.pools, config);
	places_init(&run.places);
	sharing_init(&run);
	work(&run);
	answer_all(&run, ret_allocation);
	sharing_fini(&run);
	places_fini(&run.places);
	owners_fini(&run.owners);
}

void allocate_fini(struct allocation *allocation)
{
	for (size_t i = 0; i < allocation->n; i++)
		free(allocation->items[i].message);
	free(allocation->items);
	pools_fini(&allocation->pools);
}

const char *allocate_reason_name(enum allocate_reason reason)
{
	static const char *const names[ALLOCATE_REASON_MAX] = {
		[ALLOCATE_ASSIGNED] = "Assigned",
		[ALLOCATE_KEPT] = "KeptOutsidePools",
		[ALLOCATE_NO_POOL] = "NoPool",
		[ALLOCATE_EXHAUSTED] = "PoolExhausted",
		[ALLOCATE_SHARING_LIMIT] = "SharingLimit",
		[ALLOCATE_INVALID] = "InvalidRequest",
		[ALLOCATE_NOT_IN_POOL] = "AddressNotInPool",
		[ALLOCATE_TAKEN] = "AddressTaken",
		[ALLOCATE_PORT_CLASH] = "PortClash",
		[ALLOCATE_POLICY_CLASH] = "PolicyClash",
		[ALLOCATE_NOT_ASKED] = "NotAsked",
	};

	return names[reason];
}

const struct assignment *allocate_find(const struct allocation *allocation,
				       const struct object *object)
{
	const struct assignment key = { .object = object };

	if (!allocation->n)
		return NULL;
	return bsearch(&key, allocation->items, allocation->n, sizeof(key), answer_rank);
}
