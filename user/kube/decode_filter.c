// SPDX-License-Identifier: Apache-2.0
/*
 * One filter of an HTTPRoute's rule, for decode_rule.c. Its type says which other member must be
 * there; the members of other types must not. Invariant: every text of a filter is set, whatever
 * its type.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* The API's own limit. */
#define HEADERS_MAX 16

#define FILTER(member) offsetof(struct route_filter, member)
#define COUNT_OFFSET(member)                                                                       \
	(ptrdiff_t)(offsetof(struct route_filter, n_##member) -                                    \
		    offsetof(struct route_filter, member))

/* ---- header modifiers ------------------------------------------------------------------------ */

static const struct decode_field header_fields[] = {
	{ .name = "name",
	  .fn = form_text,
	  .offset = offsetof(struct route_header, name),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_header_name },
	{ .name = "value",
	  .fn = form_text,
	  .offset = offsetof(struct route_header, value),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_header_value },
	{ 0 },
};

static const struct decode_array set = {
	.size = sizeof(struct route_header),
	.count_offset = COUNT_OFFSET(set),
	.max = HEADERS_MAX,
	.element = { .fn = decode_object, .arg = header_fields },
};

static const struct decode_array add = {
	.size = sizeof(struct route_header),
	.count_offset = COUNT_OFFSET(add),
	.max = HEADERS_MAX,
	.element = { .fn = decode_object, .arg = header_fields },
};

static const struct decode_array removed = {
	.size = sizeof(char *),
	.count_offset = COUNT_OFFSET(remove),
	.max = HEADERS_MAX,
	.element = { .fn = form_text, .arg = &form_header_name },
};

/* Of several entries for one name the API takes the first. */
static void drop_repeated(struct route_header *headers, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		size_t j = 0;

		while (j < kept && strcasecmp(headers[i].name, headers[j].name) != 0)
			j++;
		if (j == kept) {
			headers[kept++] = headers[i];
			continue;
		}
		free(headers[i].name);
		free(headers[i].value);
	}
	*n = kept;
}

static void take_headers(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	static const struct decode_field fields[] = {
		{ .name = "set", .fn = decode_array, .offset = FILTER(set), .arg = &set },
		{ .name = "add", .fn = decode_array, .offset = FILTER(add), .arg = &add },
		{ .name = "remove", .fn = decode_array, .offset = FILTER(remove), .arg = &removed },
		{ 0 },
	};
	struct route_filter *filter = target;
	size_t errors = d->errors;

	(void)field;
	decode_fields(d, fields, value, target);
	if (d->errors != errors)
		return;
	drop_repeated(filter->set, &filter->n_set);
	drop_repeated(filter->add, &filter->n_add);
}

/* ---- redirects and rewrites ------------------------------------------------------------------ */

/* The type's member must be there, the other one must not. The target is the filter. */
static void take_replacement(struct decode *d, const struct decode_field *field,
			     struct json_object *value, void *target)
{
	static const char *const members[] = {
		[PATH_FULL] = "replaceFullPath",
		[PATH_PREFIX] = "replacePrefixMatch",
	};
	struct route_filter *filter = target;
	const struct decode_field row[] = {
		{ .name = members[filter->path_change],
		  .fn = form_text,
		  .offset = FILTER(path),
		  .flags = DECODE_REQUIRED,
		  .arg = &form_replacement },
		{ 0 },
	};
	const char *other = members[filter->path_change == PATH_FULL ? PATH_PREFIX : PATH_FULL];

	(void)field;
	free(TAKE_PTR(filter->path));
	decode_fields(d, row, value, target);
	if (decode_has(value, other))
		decode_error(d, "type must be '%s' when %s is set",
			     filter->path_change == PATH_FULL ? "ReplacePrefixMatch"
							      : "ReplaceFullPath",
			     other);
	/* Replacing by nothing leaves the slash that every path begins with. */
	if (filter->path && !*filter->path) {
		free(filter->path);
		filter->path = mem_strdup("/");
	}
}

static void take_path(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	static const struct field_word changes[] = {
		{ "ReplaceFullPath", PATH_FULL },
		{ "ReplacePrefixMatch", PATH_PREFIX },
		{ NULL, 0 },
	};
	static const struct decode_field fields[] = {
		{ .name = "type",
		  .fn = field_enum,
		  .offset = FILTER(path_change),
		  .flags = DECODE_REQUIRED,
		  .arg = changes },
		{ 0 },
	};
	size_t errors = d->errors;

	if (!value)
		return;
	decode_fields(d, fields, value, target);
	if (d->errors == errors)
		take_replacement(d, field, value, target);
}

static void take_status(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target)
{
	static const uint16_t statuses[] = { 301, 302, 303, 307, 308 };
	uint16_t *status = target;

	(void)field;
	*status = 302;
	if (!value)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (json_object_is_type(value, json_type_int) &&
		    json_object_get_int64(value) == statuses[i]) {
			*status = statuses[i];
			return;
		}
	}
	decode_expected(d, "301, 302, 303, 307 or 308", value);
}

static bool is_scheme(const char *text)
{
	return !strcmp(text, "http") || !strcmp(text, "https");
}

static const struct form scheme = { .fits = is_scheme, .what = "http or https" };

/* take_filter() has given scheme, hostname and path their defaults. */
static void set_text(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	char **text = target;

	if (!value)
		return;
	free(*text);
	form_text(d, field, value, target);
}

static const struct decode_field redirect_fields[] = {
	{ .name = "scheme", .fn = set_text, .offset = FILTER(scheme), .arg = &scheme },
	{ .name = "hostname",
	  .fn = set_text,
	  .offset = FILTER(hostname),
	  .arg = &form_precise_hostname },
	{ .name = "path", .fn = take_path },
	{ .name = "port", .fn = field_port, .offset = FILTER(port) },
	{ .name = "statusCode", .fn = take_status, .offset = FILTER(status) },
	{ 0 },
};

static const struct decode_field rewrite_fields[] = {
	{ .name = "hostname",
	  .fn = set_text,
	  .offset = FILTER(hostname),
	  .arg = &form_precise_hostname },
	{ .name = "path", .fn = take_path },
	{ 0 },
};

/* ---- types ----------------------------------------------------------------------------------- */

static void ignore(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target)
{
	(void)d;
	(void)field;
	(void)value;
	(void)target;
}

/* Types that naru knows by name only become FILTER_OTHER; so does any other. */
static const struct {
	const char *text;
	enum filter_type type;
	struct decode_field member;
} types[] = {
	{ "RequestHeaderModifier",
	  FILTER_REQUEST_HEADERS,
	  { .name = "requestHeaderModifier", .fn = take_headers } },
	{ "ResponseHeaderModifier",
	  FILTER_RESPONSE_HEADERS,
	  { .name = "responseHeaderModifier", .fn = take_headers } },
	{ "RequestRedirect",
	  FILTER_REDIRECT,
	  { .name = "requestRedirect", .fn = decode_object, .arg = redirect_fields } },
	{ "URLRewrite",
	  FILTER_REWRITE,
	  { .name = "urlRewrite", .fn = decode_object, .arg = rewrite_fields } },
	{ "RequestMirror", FILTER_OTHER, { .name = "requestMirror", .fn = ignore } },
	{ "CORS", FILTER_OTHER, { .name = "cors", .fn = ignore } },
	{ "ExternalAuth", FILTER_OTHER, { .name = "externalAuth", .fn = ignore } },
	{ "ExtensionRef", FILTER_OTHER, { .name = "extensionRef", .fn = ignore } },
};

static void take_members(struct decode *d, struct json_object *value, struct route_filter *filter)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct decode_field *member = &types[i].member;
		const struct decode_field row[] = { *member, { 0 } };
		bool given = decode_has(value, member->name);

		if (strcmp(filter->type_text, types[i].text) != 0) {
			if (given)
				decode_error(d,
					     "filter.%s must be nil if the filter.type is not %s",
					     member->name, types[i].text);
			continue;
		}
		filter->type = types[i].type;
		if (given)
			decode_fields(d, row, value, filter);
		else
			decode_error(d, "filter.%s must be specified for %s filter.type",
				     member->name, types[i].text);
	}
}

void decode_filter(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target)
{
	static const struct decode_field fields[] = {
		{ .name = "type",
		  .fn = form_text,
		  .offset = FILTER(type_text),
		  .flags = DECODE_REQUIRED,
		  .arg = &form_name },
		{ 0 },
	};
	struct route_filter *filter = target;
	size_t errors = d->errors;

	(void)field;
	filter->type = FILTER_OTHER;
	filter->scheme = mem_strdup("");
	filter->hostname = mem_strdup("");
	filter->path = mem_strdup("");
	decode_fields(d, fields, value, target);
	if (d->errors == errors)
		take_members(d, value, filter);
}
