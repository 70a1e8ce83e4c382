/* SPDX-License-Identifier: Apache-2.0 */
/* Address pools, and who has which of their addresses. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field.h"
#include "show.h"
#include "table.h"

/* Of a number that is as large as it can be nobody knows the end. */
static void add_count(struct table *table, struct json_object *pool, const char *family)
{
	struct json_object *count = field_of(pool, family);
	uint64_t total = field_number(count, "total");

	if (!total)
		table_cell(table, "-");
	else if (total >= INT64_MAX)
		table_cell(table, "%" PRIu64 " of many", field_number(count, "used"));
	else
		table_cell(table, "%" PRIu64 " of %" PRIu64, field_number(count, "used"), total);
}

static void add_state(struct table *table, struct json_object *pool)
{
	if (*field_text(pool, "conflict"))
		table_cell(table, "overlaps with %s", field_text(pool, "conflict"));
	else
		table_cell(table, "%s", field_is(pool, "disabled") ? "disabled" : "ready");
}

static void show_pools(struct json_object *root)
{
	static const char *const titles[] = { "POOL", "CLASS", "IPV4-USED", "IPV6-USED", "STATE" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "pools"); i++) {
		struct json_object *pool = field_at(root, "pools", i);

		table_cell(&table, "%s", field_text(pool, "pool"));
		table_cell(&table, "%s%s", field_text(pool, "class"),
			   field_is(pool, "without_class") ? " or none" : "");
		add_count(&table, pool, "ipv4");
		add_count(&table, pool, "ipv6");
		add_state(&table, pool);
	}
	table_print(&table, "");
}

static void add_owner(struct table *table, struct json_object *owner)
{
	table_cell(table, "%s %s/%s", field_text(owner, "kind"), field_text(owner, "namespace"),
		   field_text(owner, "name"));
}

static void add_addresses(struct table *table, struct json_object *owner)
{
	for (size_t i = 0; i < field_count(owner, "addresses"); i++) {
		struct json_object *address = field_at(owner, "addresses", i);
		const char *pool = field_text(address, "pool");
		const char *node = field_text(address, "announced_by");

		table_cell(table, "%s", field_text(address, "address"));
		table_cell(table, "%s", *pool ? pool : "-");
		add_owner(table, owner);
		table_cell(table, "%s", *node ? node : "-");
		table_cell(table, "%s",
			   field_is(address, "in_status") ? field_text(owner, "reason")
							  : "not in its status yet");
	}
}

/* Those that want for something; returns how many. */
static size_t list_waiting(struct table *table, struct json_object *root)
{
	size_t n = 0;

	for (size_t i = 0; i < field_count(root, "owners"); i++) {
		struct json_object *owner = field_at(root, "owners", i);

		if (field_is(owner, "assigned"))
			continue;
		add_owner(table, owner);
		table_cell(table, "%s", field_text(owner, "reason"));
		table_cell(table, "%s", field_text(owner, "message"));
		n++;
	}
	return n;
}

int show_addresses(struct json_object *root)
{
	static const char *const titles[] = { "ADDRESS", "POOL", "OWNER", "ANNOUNCED-BY", "STATE" };
	static const char *const without[] = { "NOT-SATISFIED", "REASON", "MESSAGE" };
	_cleanup_(table_fini) struct table table = { 0 }, waiting = { 0 };

	show_pools(root);
	putchar('\n');
	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "owners"); i++)
		add_addresses(&table, field_at(root, "owners", i));
	table_print(&table, "");
	table_init(&waiting, ARRAY_SIZE(without), without);
	if (!list_waiting(&waiting, root))
		return EXIT_SUCCESS;
	putchar('\n');
	table_print(&waiting, "");
	return EXIT_SUCCESS;
}
