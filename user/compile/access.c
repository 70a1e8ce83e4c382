// SPDX-License-Identifier: Apache-2.0
/*
 * Session affinity, source ranges, external IPs and closed ports of ClusterIPs, by the rules of
 * kube-proxy. services.c, frontends.c and compile.c call it.
 *
 * Source ranges guard load balancer addresses alone, and those of a family only if a range of that
 * family is there. Anybody who may write a Service chooses its external IPs, so they must lie where
 * the operator said.
 */
#include "compile/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/problem.h"

#define FIELD_LEN 64

bool access_external_ip(const struct compile_config *config, const struct addr *addr)
{
	for (size_t i = 0; i < config->n_external_ip_cidrs; i++)
		if (cidr_contains(&config->external_ip_cidrs[i], addr))
			return true;
	return false;
}

static int range_family(const struct cidr *range)
{
	return range->len >= 96 ? addr_family(&range->addr) : 6;
}

bool access_is_ranged(const struct service *service, int family)
{
	for (size_t i = 0; i < service->n_source_ranges; i++)
		if (range_family(&service->source_ranges[i]) == family)
			return true;
	return false;
}

/* ---- what is wrong -------------------------------------------------------------------------- */

static bool has_family(const struct service *service, int family)
{
	for (size_t i = 0; i < service->n_cluster_ips; i++)
		if (addr_family(&service->cluster_ips[i]) == family)
			return true;
	return !service->n_cluster_ips;
}

/* Why an external IP is not served, or NULL. */
static const char *refusal(const struct service *service, const struct compile_config *config,
			   const struct addr *addr)
{
	if (!access_external_ip(config, addr))
		return "it lies outside the ranges for external IPs (--external-ip-cidrs)";
	if (!has_family(service, addr_family(addr)))
		return "the Service has no cluster address of that family";
	return NULL;
}

static void check_external_ips(const struct service *service, const struct compile_config *config,
			       struct diag_list *diags)
{
	char field[FIELD_LEN], text[ADDR_STR_LEN];

	for (size_t i = 0; i < service->n_external_ips; i++) {
		const char *reason = refusal(service, config, &service->external_ips[i]);

		if (!reason)
			continue;
		snprintf(field, sizeof(field), "spec.externalIPs[%zu]", i);
		problem_add(diags, DIAG_WARNING, &service->object, field, "%s is not served: %s",
			    addr_format(&service->external_ips[i], text), reason);
		diag_mark(diags, DIAG_ADDRESS);
	}
}

static void check_distribution(const struct service *service, struct diag_list *diags)
{
	static const char *const known[] = { "", "PreferClose", "PreferSameZone",
					     "PreferSameNode" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(service->distribution, known[i]))
			return;
	problem_add(diags, DIAG_WARNING, &service->object, "spec.trafficDistribution",
		    "\"%.64s\" is not known: only hints in EndpointSlices count",
		    service->distribution);
}

/* As with kube-proxy, but few will have meant it. */
static void check_ranges(const struct service *service, struct diag_list *diags)
{
	char text[ADDR_STR_LEN];

	if (service->type != SERVICE_LOAD_BALANCER || !service->n_source_ranges)
		return;
	for (size_t i = 0; i < service->n_ingress; i++) {
		const struct addr *addr = &service->ingress[i].ip;

		if (service->ingress[i].proxy || access_is_ranged(service, addr_family(addr)))
			continue;
		problem_add(diags, DIAG_WARNING, &service->object, "spec.loadBalancerSourceRanges",
			    "no range is of IPv%d: %s is open to everybody", addr_family(addr),
			    addr_format(addr, text));
	}
}

void access_check(const struct service *service, const struct compile_config *config,
		  struct diag_list *diags)
{
	check_external_ips(service, config, diags);
	check_distribution(service, diags);
	check_ranges(service, diags);
}

/* ---- what goes into the plan ---------------------------------------------------------------- */

static int range_rank(const void *pa, const void *pb)
{
	const struct cidr *a = pa, *b = pb;
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->len - b->len;
}

/* Sorted, each once. */
static void take_ranges(struct plan_service *plan, const struct service *service)
{
	size_t n = 0;

	plan->ranges = mem_array(service->n_source_ranges, sizeof(*plan->ranges));
	for (size_t i = 0; i < service->n_source_ranges; i++)
		if (range_family(&service->source_ranges[i]) == plan->family)
			plan->ranges[n++] = service->source_ranges[i];
	qsort(plan->ranges, n, sizeof(*plan->ranges), range_rank);
	for (size_t i = 0; i < n; i++)
		if (!i || range_rank(&plan->ranges[i], &plan->ranges[i - 1]))
			plan->ranges[plan->n_ranges++] = plan->ranges[i];
}

static bool has_node(const struct plan_service *plan, const struct node *node)
{
	for (size_t i = 0; node && i < node->n_addrs; i++)
		for (size_t j = 0; j < plan->n_ranges; j++)
			if (cidr_contains(&plan->ranges[j], &node->addrs[i]))
				return true;
	return false;
}

void access_fill(struct draft *draft, const struct node *node)
{
	struct plan_service *plan = &draft->plan;

	plan->affinity_s = draft->service->affinity_s;
	for (size_t i = 0; i < plan->n_frontends; i++) {
		if (!plan->frontends[i].ranged)
			continue;
		take_ranges(plan, draft->service);
		plan->ranged_node = has_node(plan, node);
		break;
	}
}

/* The proxy's addresses are sorted. */
static bool is_steered(const struct plan_l7 *l7, const struct addr *addr)
{
	const struct plan_vip key = { .addr = *addr };

	return l7->n_vips && bsearch(&key, l7->vips, l7->n_vips, sizeof(*l7->vips), addr_rank);
}

void access_close(struct plan *plan)
{
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < plan->n_services; i++) {
		const struct plan_service *service = &plan->services[i];

		for (size_t j = 0; j < service->n_frontends; j++) {
			if (service->frontends[j].kind != PLAN_CLUSTER_IP)
				continue;
			plan->closed = mem_grow(plan->closed, n, &cap, sizeof(*plan->closed));
			plan->closed[n++] = service->frontends[j].addr;
		}
	}
	if (n)
		qsort(plan->closed, n, sizeof(*plan->closed), addr_rank);
	for (size_t i = 0; i < n; i++) {
		const struct addr *addr = &plan->closed[i];

		if ((!i || addr_compare(addr, &plan->closed[i - 1])) &&
		    !is_steered(&plan->l7, addr))
			plan->closed[plan->n_closed++] = *addr;
	}
}
