// SPDX-License-Identifier: Apache-2.0
/*
 * Reads base 64, for kube/ (the data of Secrets). Invariant: one text only stands for given bytes,
 * line ends apart.
 */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding fills the last group of four, and nothing follows it. */
static int check_end(size_t digits, size_t padding, uint32_t bits)
{
	size_t rest = digits % 4;

	if (rest == 1 || padding != (4 - rest) % 4)
		return -EINVAL;
	/* The digits of an unfinished group hold 4 or 2 bits more than whole bytes need. */
	if ((rest == 2 && (bits & 0xf)) || (rest == 3 && (bits & 0x3)))
		return -EINVAL;
	return 0;
}

int base64_decode(const char *text, size_t len, void *ret_data, size_t *ret_len)
{
	uint8_t *out = ret_data;
	size_t digits = 0, padding = 0, n = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = digit_of(text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=') {
			padding++;
			continue;
		}
		if (digit < 0 || padding)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)digit;
		/* The second, third and fourth digit of a group each complete a byte. */
		if (++digits % 4 != 1)
			out[n++] = (uint8_t)(bits >> (6 - 2 * ((digits + 3) % 4)));
	}
	if (check_end(digits, padding, bits))
		return -EINVAL;
	*ret_len = n;
	return 0;
}
