/* SPDX-License-Identifier: Apache-2.0 */
/* Layer 7's part of the status. */
#pragma once
#include "base/json.h"

struct daemon;

/* Into the array of problems. */
void status_l7_problems(struct json *json, const struct daemon *daemon);
/* How many of the objects' errors are told as problems already. */
size_t status_l7_told(const struct daemon *daemon);
/* The object "l7": what is served, and by whom. */
void status_l7_add(struct json *json, const struct daemon *daemon);
