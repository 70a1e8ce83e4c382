/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that shall not leave the process: locked in memory where the limit allows it, left out of
 * core dumps, wiped before they are freed. {0} is a valid empty one.
 */
#pragma once
#include <stddef.h>

struct secret_bytes {
	char *data; /* with a NUL behind it */
	size_t len;
	size_t mapped;
};

/* Takes a copy; the source is the caller's to wipe (secret_wipe()). */
void secret_set(struct secret_bytes *secret, const void *data, size_t len);
/* Room for len bytes, all zero. */
void secret_reserve(struct secret_bytes *secret, size_t len);
void secret_fini(struct secret_bytes *secret);
/* Overwrites memory so that no compiler leaves it out. */
void secret_wipe(void *data, size_t len);
