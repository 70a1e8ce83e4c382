/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts what an API server sends into single objects, as it comes: the events of a watch, which
 * stand one after the other, or the elements of "items" of a list, so that no more than one of them
 * has to be in memory. Only brackets and texts are looked at; whether an object is valid JSON is
 * for who parses it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum jsonstream_shape {
	JSONSTREAM_OBJECTS,
	JSONSTREAM_LIST,
};

struct jsonstream_ops {
	/* One object; false: no more of them, please. The text is gone after. */
	bool (*object)(void *arg, const char *text, size_t len);
	/* There was one that was left out. The reason is static. */
	bool (*lost)(void *arg, const char *reason);
};

struct jsonstream;

/* Longer objects than max bytes are left out. */
struct jsonstream *jsonstream_new(enum jsonstream_shape shape, size_t max,
				  const struct jsonstream_ops *ops, void *arg);
/* Wipes what it has of an object. NULL is legal. Not from inside its own callbacks. */
void jsonstream_free(struct jsonstream *stream);

/* 0; 1 after a callback said false; -EBADMSG: this is no such stream. Of no use after both. */
int jsonstream_feed(struct jsonstream *stream, const char *data, size_t len);

/* Is there a part of an object whose rest has not come yet? */
bool jsonstream_is_inside(const struct jsonstream *stream);

/* All of a list but its elements: valid JSON if the list was. "" while there is none. Borrowed. */
const char *jsonstream_envelope(const struct jsonstream *stream);
