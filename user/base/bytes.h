/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and texts as bytes, for what two processes of this machine tell each other: host order,
 * no padding. Reading never goes beyond what is there: the first thing that does not fit makes the
 * reader bad for good, and everything read from then on is zero or "". So a decoder reads all of it
 * and asks bytes_end() once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

void bytes_put_u8(struct str *out, uint8_t value);
void bytes_put_u16(struct str *out, uint16_t value);
void bytes_put_u32(struct str *out, uint32_t value);
void bytes_put_u64(struct str *out, uint64_t value);
/* Without a length: for what has always the same. */
void bytes_put_data(struct str *out, const void *data, size_t len);
/* With its length. */
void bytes_put_text(struct str *out, const char *text);

struct bytes {
	const char *at, *end;
	bool bad;
};

struct bytes bytes_of(const void *data, size_t len);

uint8_t bytes_get_u8(struct bytes *in);
uint16_t bytes_get_u16(struct bytes *in);
uint32_t bytes_get_u32(struct bytes *in);
uint64_t bytes_get_u64(struct bytes *in);
void bytes_get_data(struct bytes *in, void *ret_data, size_t len);
/* A new string; one with a NUL inside is bad. */
char *bytes_get_text(struct bytes *in);
/* A u32 before so many things of at least min_len bytes (not 0) each: more than there is room for
 * is bad, so that memory allocated for them is bounded by what was sent. */
size_t bytes_get_count(struct bytes *in, size_t min_len);
/* Was all of it good, and is nothing left? */
bool bytes_end(const struct bytes *in);
