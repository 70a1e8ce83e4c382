/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says of one thing by its name; NULL, also when there is no report. */
#pragma once
#include "base/addr.h"
#include "feed/report.h"

const struct report_rule *reported_rule(const struct report *report, const char *name);
const struct report_cluster *reported_cluster(const struct report *report, const char *name);
const struct report_listener *reported_listener(const struct report *report, const char *name);
/* hint: where it stands in the plan. */
const struct report_endpoint *reported_endpoint(const struct report_cluster *cluster, size_t hint,
						const struct addr *addr, uint16_t port);
