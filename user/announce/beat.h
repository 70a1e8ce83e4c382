/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node says to those of its segment several times a second: that it lives, and whom it
 * hears. One datagram, in network order; a reader takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEAT_VERSION   1
#define BEAT_NAME_MAX  253
#define BEAT_HEARD_MAX 256
#define BEAT_MAX       (10 + BEAT_NAME_MAX + 4 * BEAT_HEARD_MAX)

struct beat {
	char name[BEAT_NAME_MAX + 1];	/* of the node */
	bool ready;			/* it answers for what falls to it */
	bool ends;			/* it does so no longer: others are to take over */
	bool crowded;			/* it hears too many to name: count as heard */
	bool proxyless;			/* it cannot serve what takes a proxy */
	uint32_t heard[BEAT_HEARD_MAX]; /* rendezvous_name() of each */
	size_t n_heard;
};

/* Returns the length. */
size_t beat_encode(const struct beat *beat, uint8_t buf[static BEAT_MAX]);
/* -EBADMSG: these bytes are no beat; -EPROTONOSUPPORT: of a version that is not known. */
int beat_decode(const uint8_t *data, size_t len, struct beat *ret_beat);

bool beat_hears(const struct beat *beat, uint32_t name);
