/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most of what an API server sends nobody reads: the bookkeeping of managers, owners, pods behind
 * endpoints. This makes values of the rest alone, which costs a fraction. What is read follows from
 * the decoders' tables, so there is no other list to keep.
 */
#pragma once
#include <stddef.h>

#include "kube/decode.h"

/* Over one value. */
#define PARTIAL_TABLES_MAX 8

/*
 * An object without the members that none of the tables (NULL ends them) has a row for. A member of
 * which every row is decode_object(), or a list of such, is looked into in the same way; of others
 * all is there, as is of values of another type than the row expects. A row of a reader without a
 * decoder needs no more than a name; names outlive the value. To be given back by
 * json_object_put().
 *
 * NULL: this is no JSON, or more than the little of it that is understood here: for a parser of all
 * of it to judge. What is not NULL such a parser takes, too, with the same values.
 */
struct json_object *partial_parse(const char *text, size_t len,
				  const struct decode_field *const *tables);
