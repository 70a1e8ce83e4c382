/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers for addresses on the node's links. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "field.h"
#include "show.h"
#include "table.h"

static void add_flag(struct table *table, struct json_object *item, const char *name)
{
	table_cell(table, "%s", field_is(item, name) ? "yes" : "no");
}

static void show_links(struct json_object *root)
{
	static const char *const titles[] = { "LINK", "STATE" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "links"); i++) {
		struct json_object *link = field_at(root, "links", i);

		table_cell(&table, "%s", field_text(link, "device"));
		table_cell(&table, "%s", field_is(link, "running") ? "running" : "no carrier");
	}
	table_print(&table, "");
}

static void show_peers(struct json_object *root)
{
	static const char *const titles[] = { "NODE",  "COUNTS", "HEARD", "HEARS-US",
					      "READY", "PROXY",	 "ENDS",  "SILENT-MS" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "peers"); i++) {
		struct json_object *peer = field_at(root, "peers", i);

		table_cell(&table, "%s", field_text(peer, "node"));
		add_flag(&table, peer, "counts");
		add_flag(&table, peer, "heard");
		add_flag(&table, peer, "hears_us");
		add_flag(&table, peer, "ready");
		add_flag(&table, peer, "proxy");
		add_flag(&table, peer, "ends");
		table_cell(&table, "%" PRIu64, field_number(peer, "silent_ms"));
	}
	table_print(&table, "");
}

static void show_bgp(struct json_object *bgp)
{
	const char *engine = field_text(bgp, "engine");

	if (!*engine || !strcmp(engine, "off"))
		return;
	printf("\nBGP by %s: %" PRIu64 " addresses%s%s\n", engine, field_number(bgp, "addresses"),
	       field_is(bgp, "current") ? "" : ", not yet: ", field_text(bgp, "problem"));
}

int show_announce(struct json_object *root)
{
	static const char *const titles[] = { "ADDRESS", "HERE", "NODE", "SECONDS" };
	_cleanup_(table_fini) struct table table = { 0 };

	show_links(root);
	printf("\n");
	show_peers(root);
	printf("\n");
	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < field_count(root, "addresses"); i++) {
		struct json_object *address = field_at(root, "addresses", i);

		table_cell(&table, "%s", field_text(address, "address"));
		add_flag(&table, address, "here");
		table_cell(&table, "%s",
			   *field_text(address, "node") ? field_text(address, "node") : "-");
		table_cell(&table, "%" PRIu64, field_number(address, "for_s"));
	}
	table_print(&table, "");
	show_bgp(field_of(root, "bgp"));
	if (!field_is(root, "ready"))
		printf("\nnot ready: other nodes are still listened for\n");
	return EXIT_SUCCESS;
}
