/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References of Gateway API's objects to others, for rows of decode tables: struct object_reference
 * with the defaults of the place where it stands. Rows over a struct that begins with a reference
 * may follow in the same table.
 */
#pragma once
#include "kube/decode.h"

#define REFERENCE_GATEWAY_GROUP "gateway.networking.k8s.io"

/* Group and kind default to Gateway API's Gateway, core's Service, core's Secret; the last has
 * a group of Gateway API by default, a kind that must be given, and nothing else. */
extern const struct decode_field reference_parent[];
extern const struct decode_field reference_backend[];
extern const struct decode_field reference_cert[];
extern const struct decode_field reference_route_kind[];
