/* SPDX-License-Identifier: Apache-2.0 */
/* What narud shows of itself: one function a path, JSON for naructl, text for probes. */
#pragma once
#include "admin/admin.h"

/* For admin_open(); their argument is the struct daemon. */
extern const struct admin_route views_routes[];
