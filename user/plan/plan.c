/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's lifetime, order, comparison and text. The text is what golden tests compare and what
 * `naructl plan` shows: one line a fact, sorted, without anything that differs from run to run.
 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void plan_service_fini(struct plan_service *service)
{
	free(service->name);
	free(service->frontends);
	free(service->cluster.endpoints);
	free(service->local.endpoints);
	free(service->spare.endpoints);
	free(service->ranges);
}

static void health_fini(struct plan_health *health)
{
	free(health->namespace);
	free(health->name);
}

static void node_fini(struct plan_node *node)
{
	free(node->name);
	free(node->addrs);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_services; i++)
		plan_service_fini(&plan->services[i]);
	free(plan->services);
	free(plan->step.services);
	free(plan->closed);
	for (size_t i = 0; i < plan->n_healths; i++)
		health_fini(&plan->healths[i]);
	free(plan->healths);
	for (size_t i = 0; i < plan->n_unbalanced; i++)
		free(plan->unbalanced[i]);
	free(plan->unbalanced);
	for (size_t i = 0; i < plan->n_nodes; i++)
		node_fini(&plan->nodes[i]);
	free(plan->nodes);
	for (size_t i = 0; i < plan->n_local_vips; i++)
		free(plan->local_vips[i].nodes);
	free(plan->local_vips);
	l7_fini(&plan->l7);
	verdict_fini(&plan->verdicts);
	free(plan->pod_cidrs);
	free(plan->node);
	diag_fini(&plan->diags);
	free(plan);
}

static int name_rank(const void *name, const void *node)
{
	return strcmp(name, ((const struct plan_node *)node)->name);
}

const struct plan_node *plan_find_node(const struct plan *plan, const char *name)
{
	return plan->n_nodes
		       ? bsearch(name, plan->nodes, plan->n_nodes, sizeof(*plan->nodes), name_rank)
		       : NULL;
}

const struct plan_local_vip *plan_find_local_vip(const struct plan *plan, const struct addr *addr)
{
	return plan->n_local_vips ? bsearch(addr, plan->local_vips, plan->n_local_vips,
					    sizeof(*plan->local_vips), addr_rank)
				  : NULL;
}

int plan_endpoint_compare(const struct plan_endpoint *a, const struct plan_endpoint *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (a->port > b->port) - (a->port < b->port);
}

bool plan_set_equal(const struct plan_set *a, const struct plan_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct plan_endpoint *x = &a->endpoints[i], *y = &b->endpoints[i];

		if (plan_endpoint_compare(x, y) || x->local != y->local)
			return false;
	}
	return true;
}

int plan_service_compare(const struct plan_service *a, const struct plan_service *b)
{
	int order = strcmp(a->name, b->name);

	if (!order)
		order = (a->proto > b->proto) - (a->proto < b->proto);
	if (!order)
		order = (a->family > b->family) - (a->family < b->family);
	return (order > 0) - (order < 0);
}

const char *plan_kind_name(enum plan_kind kind)
{
	static const char *const names[] = {
		[PLAN_CLUSTER_IP] = "cluster-ip",	[PLAN_NODE_PORT] = "node-port",
		[PLAN_LOAD_BALANCER] = "load-balancer", [PLAN_EXTERNAL_IP] = "external-ip",
		[PLAN_HOST_PORT] = "host-port",
	};

	return names[kind];
}

const char *plan_proto_name(uint8_t proto)
{
	return proto == 6 ? "tcp" : proto == 17 ? "udp" : "sctp";
}

const char *plan_policy_name(enum plan_policy policy)
{
	return policy == PLAN_LOCAL ? "local" : "cluster";
}

const char *plan_socket_format(const struct addr *addr, uint16_t port,
			       char buf[static PLAN_SOCKET_LEN])
{
	char text[ADDR_STR_LEN];

	if (addr_is_zero(addr))
		snprintf(buf, PLAN_SOCKET_LEN, "*:%u", port);
	else if (addr_family(addr) == 6)
		snprintf(buf, PLAN_SOCKET_LEN, "[%s]:%u", addr_format(addr, text), port);
	else
		snprintf(buf, PLAN_SOCKET_LEN, "%s:%u", addr_format(addr, text), port);
	return buf;
}

static void print_set(const char *title, const struct plan_set *set, FILE *out)
{
	char text[PLAN_SOCKET_LEN];

	fprintf(out, "  %s endpoints: %zu\n", title, set->n);
	for (size_t i = 0; i < set->n; i++) {
		const struct plan_endpoint *ep = &set->endpoints[i];

		fprintf(out, "    %s%s\n", plan_socket_format(&ep->addr, ep->port, text),
			ep->local ? " on this node" : "");
	}
}

static void print_service(const struct plan_service *service, FILE *out)
{
	bool local = false;
	char text[PLAN_SOCKET_LEN];

	fprintf(out, "\nservice %s %s ipv%u\n", service->name, plan_proto_name(service->proto),
		service->family);
	for (size_t i = 0; i < service->n_frontends; i++) {
		const struct plan_frontend *f = &service->frontends[i];

		fprintf(out, "  %s %s external=%s internal=%s%s\n", plan_kind_name(f->kind),
			plan_socket_format(&f->addr, f->port, text), plan_policy_name(f->external),
			plan_policy_name(f->internal), f->ranged ? " ranged" : "");
		local |= f->external == PLAN_LOCAL || f->internal == PLAN_LOCAL;
	}
	if (service->affinity_s)
		fprintf(out, "  affinity %u s\n", service->affinity_s);
	for (size_t i = 0; i < service->n_ranges; i++)
		fprintf(out, "  source range %s\n", cidr_format(&service->ranges[i], text));
	if (service->ranged_node)
		fprintf(out, "  source range of this node\n");
	print_set("cluster", &service->cluster, out);
	if (local)
		print_set("local", &service->local, out);
	if (service->spare.n)
		print_set("spare", &service->spare, out);
}

static void print_local_vip(const struct plan *plan, const struct plan_local_vip *vip, FILE *out)
{
	char text[ADDR_STR_LEN];

	fprintf(out, "local vip %s", addr_format(&vip->addr, text));
	for (size_t i = 0; i < vip->n_nodes; i++)
		fprintf(out, " %s", plan->nodes[vip->nodes[i]].name);
	fputc('\n', out);
}

void plan_print(const struct plan *plan, FILE *out)
{
	char text[ADDR_STR_LEN];

	fprintf(out, "node %s%s\n", plan->node, plan->node_leaving ? " leaving" : "");
	for (size_t i = 0; i < plan->n_pod_cidrs; i++)
		fprintf(out, "pod-cidr %s\n", cidr_format(&plan->pod_cidrs[i], text));
	for (size_t i = 0; i < plan->n_services; i++)
		print_service(&plan->services[i], out);
	for (size_t i = 0; i < plan->n_closed; i++)
		fprintf(out, "%sclosed %s\n", i ? "" : "\n", addr_format(&plan->closed[i], text));
	for (size_t i = 0; i < plan->n_healths; i++)
		fprintf(out, "%shealth %s/%s port %u local %zu\n", i ? "" : "\n",
			plan->healths[i].namespace, plan->healths[i].name, plan->healths[i].port,
			plan->healths[i].local_ready);
	for (size_t i = 0; i < plan->n_unbalanced; i++)
		fprintf(out, "%sunbalanced pod %s\n", i ? "" : "\n", plan->unbalanced[i]);
	for (size_t i = 0; i < plan->n_local_vips; i++) {
		if (!i)
			fputc('\n', out);
		print_local_vip(plan, &plan->local_vips[i], out);
	}
	l7_print(&plan->l7, out);
	verdict_print(&plan->verdicts, out);
}
