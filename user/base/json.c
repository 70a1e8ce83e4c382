// SPDX-License-Identifier: Apache-2.0
/*
 * JSON out. The views of the admin socket call it. Invariant: what was written so far, with the
 * open objects and arrays closed, is valid JSON in valid UTF-8, whatever strings came in.
 */
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Writes one character and returns how many bytes of the input it took. */
static size_t add_char(struct str *out, const char *text, size_t len)
{
	unsigned char first = (unsigned char)text[0];
	size_t used = utf8_char_len(text, len);

	if (!used)
		str_addf(out, "\\ufffd");
	else if (first == '"' || first == '\\')
		str_addf(out, "\\%c", first);
	else if (first < 0x20 || first == 0x7f)
		str_addf(out, "\\u%04x", first);
	else
		str_add(out, text, used);
	return used ? used : 1;
}

static void add_text(struct str *out, const char *text)
{
	size_t len = strlen(text);

	str_add(out, "\"", 1);
	for (size_t i = 0; i < len;)
		i += add_char(out, text + i, len - i);
	str_add(out, "\"", 1);
}

static void begin(struct json *json, const char *name)
{
	if (json->comma)
		str_add(json->out, ",", 1);
	json->comma = true;
	if (name) {
		add_text(json->out, name);
		str_add(json->out, ":", 1);
	}
}

void json_object_begin(struct json *json, const char *name)
{
	begin(json, name);
	str_add(json->out, "{", 1);
	json->comma = false;
}

void json_object_end(struct json *json)
{
	str_add(json->out, "}", 1);
	json->comma = true;
}

void json_array_begin(struct json *json, const char *name)
{
	begin(json, name);
	str_add(json->out, "[", 1);
	json->comma = false;
}

void json_array_end(struct json *json)
{
	str_add(json->out, "]", 1);
	json->comma = true;
}

void json_string(struct json *json, const char *name, const char *value)
{
	begin(json, name);
	add_text(json->out, value);
}

void json_printf(struct json *json, const char *name, const char *format, ...)
{
	_cleanup_(mem_freep) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	json_string(json, name, text);
}

void json_uint(struct json *json, const char *name, uint64_t value)
{
	begin(json, name);
	str_addf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
	begin(json, name);
	str_addf(json->out, "%s", value ? "true" : "false");
}
