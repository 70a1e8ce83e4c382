/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string. {0} is a valid empty one. Out of memory aborts. */
#pragma once
#include <stddef.h>

struct str {
	char *buf; /* NUL-terminated, or NULL while empty */
	size_t len;
	size_t cap;
};

void str_add(struct str *s, const char *text, size_t len);
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_fini(struct str *s);

/* For qsort() of texts: takes char *const *. */
int str_rank(const void *a, const void *b);
