/* SPDX-License-Identifier: Apache-2.0 */
/* Of an object that cannot be decoded, what tells whose matter it is: for its status. */
#pragma once

struct json_object;
struct kind;
struct object;

/*
 * A route with those of its parents that can be read, or a Gateway with its class, with name,
 * generation and uid, and nothing else. NULL: of another kind, or without a name. To be freed.
 */
struct object *refused_read(const struct kind *kind, struct json_object *value);
