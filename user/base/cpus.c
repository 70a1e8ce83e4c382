// SPDX-License-Identifier: Apache-2.0
/*
 * daemon/ calls it. A quota may be set on any cgroup between the process and the root, in either
 * version of the hierarchy; what cannot be read does not limit.
 */
#include "base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FILE_MAX (1024 * 1024)

unsigned cpus_of_quota(const char *text)
{
	char *end;
	long quota = strtol(text, &end, 10), period;

	if (end == text || quota <= 0)
		return 0;
	period = strtol(end, NULL, 10);
	if (period <= 0)
		return 0;
	return (unsigned)((quota + period - 1) / period);
}

/* A file of the kernel's: its size is not known beforehand. NULL when it is not there. */
static char *read_text(const char *dir, const char *path, const char *name)
{
	_cleanup_(mem_freep) char *whole = mem_printf("%s%s/%s", dir, path, name);
	_cleanup_(mem_freep) char *text = mem_new(FILE_MAX);
	FILE *file = fopen(whole, "re");
	size_t len;

	if (!file)
		return NULL;
	len = fread(text, 1, FILE_MAX - 1, file);
	fclose(file);
	return len ? TAKE_PTR(text) : NULL;
}

/* Version 1 has the two numbers of cpu.max in two files. */
static char *read_quota(const char *dir, const char *path, bool unified)
{
	_cleanup_(mem_freep) char *quota = NULL, *period = NULL;

	if (unified)
		return read_text(dir, path, "cpu.max");
	quota = read_text(dir, path, "cpu.cfs_quota_us");
	period = read_text(dir, path, "cpu.cfs_period_us");
	return quota && period ? mem_printf("%s %s", quota, period) : NULL;
}

static void limit_by(unsigned *limit, const char *dir, char *path, bool unified)
{
	for (;;) {
		_cleanup_(mem_freep) char *text = read_quota(dir, path, unified);
		unsigned quota = text ? cpus_of_quota(text) : 0;
		char *slash = strrchr(path, '/');

		if (quota && quota < *limit)
			*limit = quota;
		if (!slash)
			return;
		*slash = '\0';
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

/* Where the hierarchy is mounted: version 2, or version 1's of cpu. NULL: nowhere. */
static char *find_mount(bool unified)
{
	_cleanup_(mem_freep) char *mounts = read_text("/proc/self", "", "mountinfo");
	char *rest = mounts, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		char dir[PATH_MAX], type[32], options[256];
		char *tail = strstr(line, " - ");

		if (!tail || sscanf(line, "%*s %*s %*s %*s %4095s", dir) != 1 ||
		    sscanf(tail, " - %31s %*s %255s", type, options) != 2)
			continue;
		if (unified ? !strcmp(type, "cgroup2")
			    : !strcmp(type, "cgroup") && has_word(options, "cpu"))
			return mem_strdup(dir);
	}
	return NULL;
}

/* Lines are "0::PATH" for version 2, "4:cpu,cpuacct:PATH" for version 1. */
static void limit_by_cgroups(unsigned *limit)
{
	_cleanup_(mem_freep) char *groups = read_text("/proc/self", "", "cgroup");
	char *rest = groups, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
		bool unified = names && path == names + 1;
		_cleanup_(mem_freep) char *dir = NULL;

		if (!path)
			continue;
		*path++ = '\0';
		if (!unified && !has_word(names + 1, "cpu"))
			continue;
		dir = find_mount(unified);
		if (dir)
			limit_by(limit, dir, path, unified);
	}
}

unsigned cpus_available(void)
{
	unsigned limit = 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	if (!sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 0)
		limit = (unsigned)CPU_COUNT(&set);
	limit_by_cgroups(&limit);
	return limit;
}
