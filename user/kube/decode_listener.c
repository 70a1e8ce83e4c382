// SPDX-License-Identifier: Apache-2.0
/*
 * One listener of a Gateway, for decode_gateway.c, under the rules that the schema has for it
 * alone.
 */
#include <string.h>

#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "kube/labels.h"
#include "kube/reference.h"
#include "model/gateway.h"

/* The API's own limits. */
#define CERTS_MAX 64
#define KINDS_MAX 8

#define COUNT_OFFSET(member)                                                                       \
	(ptrdiff_t)(offsetof(struct gateway_listener, n_##member) -                                \
		    offsetof(struct gateway_listener, member))

static bool is_protocol(const char *text)
{
	const char *slash = strchr(text, '/');

	return *text && strlen(text) <= 255 &&
	       (slash ? slash > text && slash[1] : form_is_kind(text));
}

static const struct form protocol = {
	.fits = is_protocol,
	.what = "HTTP, HTTPS, TLS, TCP, UDP or a protocol such as example.com/protocol",
};

static const struct field_word tls_modes[] = {
	{ "Terminate", false },
	{ "Passthrough", true },
	{ NULL, 0 },
};

static const struct field_word from_words[] = {
	{ "Same", ROUTES_SAME }, { "All", ROUTES_ALL }, { "Selector", ROUTES_SELECTOR },
	{ "None", ROUTES_NONE }, { NULL, 0 },
};

#define LISTENER(member) offsetof(struct gateway_listener, member)
static const struct decode_array certs = {
	.size = sizeof(struct object_reference),
	.count_offset = COUNT_OFFSET(certs),
	.max = CERTS_MAX,
	.element = { .fn = decode_object, .arg = reference_cert },
};

static void take_tls(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	static const struct decode_field fields[] = {
		{ .name = "mode",
		  .fn = field_flag,
		  .offset = LISTENER(passthrough),
		  .arg = tls_modes },
		{ .name = "certificateRefs",
		  .fn = decode_array,
		  .offset = LISTENER(certs),
		  .arg = &certs },
		/* Where the API had it once; now it stands in the Gateway's own tls. */
		{ .name = "frontendValidation",
		  .fn = field_present,
		  .offset = LISTENER(client_certs) },
		{ 0 },
	};
	struct gateway_listener *listener = target;
	size_t errors = d->errors;

	(void)field;
	if (!value)
		return;
	decode_fields(d, fields, value, target);
	if (d->errors != errors)
		return;
	if (!listener->passthrough && !listener->n_certs && !decode_has(value, "options"))
		decode_error(d, "certificateRefs or options must be specified when mode is "
				"Terminate");
}

/* The target is the listener; the selector counts with from: Selector only. */
static void take_selector(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	struct gateway_listener *listener = target;
	struct labels_selector selector = { 0 };

	if (listener->from != ROUTES_SELECTOR)
		return;
	/* No selector selects nothing, an empty one everything. */
	if (!value)
		listener->from = ROUTES_NONE;
	labels_take_selector(d, field, value, &selector);
	listener->selector = selector.items;
	listener->n_selector = selector.n;
}

static const struct decode_field namespaces_fields[] = {
	{ .name = "from", .fn = field_enum, .offset = LISTENER(from), .arg = from_words },
	{ .name = "selector", .fn = take_selector },
	{ 0 },
};

static const struct decode_array kinds = {
	.size = sizeof(struct object_reference),
	.count_offset = COUNT_OFFSET(kinds),
	.max = KINDS_MAX,
	.element = { .fn = decode_object, .arg = reference_route_kind },
};

static const struct decode_field allowed_fields[] = {
	{ .name = "namespaces", .fn = decode_object, .arg = namespaces_fields },
	{ .name = "kinds", .fn = decode_array, .offset = LISTENER(kinds), .arg = &kinds },
	{ 0 },
};

static const struct decode_field listener_fields[] = {
	{ .name = "name",
	  .fn = form_text,
	  .offset = LISTENER(name),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_subdomain },
	{ .name = "hostname",
	  .fn = form_text,
	  .offset = LISTENER(hostname),
	  .arg = &form_hostname },
	{ .name = "port", .fn = field_port, .offset = LISTENER(port), .flags = DECODE_REQUIRED },
	{ .name = "protocol",
	  .fn = form_text,
	  .offset = LISTENER(protocol_text),
	  .flags = DECODE_REQUIRED,
	  .arg = &protocol },
	{ .name = "tls", .fn = take_tls },
	{ .name = "allowedRoutes", .fn = decode_object, .arg = allowed_fields },
	{ 0 },
};

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
	return !strcmp(text, a) || !strcmp(text, b) || !strcmp(text, c);
}

/* What its protocol says of the other fields, in the words of the schema. */
static void check_protocol(struct decode *d, const struct gateway_listener *listener,
			   struct json_object *value)
{
	const char *text = listener->protocol_text;
	bool tls = decode_has(value, "tls");

	if (tls && is_one_of(text, "HTTP", "TCP", "UDP"))
		decode_error(d, "tls must not be specified for protocols HTTP, TCP and UDP");
	if (!strcmp(text, "HTTPS") && listener->passthrough)
		decode_error(d, "tls mode must be Terminate for protocol HTTPS");
	if (!strcmp(text, "TLS") && !tls)
		decode_error(d, "tls mode must be set for protocol TLS");
	if (*listener->hostname && is_one_of(text, "TCP", "UDP", "UDP"))
		decode_error(d, "hostname must not be specified for protocols TCP and UDP");
}

void decode_listener(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	struct gateway_listener *listener = target;
	size_t errors = d->errors;

	(void)field;
	decode_fields(d, listener_fields, value, target);
	if (d->errors != errors)
		return;
	listener->protocol = !strcmp(listener->protocol_text, "HTTP")	 ? LISTENER_HTTP
			     : !strcmp(listener->protocol_text, "HTTPS") ? LISTENER_HTTPS
									 : LISTENER_OTHER;
	check_protocol(d, listener, value);
}
