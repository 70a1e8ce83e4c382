/* SPDX-License-Identifier: Apache-2.0 */
/* What each byte may be part of, by the grammars of RFC 9110, 9112 and 3986. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARS_TOKEN	 0x01 /* RFC 9110, 5.6.2 */
#define CHARS_VALUE	 0x02 /* of a field: visible, space, tab, beyond ASCII */
#define CHARS_PATH	 0x04 /* as it stands in a path: no '%' */
#define CHARS_UNRESERVED 0x08 /* RFC 3986, 2.3 */
#define CHARS_HOST	 0x10 /* of a name: letters, digits, '-', '.', '_' */
#define CHARS_UPPER	 0x20 /* A to Z; the bit that makes the letter lower case */
#define CHARS_QUERY	 0x40 /* visible ASCII, but for '#': browsers escape little in queries */
#define CHARS_DIGIT	 0x80

extern const uint8_t chars_class[256];

static inline bool chars_is(char c, unsigned class)
{
	return chars_class[(uint8_t)c] & class;
}

static inline char chars_lower(char c)
{
	return (char)((uint8_t)c | (chars_class[(uint8_t)c] & CHARS_UPPER));
}

/* Every byte is of the class; true for none. */
static inline bool chars_all(const char *at, size_t len, unsigned class)
{
	for (size_t i = 0; i < len; i++)
		if (!chars_is(at[i], class))
			return false;
	return true;
}

/* The value of a hexadecimal digit, -1 for another byte. */
static inline int chars_hex(char c)
{
	if (chars_is(c, CHARS_DIGIT))
		return c - '0';
	c = chars_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The first byte from at on that is not CHARS_VALUE, at most end. */
const char *chars_value_end(const char *at, const char *end);
/* "%41" at the beginning of [at, end): its value, 0 to 255. */
bool chars_escape(const char *at, const char *end, int *ret_value);
