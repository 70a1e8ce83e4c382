// SPDX-License-Identifier: Apache-2.0
/*
 * A string that grows by doubling. Whoever builds text calls it. Invariant: buf is NULL or holds
 * len bytes and a NUL.
 */
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void str_add(struct str *s, const char *text, size_t len)
{
	s->buf = mem_grow(s->buf, s->len + len, &s->cap, 1);
	if (len)
		memcpy(s->buf + s->len, text, len);
	s->len += len;
	s->buf[s->len] = '\0';
}

void str_addf(struct str *s, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0);

	s->buf = mem_grow(s->buf, s->len + (size_t)len, &s->cap, 1);
	va_start(args, format);
	vsnprintf(s->buf + s->len, (size_t)len + 1, format, args);
	va_end(args);
	s->len += (size_t)len;
}

void str_fini(struct str *s)
{
	free(s->buf);
	*s = (struct str){ 0 };
}
