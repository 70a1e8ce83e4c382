/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and descriptors with one owner. Small allocations abort when memory is out: the pinned
 * data plane keeps forwarding. TAKE_PTR and TAKE_FD mark each move of ownership.
 */
#pragma once
#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

#define TAKE_PTR(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) taken_ = (ptr);                                                    \
		(ptr) = NULL;                                                                      \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

/* Zeroed; abort on failure. */
void *mem_new(size_t size);
void *mem_array(size_t n, size_t size);
/* At an address that is a multiple of align, a power of two. */
void *mem_aligned(size_t align, size_t size);
/* Grows an array so that index n fits, doubling. */
void *mem_grow(void *array, size_t n, size_t *cap, size_t size);
char *mem_strdup(const char *text);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *mem_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* For _cleanup_: free what the pointer points to, close what the integer names or what is open. */
void mem_freep(void *ptr);
void mem_closep(int *fd);
void mem_closefilep(FILE **file);
void mem_closedirp(DIR **dir);
