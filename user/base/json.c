// SPDX-License-Identifier: Apache-2.0
/*
 * JSON out. The views of the admin socket call it. Invariant: what was written so far, with the
 * open objects and arrays closed, is valid JSON in valid UTF-8, whatever strings came in.
 */
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 sequence at text, 0 if it is none (RFC 3629: no surrogates, no overlong). */
static size_t utf8_len(const unsigned char *text)
{
	unsigned char c = text[0], low = 0x80, high = 0xbf;
	size_t len;

	if (c >= 0xc2 && c <= 0xdf)
		len = 2;
	else if (c >= 0xe0 && c <= 0xef)
		len = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		len = 4;
	else
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	}
	return len;
}

/* Writes one character and returns how many bytes of the input it took. */
static size_t add_char(struct str *out, const unsigned char *text)
{
	size_t len;

	if (*text == '"' || *text == '\\') {
		str_addf(out, "\\%c", *text);
	} else if (*text < 0x20 || *text == 0x7f) {
		str_addf(out, "\\u%04x", *text);
	} else if (*text >= 0x80) {
		len = utf8_len(text);
		if (len)
			str_add(out, (const char *)text, len);
		else
			str_addf(out, "\\ufffd");
		return len ? len : 1;
	} else {
		str_add(out, (const char *)text, 1);
	}
	return 1;
}

static void add_text(struct str *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	str_add(out, "\"", 1);
	while (*p)
		p += add_char(out, p);
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
