/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an unquoted scalar of YAML means, by the rules that kubectl follows (YAML 1.1 without
 * base 60 numbers and dates): null, true and false with their synonyms, integers in base 2, 8, 10
 * and 16, fractions; anything else is a string.
 */
#pragma once
#include <stddef.h>

struct json_object;

/* Returns a new value, NULL for null. text is NUL-terminated. */
struct json_object *scalar_resolve(const char *text, size_t len);
