// SPDX-License-Identifier: Apache-2.0
/*
 * Messages on their way through: a copy is made with what may go on, then comes what the proxy has
 * to say of the client, then what the rule changes. Invariant: framing and connection fields are
 * written by the codec alone; no peer and no rule gets one past it.
 */
#include "proxy/filter.h"

#include <string.h>

#include "http/target.h"
#include "proxy/hop.h"
#include "proxy/redirect.h"
#include "proxy/requestid.h"
#include "proxy/rewrite.h"

/* Room for what is added to most messages. */
#define SPARE_FIELDS 8

static struct http_fields empty_fields(size_t n, struct arena *arena)
{
	size_t cap = n + SPARE_FIELDS;

	return (struct http_fields){
		.items = arena_alloc(arena, cap * sizeof(struct http_field)),
		.cap = cap,
	};
}

/* ---- what a rule changes ---- */

/* Not a rule's to change: the codec writes them, or they end at this hop. */
static bool is_ours(const char *name)
{
	struct http_field field = { .name = http_text_of(name),
				    .id = http_field_find(http_text_of(name)) };

	return field.id == HTTP_HOST || field.id == HTTP_CONTENT_LENGTH || hop_is_fixed(&field);
}

void filter_change(const struct plan_header_change *change, struct arena *arena,
		   struct http_fields *fields)
{
	for (size_t i = 0; i < change->n_remove; i++)
		http_fields_remove(fields, http_text_of(change->remove[i]));
	for (size_t i = 0; i < change->set.n; i++)
		http_fields_remove(fields, http_text_of(change->set.items[i].name));
	for (size_t i = 0; i < change->set.n + change->add.n; i++) {
		const struct plan_header *header = i < change->set.n
							   ? &change->set.items[i]
							   : &change->add.items[i - change->set.n];

		if (!is_ours(header->name))
			http_fields_add(fields, arena, http_text_of(header->name),
					http_text_of(header->value));
	}
}

/* A name that is none changes nothing: compile has said so. */
static void set_authority(struct http_request *request, const char *authority, struct arena *arena)
{
	struct http_request parsed = *request;

	if (!target_parse_authority(http_text_of(authority), arena, &parsed))
		*request = parsed;
}

static void change_request(const struct table_hit *hit, struct arena *arena,
			   struct http_request *request)
{
	const struct plan_rule *plan = hit->rule->plan;
	const struct plan_header_list *set = &plan->request_headers.set;

	filter_change(&plan->request_headers, arena, &request->fields);
	/* The Host field is the authority. */
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->items[i].name, "host"))
			set_authority(request, set->items[i].value, arena);
	if (*plan->rewrite.host)
		set_authority(request, plan->rewrite.host, arena);
	request->path = rewrite_path(plan->rewrite.path_change, plan->rewrite.path, hit->match,
				     request->path, arena);
}

/* ---- what a request says of its client ---- */

/* Only a proxy that is trusted may say these; nobody is yet. X-Forwarded-For is added to. */
static bool is_strangers(const struct http_field *field)
{
	return field->id == HTTP_FORWARDED ||
	       (http_text_starts(field->name, "x-forwarded-") &&
		field->id != HTTP_X_FORWARDED_FOR) ||
	       http_text_starts(field->name, "x-envoy-");
}

static bool routes_by(const struct plan_match *match, const struct http_field *field)
{
	for (size_t i = 0; i < match->n_headers; i++)
		if (http_text_is(field->name, match->headers[i].name))
			return true;
	return false;
}

/* What the request came with and what may go on, but for X-Forwarded-For and X-Request-Id. */
static void copy_fields(const struct table_hit *hit, const struct hop *hop,
			const struct http_fields *from, struct http_fields *to)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct http_field *field = &from->items[i];

		if (field->id == HTTP_X_FORWARDED_FOR || field->id == HTTP_X_REQUEST_ID ||
		    hop_is_fixed(field) || is_strangers(field))
			continue;
		if (hop_nominates(hop, field) && !routes_by(hit->match, field))
			continue;
		to->items[to->n++] = *field;
	}
}

static void add_forwarded(const struct filter_client *client, const struct http_fields *from,
			  struct arena *arena, struct http_fields *to)
{
	char addr[ADDR_STR_LEN], *list, *end;
	size_t addr_len = strlen(addr_format(&client->addr, addr)), len = addr_len;

	for (size_t i = 0; i < from->n; i++)
		if (from->items[i].id == HTTP_X_FORWARDED_FOR && from->items[i].value.len)
			len += from->items[i].value.len + 2;
	list = end = arena_alloc(arena, len);
	for (size_t i = 0; i < from->n; i++) {
		const struct http_text *value = &from->items[i].value;

		if (from->items[i].id != HTTP_X_FORWARDED_FOR || !value->len)
			continue;
		memcpy(end, value->at, value->len);
		end += value->len;
		*end++ = ',';
		*end++ = ' ';
	}
	memcpy(end, addr, addr_len);
	http_fields_add(to, arena, HTTP_TEXT("x-forwarded-for"), (struct http_text){ list, len });
	http_fields_add(to, arena, HTTP_TEXT("x-forwarded-proto"),
			client->tls ? HTTP_TEXT("https") : HTTP_TEXT("http"));
}

/* The client's id is kept if it is one and looks like one. */
static void add_request_id(const struct http_fields *from, struct arena *arena,
			   struct http_fields *to)
{
	struct http_text id = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < from->n; i++) {
		if (from->items[i].id != HTTP_X_REQUEST_ID)
			continue;
		id = from->items[i].value;
		n++;
	}
	if (n != 1 || !requestid_is_sane(id))
		id = requestid_new(arena);
	http_fields_add(to, arena, HTTP_TEXT("x-request-id"), id);
}

int filter_request(const struct table_hit *hit, const struct filter_client *client,
		   const struct http_request *request, struct arena *arena,
		   struct http_request *ret_request)
{
	struct http_request copy = *request;
	struct hop hop;
	int r = hop_parse(&request->fields, &hop);

	if (r)
		return r;
	copy.fields = empty_fields(request->fields.n, arena);
	copy_fields(hit, &hop, &request->fields, &copy.fields);
	add_forwarded(client, &request->fields, arena, &copy.fields);
	add_request_id(&request->fields, arena, &copy.fields);
	change_request(hit, arena, &copy);
	*ret_request = copy;
	return 0;
}

/* ---- answers ---- */

int filter_response(const struct rule *rule, const struct http_response *response,
		    struct arena *arena, struct http_response *ret_response)
{
	struct http_response copy = *response;
	struct hop hop;
	int r = hop_parse(&response->fields, &hop);

	if (r)
		return r;
	copy.fields = empty_fields(response->fields.n, arena);
	for (size_t i = 0; i < response->fields.n; i++) {
		const struct http_field *field = &response->fields.items[i];

		if (!hop_is_fixed(field) && !hop_nominates(&hop, field))
			copy.fields.items[copy.fields.n++] = *field;
	}
	filter_change(&rule->plan->response_headers, arena, &copy.fields);
	*ret_response = copy;
	return 0;
}

void filter_redirect(const struct table_hit *hit, const struct filter_client *client,
		     const struct http_request *request, struct arena *arena,
		     struct http_response *ret_response)
{
	struct http_response answer = {
		.status = hit->rule->plan->redirect.status,
		.fields = empty_fields(0, arena),
		.minor = 1,
		.keep_alive = true,
		.framing = HTTP_LENGTH,
		.has_length = true,
	};

	http_fields_add(&answer.fields, arena, HTTP_TEXT("location"),
			redirect_location(hit, client, request, arena));
	filter_change(&hit->rule->plan->response_headers, arena, &answer.fields);
	*ret_response = answer;
}
