/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in, plan out, whatever somebody wrote into them: the plan prints, its layer 7 is a
 * snapshot that is read back (so every index points to something), its verdicts are whole, and the
 * same objects give the same plan. Addresses of pools are given first, as without an API server,
 * and once more: nobody moves. The first byte chooses the format.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/compile.h"
#include "daemon/assign.h"
#include "http/regex.h"
#include "kube/load.h"
#include "plan/snapshot.h"
#include "status/assigned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void put_all(struct model *model, const uint8_t *data, size_t size)
{
	enum load_format format = data[0] == '{' ? LOAD_JSON : LOAD_YAML;
	struct load load;

	load_text(format, "f", (const char *)data + 1, size - 1, &load);
	for (size_t i = 0; i < load.n; i++)
		model_put(model, load.objects[i]);
	load.n = 0;
	load_fini(&load);
}

/* Statuses that were written change nothing: so the second answer is the first one. */
static void assign(struct model *model)
{
	static const struct options options;
	struct diag_list first = { 0 }, second = { 0 };
	uint64_t generation;

	assign_local(model, &options, &first);
	generation = model_generation(model);
	assign_local(model, &options, &second);
	require(generation == model_generation(model));
	require(diag_equal(&first, &second));
	diag_fini(&first);
	diag_fini(&second);
}

/* As the leader does it. */
static void want(struct model *model)
{
	struct allocation allocation;
	struct wants wants = { 0 };

	allocate(model, &(struct allocate_config){ 0 }, &allocation);
	assigned_want(&allocation, &wants);
	wants_fini(&wants);
	allocate_fini(&allocation);
}

static char *text_of(const struct plan *plan)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	plan_print(plan, out);
	fclose(out);
	return text;
}

static void check_snapshot(const struct plan_l7 *l7)
{
	_cleanup_(str_fini) struct str bytes = { 0 }, again = { 0 };
	struct plan_l7 back;

	snapshot_encode(l7, &bytes);
	require(!snapshot_decode(bytes.buf, bytes.len, &back));
	snapshot_encode(&back, &again);
	require(again.len == bytes.len && !memcmp(again.buf, bytes.buf, bytes.len));
	l7_fini(&back);
}

/* One condition of each type that must be there, and only what is about the subject. */
static void check_conditions(const struct verdict_conditions *conditions,
			     enum verdict_subject subject, const enum verdict_id *types)
{
	for (size_t i = 0; i < conditions->n; i++)
		require(verdict_row(conditions->items[i].id)->subject == subject);
	for (size_t i = 0; types[i] != VERDICT_ID_MAX; i++)
		require(verdict_find(conditions, types[i]));
}

static void check_gateway(const struct verdict_gateway *gateway)
{
	static const enum verdict_id types[] = { VERDICT_GATEWAY_ACCEPTED,
						 VERDICT_GATEWAY_PROGRAMMED,
						 VERDICT_GATEWAY_RESOLVED, VERDICT_ID_MAX };
	static const enum verdict_id of_listener[] = {
		VERDICT_LISTENER_ACCEPTED,
		VERDICT_LISTENER_PROGRAMMED,
		VERDICT_LISTENER_RESOLVED,
		VERDICT_LISTENER_DISTINCT,
		VERDICT_ID_MAX,
	};

	check_conditions(&gateway->conditions, VERDICT_GATEWAY, types);
	for (size_t i = 0; i < gateway->n_listeners; i++)
		check_conditions(&gateway->listeners[i].conditions, VERDICT_LISTENER, of_listener);
}

/* The API allows 16 addresses, 64 listeners, 32 parents, and 8 conditions of each. */
static void check_verdicts(const struct verdicts *verdicts)
{
	static const enum verdict_id of_class[] = { VERDICT_CLASS_ACCEPTED, VERDICT_ID_MAX };
	static const enum verdict_id of_route[] = { VERDICT_ROUTE_ACCEPTED, VERDICT_ROUTE_RESOLVED,
						    VERDICT_ID_MAX };

	for (size_t i = 0; i < verdicts->n_classes; i++)
		check_conditions(&verdicts->classes[i].conditions, VERDICT_CLASS, of_class);
	for (size_t i = 0; i < verdicts->n_gateways; i++) {
		require(verdicts->gateways[i].n_addresses <= 16);
		require(verdicts->gateways[i].n_listeners <= 64);
		check_gateway(&verdicts->gateways[i]);
	}
	for (size_t i = 0; i < verdicts->n_routes; i++) {
		require(verdicts->routes[i].n_parents <= 32);
		for (size_t j = 0; j < verdicts->routes[i].n_parents; j++)
			check_conditions(&verdicts->routes[i].parents[j].conditions, VERDICT_ROUTE,
					 of_route);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cidr everywhere[] = {
		{ .len = 0 },
		{ .addr = { { [10] = 0xff, [11] = 0xff } }, .len = 96 },
	};
	const struct compile_config config = {
		.node_name = "alpha",
		.gateway_node_ports = (const uint16_t[]){ 80, 443 },
		.n_gateway_node_ports = 2,
		.external_ip_cidrs = everywhere,
		.n_external_ip_cidrs = 2,
		.l4 = true,
		.loopback_endpoints = true,
		.check_regex = regex_check,
	};
	_cleanup_(mem_freep) char *first = NULL, *second = NULL;
	struct model *model;
	struct plan *plan;

	if (!size)
		return 0;
	model = model_new();
	put_all(model, data, size);
	want(model);
	assign(model);
	plan = compile(model, &config);
	check_snapshot(&plan->l7);
	check_verdicts(&plan->verdicts);
	first = text_of(plan);
	plan_free(plan);
	plan = compile(model, &config);
	second = text_of(plan);
	plan_free(plan);
	require(!strcmp(first, second));
	model_free(model);
	return 0;
}
