// SPDX-License-Identifier: Apache-2.0
/* beacon.c sends and takes them. What a later version adds behind the list is left unread. */
#include "announce/beat.h"

#include <errno.h>
#include <string.h>

#define HEAD	  10
#define READY	  0x01
#define ENDS	  0x02
#define CROWDED	  0x04
#define PROXYLESS 0x08

static const uint8_t magic[4] = { 'n', 'a', 'r', 'u' };

static void put16(uint8_t *to, size_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

size_t beat_encode(const struct beat *beat, uint8_t buf[static BEAT_MAX])
{
	size_t len = strlen(beat->name);
	uint8_t *to = buf + HEAD + len;

	memcpy(buf, magic, sizeof(magic));
	buf[4] = BEAT_VERSION;
	buf[5] = (uint8_t)((beat->ready ? READY : 0) | (beat->ends ? ENDS : 0) |
			   (beat->crowded ? CROWDED : 0) | (beat->proxyless ? PROXYLESS : 0));
	put16(buf + 6, len);
	put16(buf + 8, beat->n_heard);
	memcpy(buf + HEAD, beat->name, len);
	for (size_t i = 0; i < beat->n_heard; i++, to += 4) {
		put16(to, beat->heard[i] >> 16);
		put16(to + 2, beat->heard[i]);
	}
	return (size_t)(to - buf);
}

static uint32_t get16(const uint8_t *from)
{
	return (uint32_t)from[0] << 8 | from[1];
}

int beat_decode(const uint8_t *data, size_t len, struct beat *ret_beat)
{
	size_t name, heard;

	if (len < HEAD || memcmp(data, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (data[4] != BEAT_VERSION)
		return -EPROTONOSUPPORT;
	name = get16(data + 6);
	heard = get16(data + 8);
	if (!name || name > BEAT_NAME_MAX || heard > BEAT_HEARD_MAX ||
	    len < HEAD + name + 4 * heard || memchr(data + HEAD, 0, name))
		return -EBADMSG;
	*ret_beat = (struct beat){ .ready = data[5] & READY,
				   .ends = data[5] & ENDS,
				   .crowded = data[5] & CROWDED,
				   .proxyless = data[5] & PROXYLESS,
				   .n_heard = heard };
	memcpy(ret_beat->name, data + HEAD, name);
	for (size_t i = 0; i < heard; i++) {
		const uint8_t *from = data + HEAD + name + 4 * i;

		ret_beat->heard[i] = get16(from) << 16 | get16(from + 2);
	}
	return 0;
}

bool beat_hears(const struct beat *beat, uint32_t name)
{
	for (size_t i = 0; i < beat->n_heard; i++)
		if (beat->heard[i] == name)
			return true;
	return beat->crowded;
}
