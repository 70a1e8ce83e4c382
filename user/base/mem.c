// SPDX-License-Identifier: Apache-2.0
/*
 * Allocation that cannot fail towards the caller, and the two functions behind _cleanup_.
 * Everybody calls it. Invariant: a returned pointer is zeroed memory of the size asked for; when
 * there is none, the process ends and the pinned data plane goes on without it.
 */
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Not through log.c: that one allocates. */
static void __attribute__((noreturn)) out_of_memory(void)
{
	static const char text[] = "error out of memory\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

void *mem_new(size_t size)
{
	return mem_array(1, size);
}

void *mem_array(size_t n, size_t size)
{
	void *ptr = calloc(n ? n : 1, size ? size : 1);

	if (!ptr)
		out_of_memory();
	return ptr;
}

void *mem_aligned(size_t align, size_t size)
{
	void *ptr;

	if (posix_memalign(&ptr, align, size ? size : 1))
		out_of_memory();
	memset(ptr, 0, size);
	return ptr;
}

void *mem_grow(void *array, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap : 8;
	char *bigger;

	if (n < *cap)
		return array;
	while (want <= n) {
		if (want > SIZE_MAX / 2)
			out_of_memory();
		want *= 2;
	}
	bigger = reallocarray(array, want, size);
	if (!bigger)
		out_of_memory();
	memset(bigger + *cap * size, 0, (want - *cap) * size);
	*cap = want;
	return bigger;
}

char *mem_strdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		out_of_memory();
	return copy;
}

char *mem_vprintf(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	return text;
}

void mem_freep(void *ptr)
{
	void *value;

	/* ptr is the address of a pointer of any type: copying its bytes keeps aliasing rules. */
	memcpy(&value, ptr, sizeof(value));
	free(value);
}

void mem_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void mem_closefilep(FILE **file)
{
	if (*file)
		fclose(*file);
}

void mem_closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
