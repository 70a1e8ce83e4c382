/* SPDX-License-Identifier: Apache-2.0 */
/* Medians and minima of few figures, and where figures were taken. */
#pragma once
#include <stddef.h>

/* Sorts the samples in place. */
double stats_median(double *samples, size_t n);
double stats_min(const double *samples, size_t n);
/* CPU time of this thread, in nanoseconds. */
double stats_cpu_ns(void);
/* One line: kernel, CPU, number of CPUs, date (UTC). */
void stats_print_machine(void);
