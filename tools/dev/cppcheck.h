/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cppcheck must know of libraries whose headers it is not given: macros that are no
 * expressions. Included before every file by tools/dev/lint, by nothing else.
 */
#pragma once
#include <stddef.h>

/* libbpf */
#define SEC(name)
#define __always_inline inline
#define __noinline
#define __uint(name, value)		     int(*name)[value]
#define __type(name, value)		     value *name
#define LIBBPF_OPTS(type, name, ...)	     struct type name = { __VA_ARGS__ }
#define DECLARE_LIBBPF_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }

#define bpf_object__for_each_map(map, object)                                                      \
	for ((map) = bpf_object__next_map(object, NULL); map;                                      \
	     (map) = bpf_object__next_map(object, map))
#define bpf_object__for_each_program(program, object)                                              \
	for ((program) = bpf_object__next_program(object, NULL); program;                          \
	     (program) = bpf_object__next_program(object, program))

/* uthash */
#define HASH_ITER(hh, head, item, tmp)                                                             \
	for ((item) = (head), (tmp) = NULL; (item) && ((tmp) = (item)->hh.next, 1); (item) = (tmp))
#define HASH_FIND(hh, head, key, len, item)	  ((item) = hash_find(head, key, len))
#define HASH_ADD(hh, head, field, len, item)	  hash_add(&(head), item)
#define HASH_DEL(head, item)			  hash_del(&(head), item)
#define HASH_ADD_KEYPTR(hh, head, key, len, item) hash_add(&(head), item)

/* sys/queue.h */
#define LIST_HEAD(name, type)                                                                      \
	struct {                                                                                   \
		struct type *lh_first;                                                             \
	}

/* json-c */
#define json_object_object_foreach(object, key, value)                                             \
	char *key = NULL;                                                                          \
	struct json_object *value = NULL;                                                          \
	while (json_next(object, &key, &value))
