// SPDX-License-Identifier: Apache-2.0
/*
 * Life and comparison of typed objects: one row a kind. kube/ makes objects, the model keeps
 * them. Invariant: every field of object.h's structs stands in both the kind's free and its
 * equal function.
 */
#include "model/object.h"

#include <string.h>

#include "base/mem.h"

static void service_free(struct object *object)
{
	struct service *service = (struct service *)object;

	for (size_t i = 0; i < service->n_ports; i++)
		free(service->ports[i].name);
	free(service->ports);
	free(service->cluster_ips);
	free(service->ingress);
}

static void slice_free(struct object *object)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object;

	for (size_t i = 0; i < slice->n_endpoints; i++) {
		free(slice->endpoints[i].addrs);
		free(slice->endpoints[i].node);
	}
	for (size_t i = 0; i < slice->n_ports; i++)
		free(slice->ports[i].name);
	free(slice->endpoints);
	free(slice->ports);
	free(slice->service);
}

static void node_free(struct object *object)
{
	struct node *node = (struct node *)object;

	free(node->pod_cidrs);
	free(node->addrs);
}

static bool addrs_equal(const struct addr *a, size_t n_a, const struct addr *b, size_t n_b)
{
	return n_a == n_b && (!n_a || !memcmp(a, b, n_a * sizeof(*a)));
}

static bool service_ports_equal(const struct service *a, const struct service *b)
{
	if (a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_ports; i++) {
		const struct service_port *p = &a->ports[i], *q = &b->ports[i];

		if (strcmp(p->name, q->name) != 0 || p->proto != q->proto || p->port != q->port ||
		    p->node_port != q->node_port)
			return false;
	}
	return true;
}

static bool ingress_equal(const struct service *a, const struct service *b)
{
	if (a->n_ingress != b->n_ingress)
		return false;
	for (size_t i = 0; i < a->n_ingress; i++) {
		if (addr_compare(&a->ingress[i].ip, &b->ingress[i].ip) != 0 ||
		    a->ingress[i].proxy != b->ingress[i].proxy)
			return false;
	}
	return true;
}

static bool service_equal(const struct object *left, const struct object *right)
{
	const struct service *a = (const struct service *)left;
	const struct service *b = (const struct service *)right;

	return a->type == b->type && a->headless == b->headless &&
	       a->foreign_proxy == b->foreign_proxy && a->affinity == b->affinity &&
	       a->source_ranges == b->source_ranges && a->external_ips == b->external_ips &&
	       a->distribution == b->distribution && a->health_check_port == b->health_check_port &&
	       a->internal_policy == b->internal_policy &&
	       a->external_policy == b->external_policy &&
	       addrs_equal(a->cluster_ips, a->n_cluster_ips, b->cluster_ips, b->n_cluster_ips) &&
	       service_ports_equal(a, b) && ingress_equal(a, b);
}

static bool endpoint_equal(const struct slice_endpoint *a, const struct slice_endpoint *b)
{
	return addrs_equal(a->addrs, a->n_addrs, b->addrs, b->n_addrs) &&
	       !strcmp(a->node, b->node) && a->ready == b->ready && a->serving == b->serving &&
	       a->terminating == b->terminating;
}

static bool slice_equal(const struct object *left, const struct object *right)
{
	const struct endpoint_slice *a = (const struct endpoint_slice *)left;
	const struct endpoint_slice *b = (const struct endpoint_slice *)right;

	if (strcmp(a->service, b->service) != 0 || a->family != b->family ||
	    a->n_endpoints != b->n_endpoints || a->n_ports != b->n_ports)
		return false;
	for (size_t i = 0; i < a->n_endpoints; i++) {
		if (!endpoint_equal(&a->endpoints[i], &b->endpoints[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_ports; i++) {
		const struct slice_port *p = &a->ports[i], *q = &b->ports[i];

		if (strcmp(p->name, q->name) != 0 || p->proto != q->proto || p->port != q->port)
			return false;
	}
	return true;
}

static bool node_equal(const struct object *left, const struct object *right)
{
	const struct node *a = (const struct node *)left;
	const struct node *b = (const struct node *)right;

	if (a->n_pod_cidrs != b->n_pod_cidrs)
		return false;
	for (size_t i = 0; i < a->n_pod_cidrs; i++) {
		const struct cidr *c = &a->pod_cidrs[i], *d = &b->pod_cidrs[i];

		if (c->len != d->len || addr_compare(&c->addr, &d->addr) != 0)
			return false;
	}
	return addrs_equal(a->addrs, a->n_addrs, b->addrs, b->n_addrs);
}

/* NULL where a kind has no fields of its own. */
static const struct {
	const char *name;
	size_t size;
	void (*fini)(struct object *object);
	bool (*equal)(const struct object *a, const struct object *b);
} kinds[OBJECT_KIND_MAX] = {
	[OBJECT_SERVICE] = { "Service", sizeof(struct service), service_free, service_equal },
	[OBJECT_ENDPOINT_SLICE] = { "EndpointSlice", sizeof(struct endpoint_slice), slice_free,
				    slice_equal },
	[OBJECT_NODE] = { "Node", sizeof(struct node), node_free, node_equal },
	[OBJECT_NAMESPACE] = { "Namespace", sizeof(struct namespace), NULL, NULL },
};

struct object *object_new(enum object_kind kind)
{
	struct object *object = mem_new(kinds[kind].size);

	object->kind = kind;
	return object;
}

struct object *object_ref(struct object *object)
{
	object->more_owners++;
	return object;
}

void object_free(struct object *object)
{
	if (!object)
		return;
	if (object->more_owners) {
		object->more_owners--;
		return;
	}
	if (kinds[object->kind].fini)
		kinds[object->kind].fini(object);
	free(object->namespace);
	free(object->name);
	free(object->origin.file);
	free(object);
}

void object_freep(struct object **object)
{
	object_free(*object);
}

const char *object_kind_name(enum object_kind kind)
{
	return kinds[kind].name;
}

int object_compare_key(const struct object *a, const struct object *b)
{
	int r = (a->kind > b->kind) - (a->kind < b->kind);

	if (!r)
		r = strcmp(a->namespace, b->namespace);
	return r ? r : strcmp(a->name, b->name);
}

bool object_equal(const struct object *a, const struct object *b)
{
	if (object_compare_key(a, b) != 0)
		return false;
	return !kinds[a->kind].equal || kinds[a->kind].equal(a, b);
}
