/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets for HTTP have in common. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For what was written by us: it may be longer than what it was made of. */
static const struct h1_limits http_wide = {
	.head_bytes = 1 << 20,
	.fields = 10000,
	.target_bytes = 1 << 20,
};

static inline void http_require(bool truth)
{
	if (!truth)
		abort();
}

/* Memory of just that size, so that a sanitizer sees whoever reads beyond it. */
static inline char *http_exact(const void *data, size_t len)
{
	char *copy = mem_array(1, len);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

/* The same fields but for Connection, which is written anew. */
static inline void http_require_same(const struct http_fields *a, const struct http_fields *b)
{
	size_t k = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->items[i].id == HTTP_CONNECTION)
			continue;
		while (k < b->n && b->items[k].id == HTTP_CONNECTION)
			k++;
		http_require(k < b->n);
		http_require(http_text_equal(a->items[i].name, b->items[k].name));
		http_require(http_text_equal(a->items[i].value, b->items[k].value));
		http_require(a->items[i].id == b->items[k].id);
		k++;
	}
	while (k < b->n && b->items[k].id == HTTP_CONNECTION)
		k++;
	http_require(k == b->n);
}
