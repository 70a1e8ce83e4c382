/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as bytes and back, for a file that this same narud reads again. Not for Secrets: their
 * keys have no form of this kind.
 */
#pragma once
#include "base/bytes.h"
#include "model/object.h"

/* Tells layouts apart: of another one nothing can be read. */
uint64_t pack_layout(void);

void pack_object(struct str *out, const struct object *object);
/* NULL when the bytes are none; in is bad then. */
struct object *pack_unpack(struct bytes *in);
