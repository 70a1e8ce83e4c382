/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in gzip (RFC 1952), inflated as they come. What is told is bounded: no bomb goes off. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct gunzip;

/* False: nobody wants more of it. */
typedef bool (*gunzip_fn)(void *arg, const char *data, size_t len);

/* NULL: no memory. */
struct gunzip *gunzip_new(void);
/* Calls fn with each piece. -EPROTO: this is no gzip, or blows up beyond all reason; -ECANCELED: fn
 * said so, and nothing of gunzip was touched after. */
int gunzip_push(struct gunzip *gunzip, const char *data, size_t len, gunzip_fn fn, void *arg);
/* Has the last stream come to its end, or was there nothing at all? */
bool gunzip_is_whole(const struct gunzip *gunzip);
/* NULL is legal. */
void gunzip_free(struct gunzip *gunzip);
