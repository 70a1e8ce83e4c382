/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index is an array sorted by owner; a Service finds its range by bisection. Anybody who may
 * write an EndpointSlice chooses its addresses, so those that would reach into the node itself
 * (loopback, link-local and the like) are refused here, as the API server does for most objects.
 * Loopback is let through for headless Services, if at all: only the proxy, which runs on the node,
 * has them for backends. A packet from elsewhere must never be sent there.
 */
#include "compile/slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/problem.h"

static int owner_compare(const struct endpoint_slice *slice, const char *namespace,
			 const char *service)
{
	int order = strcmp(slice->object.namespace, namespace);

	return order ? order : strcmp(slice->service, service);
}

static int slice_compare(const void *pa, const void *pb)
{
	const struct endpoint_slice *a = *(const struct endpoint_slice *const *)pa;
	const struct endpoint_slice *b = *(const struct endpoint_slice *const *)pb;
	int order = owner_compare(a, b->object.namespace, b->service);

	return order ? order : strcmp(a->object.name, b->object.name);
}

bool slices_has(const struct endpoint_slice *slice)
{
	return *slice->service && slice->family;
}

void slices_take_node(struct slices *slices, const struct model *model,
		      const struct compile_config *config)
{
	const struct node *node =
		(const struct node *)model_get(model, OBJECT_NODE, "", config->node_name);

	slices->node = config->node_name;
	slices->zone = node ? node->zone : "";
}

void slices_init(struct slices *slices, struct model *model, const struct compile_config *config)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_ENDPOINT_SLICE, &objects);

	*slices = (struct slices){
		.items = mem_array(n, sizeof(*slices->items)),
		.cap = n,
		.loopback = config->loopback_endpoints,
	};
	slices_take_node(slices, model, config);
	for (size_t i = 0; i < n; i++) {
		const struct endpoint_slice *slice = (const struct endpoint_slice *)objects[i];

		if (slices_has(slice))
			slices->items[slices->n++] = slice;
	}
	if (slices->n)
		qsort(slices->items, slices->n, sizeof(*slices->items), slice_compare);
}

static size_t find(const struct slices *slices, const struct endpoint_slice *slice)
{
	size_t low = 0, high = slices->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_compare(&slices->items[middle], &slice) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void slices_replace(struct slices *slices, const struct endpoint_slice *former,
		    const struct endpoint_slice *present)
{
	size_t at;

	if (former && slices_has(former)) {
		at = find(slices, former);
		slices->n--;
		memmove(&slices->items[at], &slices->items[at + 1],
			(slices->n - at) * sizeof(*slices->items));
	}
	if (!present || !slices_has(present))
		return;
	at = find(slices, present);
	slices->items = mem_grow(slices->items, slices->n, &slices->cap, sizeof(*slices->items));
	memmove(&slices->items[at + 1], &slices->items[at],
		(slices->n - at) * sizeof(*slices->items));
	slices->items[at] = present;
	slices->n++;
}

void slices_fini(struct slices *slices)
{
	free(slices->items);
	*slices = (struct slices){ 0 };
}

size_t slices_of(const struct slices *slices, const struct object *service,
		 const struct endpoint_slice *const **ret_first)
{
	size_t low = 0, high = slices->n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owner_compare(slices->items[middle], service->namespace, service->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < slices->n; end++)
		if (owner_compare(slices->items[end], service->namespace, service->name))
			break;
	*ret_first = slices->items + low;
	return end - low;
}

bool slices_usable_addr(const struct addr *addr)
{
	const uint8_t *b = addr->byte;

	if (addr_is_zero(addr) || addr_is_loopback(addr))
		return false;
	if (addr_family(addr) == 4) {
		bool link_local = b[12] == 169 && b[13] == 254;

		return b[12] != 0 && b[12] < 224 && !link_local;
	}
	return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

bool slices_usable_endpoint(const struct slices *slices, const struct service *service,
			    const struct addr *addr)
{
	if (slices->loopback && service && service->headless && addr_is_loopback(addr))
		return true;
	return slices_usable_addr(addr);
}

static void check_owner(const struct endpoint_slice *slice, const struct model *model,
			struct diag_list *diags)
{
	if (!*slice->service) {
		problem_add(diags, DIAG_WARNING, &slice->object, "metadata.labels",
			    "no kubernetes.io/service-name, hence of no Service: without effect");
		return;
	}
	if (model_get(model, OBJECT_SERVICE, slice->object.namespace, slice->service))
		return;
	problem_add(diags, DIAG_WARNING, &slice->object,
		    "metadata.labels[kubernetes.io/service-name]",
		    "no Service %s in namespace %s: without effect", slice->service,
		    slice->object.namespace);
}

static void check_slice(const struct slices *slices, const struct model *model,
			const struct endpoint_slice *slice, struct diag_list *diags)
{
	const struct service *service =
		(const struct service *)model_get(model, OBJECT_SERVICE, slice->object.namespace,
						  slice->service);
	size_t bad = 0, first = 0;
	char field[64], text[ADDR_STR_LEN];

	for (size_t i = 0; i < slice->n_endpoints; i++) {
		const struct slice_endpoint *ep = &slice->endpoints[i];

		if (ep->n_addrs && !slices_usable_endpoint(slices, service, &ep->addrs[0]) &&
		    !bad++)
			first = i;
	}
	if (!bad)
		return;
	snprintf(field, sizeof(field), "endpoints[%zu].addresses[0]", first);
	problem_add(diags, DIAG_ERROR, &slice->object, field,
		    "%s cannot be an endpoint: not a unicast address that reaches beyond one host "
		    "(%zu such in this slice left out)",
		    addr_format(&slice->endpoints[first].addrs[0], text), bad);
}

void slices_check_one(const struct slices *slices, const struct model *model,
		      const struct endpoint_slice *slice, struct diag_list *diags)
{
	check_owner(slice, model, diags);
	if (slices_has(slice))
		check_slice(slices, model, slice, diags);
}

void slices_check(const struct slices *slices, struct model *model, struct diag_list *diags)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_ENDPOINT_SLICE, &objects);

	for (size_t i = 0; i < n; i++)
		slices_check_one(slices, model, (const struct endpoint_slice *)objects[i], diags);
}
