/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of any length are printed as they come. Columns of a table are as wide as its first rows
 * need; what is longer further down pushes its row to the right, and nothing is kept.
 */
#include "seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "client.h"
#include "field.h"
#include "table.h"

#define FIRST_ROWS 1000

/* ---- lines --------------------------------------------------------------------------------- */

struct lines {
	bool json;
	bool broken;
	uint64_t n;
	struct table table;
	void (*row)(struct table *table, struct json_object *object);
};

static void add_filters(struct str *path, const struct seen_options *options)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "service", options->service }, { "client", options->client },
		{ "backend", options->backend }, { "proto", options->proto },
		{ "event", options->event },	 { "limit", options->limit },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].value)
			client_add_query(path, rows[i].name, rows[i].value);
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

static bool add_row(struct lines *lines, const char *line)
{
	struct json_object *object = field_parse(line);

	if (!object) {
		lines->broken = true;
		return false;
	}
	lines->row(&lines->table, object);
	json_object_put(object);
	lines->n++;
	return true;
}

/* ---- flows --------------------------------------------------------------------------------- */

static void flow_row(struct table *table, struct json_object *flow)
{
	char text[FIELD_SOCKET_LEN];

	table_cell(table, "%s", field_text(flow, "protocol"));
	table_cell(table, "%s", field_socket(flow, "client", "client_port", text));
	table_cell(table, "%s", field_socket(flow, "address", "port", text));
	table_cell(table, "%s", field_socket(flow, "endpoint", "endpoint_port", text));
	table_cell(table, "%s", field_socket(flow, "snat", "snat_port", text));
	table_cell(table, "%s", field_text(flow, "road"));
	table_cell(table, "%s", field_text(flow, "state"));
	table_cell(table, "%" PRIu64 "s", field_number(flow, "idle_seconds"));
	table_cell(table, "%s", or_dash(field_text(flow, "service")));
}

static bool on_flow(void *arg, const char *line)
{
	struct lines *lines = arg;

	if (lines->json) {
		printf("%s%s", lines->n++ ? ",\n" : "", line);
		return true;
	}
	if (!add_row(lines, line))
		return false;
	if (lines->n % FIRST_ROWS == 0)
		table_flush(&lines->table);
	return true;
}

int seen_flows(const struct seen_options *options)
{
	static const char *const titles[] = { "PROTO", "CLIENT", "ADDRESS", "ENDPOINT", "SENT-AS",
					      "ROAD",  "STATE",	 "IDLE",    "SERVICE" };
	struct lines lines = { .json = options->json, .row = flow_row };
	_cleanup_(str_fini) struct str path = { 0 };
	int r;

	str_addf(&path, "/v1/flows");
	add_filters(&path, options);
	table_init(&lines.table, ARRAY_SIZE(titles), titles);
	if (lines.json)
		printf("{\"flows\":[");
	r = client_lines(options->socket, path.buf, false, on_flow, &lines);
	/* What was cut shall not look whole. */
	if (!r && lines.json)
		printf("]}\n");
	else if (!r)
		table_flush(&lines.table);
	table_fini(&lines.table);
	return r < 0 || lines.broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- observe ------------------------------------------------------------------------------- */

static void event_row(struct table *table, struct json_object *event)
{
	const char *reason = field_text(event, "reason"), *kind = field_text(event, "event");
	char text[FIELD_SOCKET_LEN];

	if (!strcmp(kind, "lost")) {
		client_complain("%" PRIu64 " events were lost", field_number(event, "count"));
		return;
	}
	table_cell(table, "%s", field_text(event, "time"));
	table_cell(table, "%-7s", kind);
	table_cell(table, "%-5s", field_text(event, "protocol"));
	table_cell(table, "%-21s", field_socket(event, "client", "client_port", text));
	table_cell(table, "%-21s", field_socket(event, "address", "port", text));
	table_cell(table, "%-21s", field_socket(event, "endpoint", "endpoint_port", text));
	table_cell(table, "%-8s", or_dash(field_text(event, "road")));
	table_cell(table, "%-8s", or_dash(field_text(event, "device")));
	table_cell(table, "%-16s", or_dash(field_text(event, "service")));
	table_cell(table, "%s", or_dash(reason));
}

static bool on_event(void *arg, const char *line)
{
	struct lines *lines = arg;

	if (lines->json)
		puts(line);
	else if (!add_row(lines, line))
		return false;
	else
		table_flush(&lines->table);
	/* Who reads wants it now, also through a pipe; who has gone wants no more. */
	return !fflush(stdout);
}

int seen_observe(const struct seen_options *options)
{
	static const char *const titles[] = { "TIME                       ",
					      "EVENT  ",
					      "PROTO",
					      "CLIENT               ",
					      "ADDRESS              ",
					      "ENDPOINT             ",
					      "ROAD    ",
					      "DEVICE  ",
					      "SERVICE         ",
					      "REASON" };
	struct lines lines = { .json = options->json, .row = event_row };
	_cleanup_(str_fini) struct str path = { 0 };
	int r;

	str_addf(&path, "/v1/events");
	add_filters(&path, options);
	table_init(&lines.table, ARRAY_SIZE(titles), titles);
	if (!lines.json) {
		table_flush(&lines.table);
		fflush(stdout);
	}
	r = client_lines(options->socket, path.buf, true, on_event, &lines);
	table_fini(&lines.table);
	return r < 0 || lines.broken ? EXIT_FAILURE : EXIT_SUCCESS;
}
