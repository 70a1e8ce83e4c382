// SPDX-License-Identifier: Apache-2.0
/* Each thread draws random bytes for many ids at once: a system call in 32 requests. */
#include "proxy/requestid.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define ID_BYTES   16
#define ID_MAX	   128
#define POOL_BYTES 512

/* At most 256 bytes come whole whatever signals do; more may not. */
static void fill(uint8_t *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = getrandom(bytes + done, len - done, 0);

		assert(got > 0 || errno == EINTR);
		done += got > 0 ? (size_t)got : 0;
	}
}

struct http_text requestid_new(struct arena *arena)
{
	static _Thread_local struct {
		uint8_t bytes[POOL_BYTES];
		size_t left;
	} pool;
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, 2 * ID_BYTES);
	const uint8_t *bytes;

	if (!pool.left) {
		fill(pool.bytes, POOL_BYTES);
		pool.left = POOL_BYTES;
	}
	pool.left -= ID_BYTES;
	bytes = pool.bytes + pool.left;
	for (size_t i = 0; i < ID_BYTES; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return (struct http_text){ text, 2 * ID_BYTES };
}

bool requestid_is_sane(struct http_text id)
{
	if (!id.len || id.len > ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (id.at[i] <= ' ' || id.at[i] > '~')
			return false;
	return true;
}
