// SPDX-License-Identifier: Apache-2.0
/*
 * The one test for UTF-8: what comes in from files is refused without it, what goes out as JSON
 * is replaced. Invariant: never looks beyond the length that it is given.
 */
#include "base/utf8.h"

#include <stdbool.h>

/* RFC 3629, section 4: only the second byte's range depends on the first. */
static bool second_fits(unsigned char first, unsigned char second)
{
	unsigned char low = 0x80, high = 0xbf;

	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	return second >= low && second <= high;
}

static size_t len_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t utf8_char_len(const char *text, size_t len)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t want = len ? len_of(byte[0]) : 0;

	if (want > len || (want > 1 && !second_fits(byte[0], byte[1])))
		return 0;
	for (size_t i = 2; i < want; i++) {
		if (byte[i] < 0x80 || byte[i] > 0xbf)
			return 0;
	}
	return want;
}
