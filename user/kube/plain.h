/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a text of JSON goes without anything to look at. Eight bytes at a time: jsonstream.c and
 * unread.c meet every byte that an API server sends.
 */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_ONES 0x0101010101010101u
/* The high bit of each byte that is below b, exact up to the first such; b is at most 128. */
#define PLAIN_BELOW(word, b) (((word) - (PLAIN_ONES * (b))) & ~(word) & (PLAIN_ONES << 7))

/* Bytes before the first quote, backslash or control character; len: there is none. */
static inline size_t plain_len(const char *text, size_t len)
{
	size_t i = 0;

	for (; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t word, found;

		memcpy(&word, text + i, sizeof(word));
		word = le64toh(word);
		found = PLAIN_BELOW(word, ' ') | PLAIN_BELOW(word ^ (PLAIN_ONES * '"'), 1) |
			PLAIN_BELOW(word ^ (PLAIN_ONES * '\\'), 1);
		if (found)
			return i + (size_t)__builtin_ctzll(found) / 8;
	}
	while (i < len && (unsigned char)text[i] >= ' ' && text[i] != '"' && text[i] != '\\')
		i++;
	return i;
}
