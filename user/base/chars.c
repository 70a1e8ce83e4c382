// SPDX-License-Identifier: Apache-2.0
/*
 * The table of character classes. Parsers and formatters call it. Invariant: a byte that could end
 * a line or a text (CR, LF, NUL) is of no class.
 */
#include "base/chars.h"

#include <string.h>

#define T CHARS_TOKEN
#define V (CHARS_VALUE | CHARS_QUERY)
#define P CHARS_PATH
#define U (CHARS_TOKEN | CHARS_VALUE | CHARS_QUERY | CHARS_PATH | CHARS_UNRESERVED)

const uint8_t chars_class[256] = {
	['\t'] = CHARS_VALUE,
	[' '] = CHARS_VALUE,
	['!'] = V | T | P,
	['"'] = V,
	['#'] = CHARS_VALUE | T,
	['$'] = V | T | P,
	['%'] = V | T,
	['&' ... '\''] = V | T | P,
	['(' ... ')'] = V | P,
	['*' ... '+'] = V | T | P,
	[','] = V | P,
	['-' ... '.'] = U | CHARS_HOST,
	['/'] = V | P,
	['0' ... '9'] = U | CHARS_HOST | CHARS_DIGIT,
	[':' ... ';'] = V | P,
	['<'] = V,
	['='] = V | P,
	['>' ... '?'] = V,
	['@'] = V | P,
	['A' ... 'Z'] = U | CHARS_HOST | CHARS_UPPER,
	['['] = V | P,
	['\\'] = V,
	[']'] = V | P,
	['^'] = V | T,
	['_'] = U | CHARS_HOST,
	['`'] = V | T,
	['a' ... 'z'] = U | CHARS_HOST,
	['{'] = V,
	['|'] = V | T,
	['}'] = V,
	['~'] = U,
	[0x80 ... 0xff] = CHARS_VALUE,
};

#define EACH(byte) (0x0101010101010101U * (byte))

/* Eight bytes at once: is one below space or DEL? A borrow may say so of the byte above one that
 * is; that there is none is exact. */
static bool has_control(uint64_t word)
{
	uint64_t del = word ^ EACH(0x7f);

	return (((word - EACH(0x20)) & ~word) | ((del - EACH(1)) & ~del)) & EACH(0x80);
}

const char *chars_value_end(const char *at, const char *end)
{
	uint64_t word;

	for (;;) {
		for (; (size_t)(end - at) >= sizeof(word); at += sizeof(word)) {
			memcpy(&word, at, sizeof(word));
			if (has_control(word))
				break;
		}
		while (at < end && chars_is(*at, CHARS_VALUE) && *at != '\t')
			at++;
		/* Tabs are the only control characters that a value has. */
		if (at == end || *at != '\t')
			return at;
		at++;
	}
}

bool chars_escape(const char *at, const char *end, int *ret_value)
{
	int high, low;

	if (end - at < 3 || *at != '%')
		return false;
	high = chars_hex(at[1]);
	low = chars_hex(at[2]);
	if (high < 0 || low < 0)
		return false;
	*ret_value = high * 16 + low;
	return true;
}
