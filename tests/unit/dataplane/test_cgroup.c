/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the cgroup2 tree in mountinfo. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/cgroup.h"

static int find(const char *text, char **ret_dir)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	r = cgroup_find_mount(file, ret_dir);
	fclose(file);
	return r;
}

struct row {
	const char *text, *dir;
};

static const struct row rows[] = {
	{ "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
	  "/sys/fs/cgroup" },
	/* Hybrid: version 1 beside it, no optional fields. */
	{ "31 26 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
	  "32 31 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	  "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
	  "/sys/fs/cgroup/unified" },
	/* A subtree bound somewhere is not the tree. */
	{ "50 1 0:38 /kubepods/pod1 /mnt/pod rw - cgroup2 cgroup2 rw\n"
	  "51 1 0:38 / /host/cgroup rw master:1 propagate_from:2 - cgroup2 none rw\n",
	  "/host/cgroup" },
	{ "60 1 0:38 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n", "/mnt/my groups" },
};

static void finds_the_tree(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *dir = NULL;

		assert_int_equal(find(rows[i].text, &dir), 0);
		assert_string_equal(dir, rows[i].dir);
	}
}

static void nothing_to_find(void **state)
{
	static const char *const texts[] = {
		"\n",
		"29 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw\n",
		"29 23 0:26 / /sys/fs/cgroup rw cgroup2\n",
		"29 23 - cgroup2 cgroup2 rw\n",
		"29 23 0:26 /sub /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		" - ",
	};
	char *dir = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(find(texts[i], &dir), -ENOENT);
	assert_null(dir);
}

static void a_named_directory_must_be_one(void **state)
{
	_cleanup_(mem_freep) char *dir = NULL;
	int fd = -1;

	(void)state;
	assert_int_equal(cgroup_open("/proc", &fd, &dir), -ENOTDIR);
	assert_int_equal(cgroup_open("/nowhere", &fd, &dir), -ENOENT);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_tree),
		cmocka_unit_test(nothing_to_find),
		cmocka_unit_test(a_named_directory_must_be_one),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
