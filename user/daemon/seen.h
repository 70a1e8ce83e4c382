/* SPDX-License-Identifier: Apache-2.0 */
/* Views that are streams: flows, and events for who watches. A line of JSON each. */
#pragma once
#include "admin/admin.h"

struct daemon;
struct seen;

extern const struct admin_source seen_sources[];

/* For the daemon's life; the streams must have ended before it is freed. */
struct seen *seen_new(struct daemon *daemon);
void seen_free(struct seen *seen);
