/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where clang's analyzer loses its way in the tables of uthash: it does not believe that an item
 * has left its table, and finds keys hashed beyond their end. Included before every file by
 * tools/dev/check-tidy, by nothing else.
 */
#pragma once
#define HASH_FUNCTION(key, len, hash) ((hash) = 1)
#include <uthash.h>

void *tidy_whatever(const void *item);

#undef HASH_DEL
#define HASH_DEL(head, item) ((head) = tidy_whatever(item))
