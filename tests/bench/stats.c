/* SPDX-License-Identifier: Apache-2.0 */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_median(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), by_value);
	return samples[n / 2];
}

double stats_min(const double *samples, size_t n)
{
	double min = samples[0];

	for (size_t i = 1; i < n; i++)
		min = samples[i] < min ? samples[i] : min;
	return min;
}

double stats_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void cpu_model(char *ret_text, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	snprintf(ret_text, size, "unknown CPU");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strstr(line, ": ");
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(ret_text, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

void stats_print_machine(void)
{
	char cpu[256], date[32];
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;

	uname(&u);
	cpu_model(cpu, sizeof(cpu));
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	printf("Linux %s, %s, %ld CPUs, %s\n", u.release, cpu, sysconf(_SC_NPROCESSORS_ONLN), date);
}
