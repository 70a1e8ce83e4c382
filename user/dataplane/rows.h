/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a map that nobody but narud writes should hold, entry by entry, against what it holds.
 * audit.c and nodemaps.c fill one for each look at a map.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dataplane.h"

#define ROWS_TEXT_MAX 80

typedef void (*rows_describe_fn)(const void *key, char ret_text[static ROWS_TEXT_MAX]);

struct rows {
	const char *map; /* its name */
	int fd;
	size_t key_size, value_size;
	rows_describe_fn describe;
	uint8_t *items;
	size_t n, cap;
};

struct rows rows_of(const char *map, int fd, size_t key_size, size_t value_size,
		    rows_describe_fn describe);
/* value NULL: the entry may be there or not. No key twice. */
void rows_add(struct rows *rows, const void *key, const void *value);
void rows_fini(struct rows *rows);

/* Tells what is missing, has another value, or is there without reason; with repair it is put
 * right. 0 or -errno when the map cannot be read. */
int rows_check(struct rows *rows, bool repair, audit_fn fn, void *arg);
