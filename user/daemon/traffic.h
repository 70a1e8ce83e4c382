/* SPDX-License-Identifier: Apache-2.0 */
/* What went by each service, as a view and as metrics. */
#pragma once
#include "base/str.h"

struct daemon;

/* -errno when the counters cannot be read. */
int traffic_write(const struct daemon *daemon, struct str *ret_body);
void traffic_metrics(const struct daemon *daemon, struct str *ret_body);
