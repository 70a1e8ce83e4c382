/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: one screen that answers "is it fine, and if not, what is wrong". Fine is an empty list of
 * problems, which narud itself makes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field.h"
#include "show.h"
#include "table.h"

/* For text outside tables: the same rule about control characters. */
static void print_clean(const char *text)
{
	for (const char *c = text; *c; c++)
		putchar((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
}

static void print_problems(struct json_object *root)
{
	size_t n = field_count(root, "problems");

	printf("naru %s on node %s: ", field_text(root, "version"), field_text(root, "node"));
	if (!n)
		puts("fine");
	else
		printf("%zu problem%s\n", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < n; i++) {
		printf("  ! ");
		print_clean(json_object_get_string(field_at(root, "problems", i)));
		putchar('\n');
	}
}

/* A folder, or an API server and how well it is known. */
static void print_origin(struct json_object *source)
{
	if (*field_text(source, "manifests")) {
		print_clean(field_text(source, "manifests"));
		return;
	}
	printf("API server by ");
	print_clean(field_text(source, "api"));
	if (*field_text(source, "server"))
		printf(", now ");
	print_clean(field_text(source, "server"));
	if (field_is(source, "stale"))
		printf(", which does not answer: objects of %" PRIu64 " s ago",
		       field_number(source, "age_ms") / 1000);
	else if (!field_is(source, "synced"))
		printf(", not read yet");
	else if (field_number(source, "age_ms"))
		printf(", not heard for %" PRIu64 " s", field_number(source, "age_ms") / 1000);
	if (*field_text(source, "connection"))
		printf(": ");
	print_clean(field_text(source, "connection"));
}

static void print_sources(struct json_object *root)
{
	for (size_t i = 0; i < field_count(root, "sources"); i++) {
		struct json_object *source = field_at(root, "sources", i);
		struct json_object *objects = field_of(source, "objects");

		printf("source:   ");
		print_origin(source);
		if (json_object_is_type(objects, json_type_object)) {
			json_object_object_foreach (objects, kind, count)
				printf(", %s %" PRIu64, kind, json_object_get_uint64(count));
		}
		printf(", other kinds skipped %" PRIu64 "\n", field_number(source, "skipped"));
	}
}

static void print_plan(struct json_object *root)
{
	printf("plan:     generation %" PRIu64, field_number(root, "generation"));
	if (field_is(root, "l4"))
		printf(", in force %" PRIu64, field_number(root, "applied_generation"));
	else
		printf(", Services are left to others (--l4 off, or no privileges)");
	printf("; services %" PRIu64 ", frontends %" PRIu64 ", endpoints %" PRIu64 "\n",
	       field_number(root, "services"), field_number(root, "frontends"),
	       field_number(root, "endpoints"));
}

static void print_l7(struct json_object *root)
{
	struct json_object *l7 = field_of(root, "l7"), *proxy = field_of(l7, "proxy");

	if (!field_number(l7, "listeners"))
		return;
	printf("gateways: %" PRIu64 " with listeners %" PRIu64 ", certificates %" PRIu64
	       "; routes %" PRIu64 " with rules %" PRIu64 "; backends %" PRIu64
	       " with endpoints %" PRIu64 "\n",
	       field_number(l7, "gateways"), field_number(l7, "listeners"),
	       field_number(l7, "certificates"), field_number(l7, "routes"),
	       field_number(l7, "rules"), field_number(l7, "backends"),
	       field_number(l7, "endpoints"));
	printf("proxy:    pid %" PRIu64 ", threads %" PRIu64 ", led to by %s, serves generation "
	       "%" PRIu64 "; connections %" PRIu64 ", so far %" PRIu64 "\n",
	       field_number(proxy, "pid"), field_number(proxy, "threads"),
	       !strcmp(field_text(l7, "by"), "bpf") ? "BPF" : "ordinary sockets",
	       field_number(proxy, "generation"), field_number(proxy, "connections"),
	       field_number(proxy, "accepted"));
}

static void print_devices(struct json_object *root)
{
	static const char *const titles[] = { "DEVICE", "CLASS", "TC", "XDP" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "devices"); i++) {
		struct json_object *device = field_at(root, "devices", i);

		table_cell(&table, "%s", field_text(device, "name"));
		table_cell(&table, "%s", field_text(device, "class"));
		table_cell(&table, "%s", field_text(device, "tc"));
		table_cell(&table, "%s", field_text(device, "xdp"));
	}
	putchar('\n');
	table_print(&table, "");
}

static void print_maps(struct json_object *root)
{
	static const char *const titles[] = { "MAP", "USED", "MAX" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "maps"); i++) {
		struct json_object *map = field_at(root, "maps", i);

		table_cell(&table, "%s", field_text(map, "map"));
		table_cell(&table, "%" PRIu64, field_number(map, "used"));
		table_cell(&table, "%" PRIu64, field_number(map, "max"));
	}
	putchar('\n');
	table_print(&table, "");
}

static void print_drops(struct json_object *root)
{
	static const char *const titles[] = { "DROPPED", "PACKETS", "MEANING" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "drops"); i++) {
		struct json_object *drop = field_at(root, "drops", i);

		if (!field_number(drop, "packets"))
			continue;
		table_cell(&table, "%s", field_text(drop, "reason"));
		table_cell(&table, "%" PRIu64, field_number(drop, "packets"));
		table_cell(&table, "%s", field_text(drop, "help"));
	}
	putchar('\n');
	if (table.n == table.columns)
		puts("no packet dropped");
	else
		table_print(&table, "");
}

static void print_diagnostics(struct json_object *root)
{
	static const char *const titles[] = { "LEVEL", "WHERE", "OBJECT", "FIELD", "REASON" };
	_cleanup_(table_fini) struct table table = { 0 };

	if (!field_count(root, "diagnostics"))
		return;
	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "diagnostics"); i++) {
		struct json_object *diag = field_at(root, "diagnostics", i);
		uint64_t line = field_number(diag, "line");

		table_cell(&table, "%s", field_text(diag, "level"));
		if (line)
			table_cell(&table, "%s:%" PRIu64, field_text(diag, "file"), line);
		else
			table_cell(&table, "%s", field_text(diag, "file"));
		table_cell(&table, "%s", field_text(diag, "object"));
		table_cell(&table, "%s", field_text(diag, "field"));
		table_cell(&table, "%s", field_text(diag, "reason"));
	}
	putchar('\n');
	table_print(&table, "");
}

/* Who tells the cluster what became of its objects. */
static void print_reporting(struct json_object *root)
{
	struct json_object *reporting = field_of(root, "reporting");
	const char *leader = field_text(reporting, "leader");

	if (!field_is(reporting, "on"))
		return;
	printf("statuses: ");
	if (field_is(reporting, "leads"))
		printf("written by this node");
	else if (*leader)
		printf("written by node ");
	else
		printf("written by nobody yet");
	if (!field_is(reporting, "leads"))
		print_clean(leader);
	printf("; written %" PRIu64 ", failed %" PRIu64 ", pending %" PRIu64 "\n",
	       field_number(reporting, "written"), field_number(reporting, "failed"),
	       field_number(reporting, "pending"));
}

int show_status(struct json_object *root)
{
	print_problems(root);
	print_plan(root);
	print_l7(root);
	print_sources(root);
	print_reporting(root);
	if (field_is(root, "l4")) {
		printf("cgroup:   %s\npins:     %s\n", field_text(root, "cgroup"),
		       field_text(root, "pins"));
		print_devices(root);
		print_maps(root);
		print_drops(root);
	}
	print_diagnostics(root);
	return field_count(root, "problems") ? EXIT_FAILURE : EXIT_SUCCESS;
}
