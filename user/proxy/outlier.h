/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passive health (Envoy's outlier detection, statements O1 to O3): counts of failures in a row over
 * all workers, ejection for base times the number of ejections in a row, return at a tick of the
 * interval; the number falls by one with each clean interval. At least one endpoint may be ejected
 * whatever the percentage, and the last one that takes requests never is.
 */
#pragma once
#include "proxy/cluster.h"

enum outlier_event {
	OUTLIER_OK,	 /* an answer below 500 */
	OUTLIER_5XX,	 /* another 5xx */
	OUTLIER_GATEWAY, /* 502, 503, 504 */
	OUTLIER_LOCAL,	 /* no answer: connect failure, reset, timeout */
};

void outlier_note(const struct cluster_view *view, struct endpoint *endpoint,
		  enum outlier_event event, uint64_t now_ms);
/* Does it take requests now? */
bool outlier_available(const struct endpoint *endpoint, uint64_t now_ms);
