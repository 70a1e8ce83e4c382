// SPDX-License-Identifier: Apache-2.0
/*
 * One writer and one reader for all that processes tell each other: plan/snapshot.c and feed/ call
 * it. Invariant: at never passes end.
 */
#include "base/bytes.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

void bytes_put_data(struct str *out, const void *data, size_t len)
{
	if (len)
		str_add(out, data, len);
}

void bytes_put_u8(struct str *out, uint8_t value)
{
	bytes_put_data(out, &value, sizeof(value));
}

void bytes_put_u16(struct str *out, uint16_t value)
{
	bytes_put_data(out, &value, sizeof(value));
}

void bytes_put_u32(struct str *out, uint32_t value)
{
	bytes_put_data(out, &value, sizeof(value));
}

void bytes_put_u64(struct str *out, uint64_t value)
{
	bytes_put_data(out, &value, sizeof(value));
}

void bytes_put_text(struct str *out, const char *text)
{
	size_t len = strlen(text);

	assert(len <= UINT32_MAX);
	bytes_put_u32(out, (uint32_t)len);
	bytes_put_data(out, text, len);
}

struct bytes bytes_of(const void *data, size_t len)
{
	const char *at = len ? data : "";

	return (struct bytes){ .at = at, .end = at + len };
}

/* The next len bytes, or NULL. */
static const char *take(struct bytes *in, size_t len)
{
	const char *at = in->at;

	if (in->bad || len > (size_t)(in->end - at)) {
		in->bad = true;
		return NULL;
	}
	in->at += len;
	return at;
}

void bytes_get_data(struct bytes *in, void *ret_data, size_t len)
{
	const char *at = take(in, len);

	if (!len)
		return;
	if (at)
		memcpy(ret_data, at, len);
	else
		memset(ret_data, 0, len);
}

uint8_t bytes_get_u8(struct bytes *in)
{
	uint8_t value;

	bytes_get_data(in, &value, sizeof(value));
	return value;
}

uint16_t bytes_get_u16(struct bytes *in)
{
	uint16_t value;

	bytes_get_data(in, &value, sizeof(value));
	return value;
}

uint32_t bytes_get_u32(struct bytes *in)
{
	uint32_t value;

	bytes_get_data(in, &value, sizeof(value));
	return value;
}

uint64_t bytes_get_u64(struct bytes *in)
{
	uint64_t value;

	bytes_get_data(in, &value, sizeof(value));
	return value;
}

char *bytes_get_text(struct bytes *in)
{
	size_t len = bytes_get_u32(in);
	const char *at = take(in, len);
	char *text;

	if (at && memchr(at, 0, len)) {
		in->bad = true;
		at = NULL;
	}
	text = mem_new(at ? len + 1 : 1);
	if (at)
		memcpy(text, at, len);
	return text;
}

size_t bytes_get_count(struct bytes *in, size_t min_len)
{
	size_t n = bytes_get_u32(in);

	if (n <= (size_t)(in->end - in->at) / min_len)
		return n;
	in->bad = true;
	return 0;
}

bool bytes_end(const struct bytes *in)
{
	return !in->bad && in->at == in->end;
}
