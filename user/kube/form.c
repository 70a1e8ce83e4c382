// SPDX-License-Identifier: Apache-2.0
/*
 * The forms of texts. Pure functions on NUL-terminated texts; field_text() has refused NUL bytes
 * inside. Invariant: what passes a form of HTTP can stand in a message without changing its
 * framing: no control characters.
 */
#include "kube/form.h"

#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/field.h"

#define LABEL_MAX	 63
#define SUBDOMAIN_MAX	 253
#define HEADER_NAME_MAX	 256
#define HEADER_VALUE_MAX 4096
#define QUERY_VALUE_MAX	 1024

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

void form_text(struct decode *d, const struct decode_field *field, struct json_object *value,
	       void *target)
{
	const struct form *form = field->arg;
	const char *text = value ? field_text(d, value) : form->otherwise;

	if (value && text && !form->fits(text)) {
		decode_expected(d, form->what, value);
		text = NULL;
	}
	*(char **)target = mem_strdup(text ? text : "");
}

static bool is_label_of(const char *text, size_t len)
{
	return len && len <= LABEL_MAX && strspn(text, LOWER DIGITS "-") >= len && *text != '-' &&
	       text[len - 1] != '-';
}

bool form_is_label(const char *text)
{
	return is_label_of(text, strlen(text));
}

bool form_is_subdomain(const char *text)
{
	if (strlen(text) > SUBDOMAIN_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!is_label_of(text, len))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

bool form_is_hostname(const char *text)
{
	return strlen(text) <= SUBDOMAIN_MAX &&
	       form_is_subdomain(strncmp(text, "*.", 2) ? text : text + 2);
}

bool form_is_group(const char *text)
{
	return !*text || form_is_subdomain(text);
}

bool form_is_kind(const char *text)
{
	size_t len = strlen(text);

	return len && len <= LABEL_MAX && strspn(text, LOWER UPPER DIGITS "-") == len &&
	       !strchr(DIGITS "-", *text) && text[len - 1] != '-';
}

static bool is_name(const char *text)
{
	return *text && strlen(text) <= SUBDOMAIN_MAX;
}

static bool is_header_name(const char *text)
{
	size_t len = strlen(text);

	return len && len <= HEADER_NAME_MAX &&
	       strspn(text, LOWER UPPER DIGITS "!#$%&'*+-.^_`|~") == len;
}

static bool is_free_of_controls(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_header_value(const char *text)
{
	size_t len = strlen(text);

	return len && len <= HEADER_VALUE_MAX && !is_blank(text[0]) && !is_blank(text[len - 1]) &&
	       is_free_of_controls(text);
}

static bool is_query_value(const char *text)
{
	return *text && strlen(text) <= QUERY_VALUE_MAX;
}

static bool is_method(const char *text)
{
	static const char *const methods[] = { "GET",	  "HEAD",    "POST",  "PUT",  "DELETE",
					       "CONNECT", "OPTIONS", "TRACE", "PATCH" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (!strcmp(text, methods[i]))
			return true;
	}
	return false;
}

/* The characters of a path by RFC 3986; a percent sign begins two hexadecimal digits. */
static bool has_path_characters(const char *text)
{
	for (; *text; text++) {
		if (*text == '%') {
			if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
				return false;
			text += 2;
		} else if (!strchr(LOWER UPPER DIGITS "-/._~!$&'()*+,;=:@", *text)) {
			return false;
		}
	}
	return true;
}

static bool is_replacement(const char *text)
{
	return !*text ||
	       (*text == '/' && strlen(text) <= FORM_PATH_MAX && has_path_characters(text));
}

const struct form form_label = {
	.fits = form_is_label,
	.what = "a name of at most 63 lower case letters, digits and '-'",
};
const struct form form_subdomain = {
	.fits = form_is_subdomain,
	.what = "a name of at most 253 lower case letters, digits, '-' and '.'",
};
const struct form form_hostname = {
	.fits = form_is_hostname,
	.what = "a lower case host name such as shop.example.com or *.example.com",
};
const struct form form_precise_hostname = {
	.fits = form_is_subdomain,
	.what = "a lower case host name such as shop.example.com",
};
const struct form form_group = { .fits = form_is_group, .what = FORM_GROUP_WHAT };
const struct form form_kind = { .fits = form_is_kind, .what = FORM_KIND_WHAT };
const struct form form_name = { .fits = is_name, .what = "a name of 1 to 253 characters" };
const struct form form_header_name = {
	.fits = is_header_name,
	.what = "a header name of at most 256 letters, digits and !#$%&'*+-.^_`|~",
};
const struct form form_header_value = {
	.fits = is_header_value,
	.what = "1 to 4096 characters without control characters or blanks at the ends",
};
const struct form form_query_value = {
	.fits = is_query_value,
	.what = "a value of 1 to 1024 characters",
};
const struct form form_method = {
	.fits = is_method,
	.what = "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH",
};
const struct form form_replacement = {
	.fits = is_replacement,
	.what = "a path of at most 1024 characters that begins with '/', or \"\"",
};

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

const char *form_find_path_fault(const char *text)
{
	static const struct {
		const char *part;
		const char *fault;
	} inside[] = {
		{ "//", "must not contain '//'" },     { "/./", "must not contain '/./'" },
		{ "/../", "must not contain '/../'" }, { "%2f", "must not contain '%2f'" },
		{ "%2F", "must not contain '%2F'" },   { "#", "must not contain '#'" },
	};

	if (*text != '/')
		return "must be an absolute path and start with '/'";
	if (strlen(text) > FORM_PATH_MAX)
		return "may not be longer than 1024 characters";
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
		if (strstr(text, inside[i].part))
			return inside[i].fault;
	}
	if (ends_with(text, "/.."))
		return "must not end with '/..'";
	if (ends_with(text, "/."))
		return "must not end with '/.'";
	return has_path_characters(text) ? NULL
					 : "must only contain valid characters: letters, digits, "
					   "-/._~!$&'()*+,;=:@ and %XX";
}
