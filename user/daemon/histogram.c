// SPDX-License-Identifier: Apache-2.0
/* progress.c fills histograms, kubemetrics.c shows them. */
#include "daemon/histogram.h"

#include <assert.h>

void histogram_observe(struct histogram *histogram, double seconds)
{
	size_t i = 0;

	assert(histogram->n_bounds <= HISTOGRAM_MAX);
	while (i < histogram->n_bounds && seconds > histogram->bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += seconds;
}

void histogram_write(const struct histogram *histogram, const char *name, const char *label,
		     struct str *out)
{
	const char *comma = *label ? "," : "";
	uint64_t count = 0;

	for (size_t i = 0; i < histogram->n_bounds; i++) {
		count += histogram->counts[i];
		str_addf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, label, comma,
			 histogram->bounds[i], (unsigned long long)count);
	}
	count += histogram->counts[histogram->n_bounds];
	str_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, label, comma,
		 (unsigned long long)count);
	str_addf(out, "%s_sum{%s} %.6f\n", name, label, histogram->sum);
	str_addf(out, "%s_count{%s} %llu\n", name, label, (unsigned long long)count);
}
