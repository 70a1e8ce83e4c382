/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are one table each. status is in show_status.c, layer 7 in
 * show_l7.c. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "field.h"
#include "table.h"

#define TABLE(name, ...)                                                                           \
	static const char *const name##_titles[] = { __VA_ARGS__ };                                \
	_cleanup_(table_fini) struct table name = { 0 };                                           \
	table_init(&name, ARRAY_SIZE(name##_titles), name##_titles)

/* How many endpoints serve clients outside and inside; one number where they do not differ. */
static void add_endpoint_count(struct table *table, struct json_object *service,
			       struct json_object *frontend)
{
	bool external = field_text(frontend, "external")[0] == 'l';
	bool internal = field_text(frontend, "internal")[0] == 'l';
	uint64_t cluster = field_number(service, "cluster_endpoints");
	uint64_t local = field_number(service, "local_endpoints");

	if (external == internal)
		table_cell(table, "%" PRIu64, external ? local : cluster);
	else
		table_cell(table, "%" PRIu64 " outside, %" PRIu64 " inside",
			   external ? local : cluster, internal ? local : cluster);
}

int show_services(struct json_object *root)
{
	char text[FIELD_SOCKET_LEN];

	TABLE(table, "SERVICE", "PROTO", "FAMILY", "KIND", "ADDRESS", "EXTERNAL", "INTERNAL",
	      "ENDPOINTS");
	for (size_t i = 0; i < field_count(root, "services"); i++) {
		struct json_object *service = field_at(root, "services", i);

		for (size_t j = 0; j < field_count(service, "frontends"); j++) {
			struct json_object *frontend = field_at(service, "frontends", j);

			table_cell(&table, "%s", field_text(service, "service"));
			table_cell(&table, "%s", field_text(service, "protocol"));
			table_cell(&table, "IPv%" PRIu64, field_number(service, "family"));
			table_cell(&table, "%s", field_text(frontend, "kind"));
			table_cell(&table, "%s", field_socket(frontend, "address", "port", text));
			table_cell(&table, "%s", field_text(frontend, "external"));
			table_cell(&table, "%s", field_text(frontend, "internal"));
			add_endpoint_count(&table, service, frontend);
		}
	}
	table_print(&table, "");
	return EXIT_SUCCESS;
}

static const char *set_names(struct json_object *endpoint)
{
	bool cluster = field_is(endpoint, "in_cluster_set");
	bool local = field_is(endpoint, "in_local_set");

	return cluster && local ? "cluster,local" : local ? "local" : "cluster";
}

int show_endpoints(struct json_object *root)
{
	char text[FIELD_SOCKET_LEN];

	TABLE(table, "SERVICE", "PROTO", "ENDPOINT", "THIS-NODE", "SETS");
	for (size_t i = 0; i < field_count(root, "endpoints"); i++) {
		struct json_object *endpoint = field_at(root, "endpoints", i);

		table_cell(&table, "%s", field_text(endpoint, "service"));
		table_cell(&table, "%s", field_text(endpoint, "protocol"));
		table_cell(&table, "%s", field_socket(endpoint, "address", "port", text));
		table_cell(&table, "%s", field_is(endpoint, "local") ? "yes" : "no");
		table_cell(&table, "%s", set_names(endpoint));
	}
	table_print(&table, "");
	return EXIT_SUCCESS;
}

int show_diff(struct json_object *root)
{
	size_t n = field_count(root, "differences");

	TABLE(table, "WHERE", "SERVICE", "DIFFERENCE");
	for (size_t i = 0; i < n; i++) {
		struct json_object *difference = field_at(root, "differences", i);

		table_cell(&table, "%s", field_text(difference, "where"));
		table_cell(&table, "%s", field_text(difference, "service"));
		table_cell(&table, "%s", field_text(difference, "what"));
	}
	if (n)
		table_print(&table, "");
	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}

int show_drops(struct json_object *root)
{
	TABLE(drops, "REASON", "PACKETS", "MEANING");
	TABLE(events, "EVENT", "COUNT", "MEANING");

	for (size_t i = 0; i < field_count(root, "drops"); i++) {
		struct json_object *drop = field_at(root, "drops", i);

		table_cell(&drops, "%s", field_text(drop, "reason"));
		table_cell(&drops, "%" PRIu64, field_number(drop, "packets"));
		table_cell(&drops, "%s", field_text(drop, "help"));
	}
	for (size_t i = 0; i < field_count(root, "events"); i++) {
		struct json_object *event = field_at(root, "events", i);

		table_cell(&events, "%s", field_text(event, "event"));
		table_cell(&events, "%" PRIu64, field_number(event, "count"));
		table_cell(&events, "%s", field_text(event, "help"));
	}
	table_print(&drops, "");
	putchar('\n');
	table_print(&events, "");
	return EXIT_SUCCESS;
}
