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

/* A list of an answer by family, protocol, service and, for drops, reason. Borrows from it. */
struct index {
	struct json_object **items;
	size_t n;
};

static int rank(struct json_object *a, struct json_object *b)
{
	uint64_t x = field_number(a, "family"), y = field_number(b, "family");
	int order = (x > y) - (x < y);

	if (!order)
		order = strcmp(field_text(a, "protocol"), field_text(b, "protocol"));
	return order ? order : strcmp(field_text(a, "service"), field_text(b, "service"));
}

static int by_key(const void *pa, const void *pb)
{
	struct json_object *a = *(struct json_object *const *)pa;
	struct json_object *b = *(struct json_object *const *)pb;
	int order = rank(a, b);

	return order ? order : strcmp(field_text(a, "reason"), field_text(b, "reason"));
}

static struct index index_new(struct json_object *root, const char *list)
{
	struct index index = { .n = field_count(root, list) };

	index.items = mem_array(index.n + 1, sizeof(*index.items));
	for (size_t i = 0; i < index.n; i++)
		index.items[i] = field_at(root, list, i);
	qsort(index.items, index.n, sizeof(*index.items), by_key);
	return index;
}

/* NULL: there is none. */
static struct json_object *find(const struct index *index, struct json_object *wanted)
{
	struct json_object **found =
		bsearch(&wanted, index->items, index->n, sizeof(*index->items), by_key);

	return found ? *found : NULL;
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

static int by_service(const void *a, const void *b)
{
	return rank(((const struct row *)a)->service, ((const struct row *)b)->service);
}

/* Services whose every packet was refused are in the list of drops only. */
static void add_drops(struct json_object *before, struct json_object *after, double seconds,
		      struct row **rows, size_t *n)
{
	struct index was = index_new(before, "drops"), is = index_new(after, "drops");
	size_t served = *n, cap = *n;

	qsort(*rows, served, sizeof(**rows), by_service);
	for (size_t i = 0; i < is.n; i++) {
		const struct row unserved = { .service = is.items[i] };
		struct row *row = bsearch(&unserved, *rows, served, sizeof(**rows), by_service);

		if (!row && (*n == served || by_service(&(*rows)[*n - 1], &unserved))) {
			*rows = mem_grow(*rows, *n, &cap, sizeof(**rows));
			(*rows)[(*n)++] = unserved;
		}
		if (!row)
			row = &(*rows)[*n - 1];
		row->drops += rate(find(&was, is.items[i]), is.items[i], "count", seconds);
	}
	free(was.items);
	free(is.items);
}

static struct row *compare(struct json_object *before, struct json_object *after, size_t *ret_n)
{
	uint64_t ms = field_number(after, "time_ms") - field_number(before, "time_ms");
	double seconds = ms ? (double)ms / 1000 : 1;
	size_t n = field_count(after, "services");
	struct index services = index_new(before, "services");
	struct row *rows = mem_array(n + 1, sizeof(*rows));

	for (size_t i = 0; i < n; i++) {
		struct json_object *s = field_at(after, "services", i);
		struct json_object *was = find(&services, s);

		rows[i] = (struct row){
			.service = s,
			.packets_in = rate(was, s, "packets_in", seconds),
			.packets_out = rate(was, s, "packets_out", seconds),
			.bytes_in = rate(was, s, "bytes_in", seconds),
			.bytes_out = rate(was, s, "bytes_out", seconds),
			.flows = rate(was, s, "flows", seconds),
		};
	}
	free(services.items);
	add_drops(before, after, seconds, &rows, &n);
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

	if (client_get(socket, "/v1/traffic", &body) < 0)
		return NULL;
	return field_parse(body.len ? body.buf : "");
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
