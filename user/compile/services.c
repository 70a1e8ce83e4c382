/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which ports of which Services are served in which families, and names them. Names are
 * what stable ids hang on, so two drafts of the same protocol and family never share one.
 */
#include "compile/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <naru/limits.h>

#include "base/mem.h"
#include "compile/access.h"
#include "compile/problem.h"

#define FIELD_LEN 64

bool services_plain(const char *name)
{
	return !strpbrk(name, "/:");
}

/* Bit 4 and bit 6: the families of cluster and load balancer addresses, else of the endpoints. */
static unsigned families(const struct service *service, const struct slices *slices)
{
	const struct endpoint_slice *const *slice;
	unsigned mask = 0;
	size_t n;

	for (size_t i = 0; i < service->n_cluster_ips; i++)
		mask |= 1u << addr_family(&service->cluster_ips[i]);
	if (!mask) {
		n = slices_of(slices, &service->object, &slice);
		for (size_t i = 0; i < n; i++)
			mask |= 1u << slice[i]->family;
	}
	for (size_t i = 0; i < service->n_ingress; i++)
		if (!service->ingress[i].proxy)
			mask |= 1u << addr_family(&service->ingress[i].ip);
	return mask;
}

char *services_port_name(const struct service *service, const struct service_port *port)
{
	char number[8];

	snprintf(number, sizeof(number), "%u", port->port);
	return mem_printf("%s/%s:%s", service->object.namespace, service->object.name,
			  *port->name ? port->name : number);
}

static void add_draft(struct drafts *drafts, const struct service *service,
		      const struct service_port *port, uint8_t family)
{
	struct draft draft = {
		.plan = { .proto = port->proto, .family = family },
		.service = service,
		.port = port,
	};

	draft.plan.name = services_port_name(service, port);
	drafts->items = mem_grow(drafts->items, drafts->n, &drafts->cap, sizeof(*drafts->items));
	drafts->items[drafts->n++] = draft;
}

static bool same_name(const struct service_port *a, const struct service_port *b)
{
	char number_a[8], number_b[8];

	snprintf(number_a, sizeof(number_a), "%u", a->port);
	snprintf(number_b, sizeof(number_b), "%u", b->port);
	if (!*a->name && !*b->name)
		return true; /* endpoints could not tell them apart */
	return !strcmp(*a->name ? a->name : number_a, *b->name ? b->name : number_b);
}

/* Can the port be served? Says why not. */
static bool check_port(const struct service *service, size_t index, struct diag_list *diags)
{
	const struct service_port *port = &service->ports[index];
	char field[FIELD_LEN];

	snprintf(field, sizeof(field), "spec.ports[%zu].name", index);
	if (!services_plain(port->name)) {
		problem_add(diags, DIAG_ERROR, &service->object, field,
			    "not a port name: port %u is not served", port->port);
		return false;
	}
	for (size_t i = 0; i < index; i++) {
		if (service->ports[i].proto != port->proto || !same_name(&service->ports[i], port))
			continue;
		problem_add(
			diags, DIAG_ERROR, &service->object, field,
			"same name as spec.ports[%zu] in the same protocol: port %u is not served",
			i, port->port);
		return false;
	}
	return true;
}

static void check_addr(const struct object *object, const struct addr *addr, const char *field,
		       struct diag_list *diags)
{
	char text[ADDR_STR_LEN];

	if (slices_usable_addr(addr))
		return;
	problem_add(diags, DIAG_ERROR, object, field,
		    "%s cannot be served: not a unicast address that reaches beyond one host",
		    addr_format(addr, text));
	diag_mark(diags, DIAG_ADDRESS);
}

static void check_addrs(const struct service *service, struct diag_list *diags)
{
	char field[FIELD_LEN];

	for (size_t i = 0; i < service->n_cluster_ips; i++) {
		snprintf(field, sizeof(field), "spec.clusterIPs[%zu]", i);
		check_addr(&service->object, &service->cluster_ips[i], field, diags);
	}
	for (size_t i = 0; i < service->n_ingress; i++) {
		snprintf(field, sizeof(field), "status.loadBalancer.ingress[%zu].ip", i);
		if (!service->ingress[i].proxy)
			check_addr(&service->object, &service->ingress[i].ip, field, diags);
	}
	for (size_t i = 0; i < service->n_external_ips; i++) {
		snprintf(field, sizeof(field), "spec.externalIPs[%zu]", i);
		check_addr(&service->object, &service->external_ips[i], field, diags);
	}
}

static bool check_service(const struct service *service, const struct compile_config *config,
			  struct diag_list *diags)
{
	const struct object *object = &service->object;
	size_t longest = 5; /* a number */

	if (service->headless || service->foreign_proxy || service->type == SERVICE_EXTERNAL_NAME)
		return false;
	for (size_t i = 0; i < service->n_ports; i++)
		if (strlen(service->ports[i].name) > longest)
			longest = strlen(service->ports[i].name);
	if (!services_plain(object->namespace) || !services_plain(object->name) ||
	    strlen(object->namespace) + strlen(object->name) + longest + 3 > NARU_NAME_LEN) {
		problem_add(diags, DIAG_ERROR, object, "metadata.name",
			    "not a name, or too long: not served");
		return false;
	}
	check_addrs(service, diags);
	access_check(service, config, diags);
	return true;
}

static void draft_service(const struct service *service, const struct slices *slices,
			  const struct compile_config *config, struct drafts *drafts)
{
	unsigned mask;

	if (!check_service(service, config, drafts->diags))
		return;
	mask = families(service, slices);
	if (!mask)
		problem_add(drafts->diags, DIAG_WARNING, &service->object, "spec.clusterIPs",
			    "no address, and no EndpointSlice to tell the family: not served");
	for (size_t i = 0; i < service->n_ports; i++) {
		if (!check_port(service, i, drafts->diags))
			continue;
		for (uint8_t family = 4; family <= 6; family += 2)
			if (mask & 1u << family)
				add_draft(drafts, service, &service->ports[i], family);
	}
}

void services_draft(struct model *model, const struct slices *slices,
		    const struct compile_config *config, struct drafts *drafts)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_SERVICE, &objects);

	for (size_t i = 0; i < n; i++)
		draft_service((const struct service *)objects[i], slices, config, drafts);
	drafts->n_services = drafts->n;
}
