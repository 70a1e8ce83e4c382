/* SPDX-License-Identifier: Apache-2.0 */
/* Layer 7's part of the status. */
#pragma once
#include "base/json.h"

struct daemon;
struct dataplane_status;

/* Into the array of problems; kernel is all zero without a dataplane. */
void status_l7_problems(struct json *json, const struct daemon *daemon,
			const struct dataplane_status *kernel);
/* How many of the objects' errors are told as problems already. */
size_t status_l7_told(const struct daemon *daemon);
/* The object "l7": what is served, and by whom. */
void status_l7_add(struct json *json, const struct daemon *daemon);
