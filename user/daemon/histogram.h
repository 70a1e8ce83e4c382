/* SPDX-License-Identifier: Apache-2.0 */
/* How often a measured time fell under which bound, as Prometheus wants it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define HISTOGRAM_MAX 80 /* bounds */

struct histogram {
	const double *bounds; /* in seconds, ascending; what is above all of them counts, too */
	size_t n_bounds;
	uint64_t counts[HISTOGRAM_MAX + 1];
	double sum;
};

void histogram_observe(struct histogram *histogram, double seconds);
/* The lines of one histogram; label: `ip_family="IPv4"`, or "". */
void histogram_write(const struct histogram *histogram, const char *name, const char *label,
		     struct str *out);
