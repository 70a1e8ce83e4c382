// SPDX-License-Identifier: Apache-2.0
/*
 * Only what comes every second in a large cluster is followed: EndpointSlices and pods without a
 * word for naru. They change the endpoints of Services that stay what they are, hence neither
 * frontends nor who has them, so each Service can be done by itself. Anything else, and whatever is
 * in doubt, is compiled from the beginning. daemon.c calls it.
 *
 * Invariant: the result prints like that of compile(), diagnostics included; a test compares them
 * over thousands of changes.
 */
#include "compile/again.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/clusters.h"
#include "compile/endpoints.h"
#include "compile/healths.h"
#include "compile/pods.h"
#include "compile/services.h"
#include "compile/slices.h"

struct again {
	const struct compile_config *config;
	struct slices slices; /* of the model, as of the last call */
	uint64_t serial;      /* of the last plan */
};

/* One call. */
struct work {
	struct again *again;
	struct model *model;
	struct plan *plan;
	const struct model_change *changes;
	size_t n;
	struct diag_list diags; /* to be added */
};

struct again *again_new(const struct compile_config *config)
{
	struct again *again = mem_new(sizeof(*again));

	again->config = config;
	return again;
}

void again_free(struct again *again)
{
	if (!again)
		return;
	slices_fini(&again->slices);
	free(again);
}

/* ---- what can be followed ------------------------------------------------------------------ */

static bool same_place(const struct object *a, const struct object *b)
{
	return a->origin.line == b->origin.line && !strcmp(a->origin.file, b->origin.file);
}

static bool matters(const struct work *work, const struct object *pod)
{
	return pod && pods_matter((const struct pod *)pod, work->again->config->node_name);
}

static bool can_follow(const struct work *work, const struct model_change *change)
{
	const struct object *any = change->present ? change->present : change->former;

	if (any->kind == OBJECT_ENDPOINT_SLICE)
		return true;
	if (change->former && change->present && !change->content &&
	    same_place(change->former, change->present))
		return true;
	return any->kind == OBJECT_POD && !matters(work, change->former) &&
	       !matters(work, change->present);
}

/* ---- diagnostics --------------------------------------------------------------------------- */

/* field NULL: of all. */
static void forget_diags(struct work *work, const struct object *object, const char *field)
{
	_cleanup_(mem_freep) char *name = mem_printf("%s %s/%s", object_kind_name(object->kind),
						     object->namespace, object->name);

	if (work->plan->diags.n)
		diag_drop(&work->plan->diags, &(struct diag_where){ .file = object->origin.file,
								    .line = object->origin.line,
								    .object = name,
								    .field = field });
}

/* ---- one Service --------------------------------------------------------------------------- */

/* The first one of that name has it: later ones are not served. */
static const struct service_port *find_port(const struct service *service,
					    const struct plan_service *plan)
{
	for (size_t i = 0; i < service->n_ports; i++) {
		_cleanup_(mem_freep) char *name = services_port_name(service, &service->ports[i]);

		if (service->ports[i].proto == plan->proto && !strcmp(name, plan->name))
			return &service->ports[i];
	}
	return NULL;
}

static bool take_set(struct plan_set *set, struct plan_set *from)
{
	bool differs = !plan_set_equal(set, from);

	free(set->endpoints);
	*set = *from;
	*from = (struct plan_set){ 0 };
	return differs;
}

static void note_step(struct plan *plan, size_t index)
{
	struct plan_step *step = &plan->step;

	step->services = mem_grow(step->services, step->n_services, &step->cap_services,
				  sizeof(*step->services));
	step->services[step->n_services++] = (uint32_t)index;
}

static bool follow_port(struct work *work, const struct service *service, size_t index)
{
	struct plan_service *plan = &work->plan->services[index];
	struct draft draft = {
		.plan = { .name = plan->name,
			  .proto = plan->proto,
			  .family = plan->family,
			  .frontends = plan->frontends,
			  .n_frontends = plan->n_frontends },
		.service = service,
		.port = find_port(service, plan),
	};
	bool differs;

	if (!draft.port)
		return false;
	endpoints_choose(&draft, &work->again->slices, &work->diags);
	differs = take_set(&plan->cluster, &draft.plan.cluster);
	differs |= take_set(&plan->local, &draft.plan.local);
	differs |= take_set(&plan->spare, &draft.plan.spare);
	if (differs)
		note_step(work->plan, index);
	return true;
}

/* The first of the plan's services that is not before the name. */
static size_t lower_bound(const struct plan *plan, const char *name)
{
	size_t low = 0, high = plan->n_services;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(plan->services[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* All of a Service begin with its name and a colon. */
static bool follow_ports(struct work *work, const struct service *service)
{
	_cleanup_(mem_freep) char *prefix =
		mem_printf("%s/%s:", service->object.namespace, service->object.name);
	const struct plan *plan = work->plan;
	size_t len = strlen(prefix);

	for (size_t i = lower_bound(plan, prefix);
	     i < plan->n_services && !strncmp(plan->services[i].name, prefix, len); i++)
		if (!follow_port(work, service, i))
			return false;
	return true;
}

/* Without an address of its own, a Service has the families of its slices. */
static bool has_own_families(const struct service *service)
{
	return service->n_cluster_ips || service->headless || service->foreign_proxy ||
	       service->type == SERVICE_EXTERNAL_NAME;
}

/* Which nodes have endpoints decides who answers for such an address. */
static bool may_be_announced(const struct plan *plan, const struct service *service)
{
	return plan->n_local_vips && service->external_policy == POLICY_LOCAL;
}

static bool follow_service(struct work *work, const struct service *service)
{
	struct plan *plan = work->plan;
	const struct slices *slices = &work->again->slices;

	if (!has_own_families(service) || may_be_announced(plan, service))
		return false;
	/* That it has too many endpoints is said of the Service as a whole. */
	forget_diags(work, &service->object, "");
	if (!follow_ports(work, service))
		return false;
	plan->step.healths |= healths_follow(service, slices, plan);
	return clusters_follow(service, slices, &plan->l7, &plan->step.l7);
}

/* ---- all Services whose slices changed ----------------------------------------------------- */

struct owner {
	const char *namespace, *name;
};

struct owners {
	struct owner *items;
	size_t n;
};

static int owner_compare(const void *pa, const void *pb)
{
	const struct owner *a = pa, *b = pb;
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

static void add_owner(struct owners *owners, const struct object *object)
{
	if (object && object->kind == OBJECT_ENDPOINT_SLICE)
		owners->items[owners->n++] =
			(struct owner){ object->namespace,
					((const struct endpoint_slice *)object)->service };
}

static void list_owners(const struct work *work, struct owners *ret_owners)
{
	struct owners owners = { .items = mem_array(2 * work->n, sizeof(*owners.items)) };
	size_t n = 0;

	for (size_t i = 0; i < work->n; i++) {
		add_owner(&owners, work->changes[i].former);
		add_owner(&owners, work->changes[i].present);
	}
	if (owners.n)
		qsort(owners.items, owners.n, sizeof(*owners.items), owner_compare);
	for (size_t i = 0; i < owners.n; i++)
		if (!i || owner_compare(&owners.items[n - 1], &owners.items[i]))
			owners.items[n++] = owners.items[i];
	owners.n = n;
	*ret_owners = owners;
}

static void owners_fini(struct owners *owners)
{
	free(owners->items);
}

static bool follow_owner(struct work *work, const struct owner *owner)
{
	const struct object key = {
		.kind = OBJECT_SERVICE,
		.namespace = (char *)owner->namespace,
		.name = (char *)owner->name,
	};
	const struct endpoint_slice *const *slice;
	size_t n = slices_of(&work->again->slices, &key, &slice);
	const struct object *service =
		model_get(work->model, OBJECT_SERVICE, owner->namespace, owner->name);

	for (size_t i = 0; i < n; i++) {
		forget_diags(work, &slice[i]->object, NULL);
		slices_check_one(&work->again->slices, work->model, slice[i], &work->diags);
	}
	return !service || follow_service(work, (const struct service *)service);
}

/* ---- all changes --------------------------------------------------------------------------- */

static bool is_newest(const struct work *work, size_t index)
{
	const struct object *slice = work->changes[index].present;

	for (size_t i = index + 1; i < work->n; i++)
		if (work->changes[i].present == slice)
			return false;
	return slice && model_get(work->model, slice->kind, slice->namespace, slice->name) == slice;
}

/* Slices that no Service finds have nobody else who looks at them. */
static void follow_slice(struct work *work, size_t index)
{
	const struct model_change *change = &work->changes[index];
	const struct object *any = change->present ? change->present : change->former;

	if (any->kind != OBJECT_ENDPOINT_SLICE)
		return;
	if (change->former)
		forget_diags(work, change->former, NULL);
	slices_replace(&work->again->slices, (const struct endpoint_slice *)change->former,
		       (const struct endpoint_slice *)change->present);
	if (is_newest(work, index) && !slices_has((const struct endpoint_slice *)change->present))
		slices_check_one(&work->again->slices, work->model,
				 (const struct endpoint_slice *)change->present, &work->diags);
}

static bool follow(struct work *work)
{
	_cleanup_(owners_fini) struct owners owners = { 0 };
	bool done = true;

	for (size_t i = 0; i < work->n; i++)
		if (!can_follow(work, &work->changes[i]))
			return false;
	slices_take_node(&work->again->slices, work->model, work->again->config);
	for (size_t i = 0; i < work->n; i++)
		follow_slice(work, i);
	list_owners(work, &owners);
	for (size_t i = 0; i < owners.n && done; i++)
		done = follow_owner(work, &owners.items[i]);
	diag_merge(&work->plan->diags, &work->diags);
	return done;
}

static struct plan *begin(struct again *again, struct plan *former, struct model *model)
{
	plan_free(former);
	slices_fini(&again->slices);
	slices_init(&again->slices, model, again->config);
	return compile_with(&again->slices, model, again->config);
}

struct plan *again_compile(struct again *again, struct plan *former, struct model *model)
{
	struct work work = { .again = again, .model = model, .plan = former };
	struct plan *plan = former;

	if (former) {
		former->step.since = former->step.serial;
		former->step.n_services = 0;
		former->step.l7 = former->step.healths = false;
	}
	if (!former || !model_journal(model, &work.changes, &work.n) || !follow(&work))
		plan = begin(again, former, model);
	plan->generation = model_generation(model);
	plan->step.serial = ++again->serial;
	model_journal_clear(model);
	return plan;
}
