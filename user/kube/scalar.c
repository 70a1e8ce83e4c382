// SPDX-License-Identifier: Apache-2.0
/* Resolves plain scalars for yamldoc.c. Invariant: what has a doubtful form stays a string. */
#include "kube/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Longer digit strings are no numbers that anybody means. */
#define NUMBER_MAX 64

enum word {
	WORD_NULL,
	WORD_TRUE,
	WORD_FALSE,
};

static const struct {
	const char *text;
	enum word word;
} words[] = {
	{ "", WORD_NULL },	 { "~", WORD_NULL },	  { "null", WORD_NULL },
	{ "Null", WORD_NULL },	 { "NULL", WORD_NULL },	  { "true", WORD_TRUE },
	{ "True", WORD_TRUE },	 { "TRUE", WORD_TRUE },	  { "yes", WORD_TRUE },
	{ "Yes", WORD_TRUE },	 { "YES", WORD_TRUE },	  { "on", WORD_TRUE },
	{ "On", WORD_TRUE },	 { "ON", WORD_TRUE },	  { "false", WORD_FALSE },
	{ "False", WORD_FALSE }, { "FALSE", WORD_FALSE }, { "no", WORD_FALSE },
	{ "No", WORD_FALSE },	 { "NO", WORD_FALSE },	  { "off", WORD_FALSE },
	{ "Off", WORD_FALSE },	 { "OFF", WORD_FALSE },	  { "y", WORD_TRUE },
	{ "Y", WORD_TRUE },	 { "n", WORD_FALSE },	  { "N", WORD_FALSE },
};

/* Base of an integer's digits; moves *text behind the prefix. */
static int take_base(const char **text)
{
	static const struct {
		const char *prefix;
		int base;
	} bases[] = { { "0x", 16 }, { "0X", 16 }, { "0b", 2 }, { "0B", 2 },
		      { "0o", 8 },  { "0O", 8 },  { "0", 8 } };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		size_t len = strlen(bases[i].prefix);

		if (!strncmp(*text, bases[i].prefix, len) && (*text)[len]) {
			*text += len;
			return bases[i].base;
		}
	}
	return 10;
}

static struct json_object *integer(const char *text)
{
	bool negative = *text == '-';
	const char *digits = text + (*text == '-' || *text == '+');
	int base = take_base(&digits);
	unsigned long long value;
	char *end;

	/* strtoull() would take signs and blanks of its own. */
	if (!isxdigit((unsigned char)*digits))
		return NULL;
	errno = 0;
	value = strtoull(digits, &end, base);
	if (*end || errno || (base == 16 && (end[-1] == 'x' || end[-1] == 'X')))
		return NULL;
	if (!negative)
		return value > INT64_MAX ? json_object_new_uint64(value)
					 : json_object_new_int64((int64_t)value);
	if (value > (uint64_t)INT64_MAX + 1)
		return NULL;
	return json_object_new_int64((int64_t)(0 - value));
}

/* Digits with at most one point and an exponent: strtod() alone would take names and hex too. */
static struct json_object *fraction(const char *text)
{
	const char *p = text + (*text == '-' || *text == '+');
	size_t before = strspn(p, "0123456789"), after = 0;

	p += before;
	if (*p == '.') {
		after = strspn(p + 1, "0123456789");
		p += 1 + after;
	}
	if (!before && !after)
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '-' || p[1] == '+');
		if (!isdigit((unsigned char)*p))
			return NULL;
		p += strspn(p, "0123456789");
	}
	return *p ? NULL : json_object_new_double_s(strtod(text, NULL), text);
}

static struct json_object *number(const char *text, size_t len)
{
	char plain[NUMBER_MAX + 1] = { 0 };
	struct json_object *value;
	size_t n = 0;

	if (len > NUMBER_MAX || !strchr("0123456789+-.", text[0]))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '_')
			plain[n++] = text[i];
	}
	value = integer(plain);
	return value ? value : fraction(plain);
}

struct json_object *scalar_resolve(const char *text, size_t len)
{
	struct json_object *value;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].text) != 0)
			continue;
		return words[i].word == WORD_NULL
			       ? NULL
			       : json_object_new_boolean(words[i].word == WORD_TRUE);
	}
	value = number(text, len);
	return value ? value : json_object_new_string_len(text, (int)len);
}
