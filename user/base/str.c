// SPDX-License-Identifier: Apache-2.0
/*
 * A string that grows by doubling. Whoever builds text calls it. Invariant: buf is NULL or holds
 * len bytes and a NUL.
 */
#include "base/str.h"

#include <stdarg.h>
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
	_cleanup_(mem_freep) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	str_add(s, text, strlen(text));
}

void str_fini(struct str *s)
{
	free(s->buf);
	*s = (struct str){ 0 };
}

int str_rank(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}
