/* SPDX-License-Identifier: Apache-2.0 */
/* Rates are differences of two readings; a service that the first did not have began at zero. */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "client.h"
#include "field.h"
#include "table.h"

struct row {
	struct json_object *service; /* borrowed from the later reading */
	double packets_in, packets_out, bytes_in, bytes_out, flows, drops;
};

static bool same(struct json_object *a, struct json_object *b)
{
	return field_number(a, "family") == field_number(b, "family") &&
	       !strcmp(field_text(a, "protocol"), field_text(b, "protocol")) &&
	       !strcmp(field_text(a, "service"), field_text(b, "service"));
}

/* The element of the same service and, for drops, reason; NULL: none. Both lists are in the order
 * of the kernel's maps, so that the next one is nearly always it. */
static struct json_object *find(struct json_object *root, const char *list,
				struct json_object *wanted, size_t *hint)
{
	size_t n = field_count(root, list);

	for (size_t i = 0; i < n; i++) {
		struct json_object *object = field_at(root, list, (*hint + i) % n);

		if (!same(object, wanted) ||
		    strcmp(field_text(object, "reason"), field_text(wanted, "reason")) != 0)
			continue;
		*hint = (*hint + i + 1) % n;
		return object;
	}
	return NULL;
}

static double rate(struct json_object *before, struct json_object *after, const char *name,
		   double seconds)
{
	uint64_t was = before ? field_number(before, name) : 0, is = field_number(after, name);

	/* An id that was given to another service in between counts from zero. */
	return (double)(is >= was ? is - was : is) / seconds;
}

static int by_bytes(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double more = y->bytes_in + y->bytes_out - x->bytes_in - x->bytes_out;

	if (more != 0)
		return more > 0 ? 1 : -1;
	if (x->flows != y->flows)
		return y->flows > x->flows ? 1 : -1;
	return strcmp(field_text(x->service, "service"), field_text(y->service, "service"));
}

static void add_drops(struct json_object *before, struct json_object *after, double seconds,
		      struct row *rows, size_t n)
{
	size_t hint = 0;

	for (size_t i = 0; i < field_count(after, "drops"); i++) {
		struct json_object *drop = field_at(after, "drops", i);
		double lost = rate(find(before, "drops", drop, &hint), drop, "count", seconds);

		for (size_t j = 0; j < n; j++)
			if (same(rows[j].service, drop))
				rows[j].drops += lost;
	}
}

/* Services whose every packet was refused are in the list of drops only. */
static void add_unserved(struct json_object *after, struct row **rows, size_t *n)
{
	size_t cap = *n;

	for (size_t i = 0; i < field_count(after, "drops"); i++) {
		struct json_object *drop = field_at(after, "drops", i);
		size_t at = 0;

		while (at < *n && !same((*rows)[at].service, drop))
			at++;
		if (at < *n)
			continue;
		*rows = mem_grow(*rows, *n, &cap, sizeof(**rows));
		(*rows)[(*n)++] = (struct row){ .service = drop };
	}
}

static struct row *compare(struct json_object *before, struct json_object *after, size_t *ret_n)
{
	uint64_t ms = field_number(after, "time_ms") - field_number(before, "time_ms");
	double seconds = ms ? (double)ms / 1000 : 1;
	size_t n = field_count(after, "services"), hint = 0;
	struct row *rows = mem_array(n + 1, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		struct json_object *s = field_at(after, "services", i);
		struct json_object *was = find(before, "services", s, &hint);

		rows[i] = (struct row){
			.service = s,
			.packets_in = rate(was, s, "packets_in", seconds),
			.packets_out = rate(was, s, "packets_out", seconds),
			.bytes_in = rate(was, s, "bytes_in", seconds),
			.bytes_out = rate(was, s, "bytes_out", seconds),
			.flows = rate(was, s, "flows", seconds),
		};
	}
	add_unserved(after, &rows, &n);
	add_drops(before, after, seconds, rows, n);
	qsort(rows, n, sizeof(*rows), by_bytes);
	*ret_n = n;
	return rows;
}

static void print_table(const struct row *rows, size_t n)
{
	static const char *const titles[] = { "SERVICE",   "PROTO",	"FAMILY",
					      "IN-BIT/S",  "OUT-BIT/S", "IN-PKT/S",
					      "OUT-PKT/S", "FLOWS/S",	"DROPS/S" };
	_cleanup_(table_fini) struct table table = { 0 };

	table_init(&table, ARRAY_SIZE(titles), titles);
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];

		table_cell(&table, "%s", field_text(row->service, "service"));
		table_cell(&table, "%s", field_text(row->service, "protocol"));
		table_cell(&table, "IPv%" PRIu64, field_number(row->service, "family"));
		table_cell(&table, "%.0f", row->bytes_in * 8);
		table_cell(&table, "%.0f", row->bytes_out * 8);
		table_cell(&table, "%.0f", row->packets_in);
		table_cell(&table, "%.0f", row->packets_out);
		table_cell(&table, "%.1f", row->flows);
		table_cell(&table, "%.1f", row->drops);
	}
	table_print(&table, "");
}

static void print_json(const struct row *rows, size_t n)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "service",
				       json_object_new_string(field_text(row->service, "service")));
		json_object_object_add(o, "protocol",
				       json_object_new_string(
					       field_text(row->service, "protocol")));
		json_object_object_add(
			o, "family", json_object_new_uint64(field_number(row->service, "family")));
		json_object_object_add(o, "bits_in", json_object_new_double(row->bytes_in * 8));
		json_object_object_add(o, "bits_out", json_object_new_double(row->bytes_out * 8));
		json_object_object_add(o, "packets_in", json_object_new_double(row->packets_in));
		json_object_object_add(o, "packets_out", json_object_new_double(row->packets_out));
		json_object_object_add(o, "flows", json_object_new_double(row->flows));
		json_object_object_add(o, "drops", json_object_new_double(row->drops));
		json_object_array_add(list, o);
	}
	json_object_object_add(root, "services", list);
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
	json_object_put(root);
}

static struct json_object *read_traffic(const char *socket)
{
	_cleanup_(str_fini) struct str body = { 0 };
	struct json_object *root;

	if (client_get(socket, "/v1/traffic", &body) < 0)
		return NULL;
	root = json_tokener_parse(body.len ? body.buf : "");
	if (!root)
		client_complain("narud's answer is no JSON");
	return root;
}

int top_run(const struct top_options *options)
{
	struct json_object *before = read_traffic(options->socket), *after = NULL;

	for (unsigned i = 0; before && (!options->rounds || i < options->rounds); i++) {
		_cleanup_(mem_freep) struct row *rows = NULL;
		size_t n;

		usleep(options->interval_ms * 1000);
		after = read_traffic(options->socket);
		if (!after)
			break;
		rows = compare(before, after, &n);
		if (i && !options->json)
			putchar('\n');
		if (options->json)
			print_json(rows, n);
		else
			print_table(rows, n);
		json_object_put(before);
		before = after;
		if (fflush(stdout))
			break;
	}
	json_object_put(before);
	return before && after ? EXIT_SUCCESS : EXIT_FAILURE;
}
