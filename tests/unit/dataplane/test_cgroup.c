/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the cgroup2 tree in mountinfo, and the pods in a tree. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- pods ---- */

#define UID  "0ae5c03d-5fb3-4eb9-9de8-2bd4b51606ba"
#define UID_ "0ae5c03d_5fb3_4eb9_9de8_2bd4b51606ba"

static void names_of_pods(void **state)
{
	static const struct {
		const char *name, *uid;
	} names[] = {
		/* kubelet with the driver cgroupfs, and a static pod's UID */
		{ "pod" UID, UID },
		{ "pod0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef" },
		/* with the driver systemd: guaranteed, other classes, below a root of its own */
		{ "kubepods-pod" UID_ ".slice", UID },
		{ "kubepods-besteffort-pod" UID_ ".slice", UID },
		{ "kubelet-kubepods-burstable-pod" UID_ ".slice", UID },
		{ "our-pods-kubepods-pod" UID_ ".slice", UID },
		{ "kubepods", NULL },
		{ "kubepods.slice", NULL },
		{ "kubepods-besteffort.slice", NULL },
		{ "cri-containerd-" UID ".scope", NULL },
		{ "kubepods-pod.slice", NULL },
		{ "pod", NULL },
		{ ".slice", NULL },
		{ "", NULL },
		{ "pod0123456789012345678901234567890123456789012345678901234567890123", NULL },
	};
	char uid[CGROUP_UID_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cgroup_pod_uid(names[i].name, uid), names[i].uid != NULL);
		if (names[i].uid)
			assert_string_equal(uid, names[i].uid);
	}
}

struct found {
	char uids[256];
	uint64_t ids[4];
	size_t n;
};

static bool on_pod(void *arg, const char *uid, uint64_t id)
{
	struct found *found = arg;
	size_t at;

	assert_true(found->n < ARRAY_SIZE(found->ids));
	found->ids[found->n++] = id;
	at = strlen(found->uids);
	snprintf(found->uids + at, sizeof(found->uids) - at, "%s ", uid);
	return strlen(uid) > 1;
}

/* In the order in which they are made; the last ones are removed first. */
static const char *const tree[] = {
	"",
	"/pods", /* no pod, but its name might be one's: looked into */
	"/pods/kubepods.slice",
	"/pods/kubepods.slice/kubepods-pod" UID_ ".slice",
	"/pods/kubepods.slice/kubepods-pod" UID_ ".slice/pod77777", /* nothing of kubelet's */
};

static void walks_the_tree(void **state)
{
	char top[] = "/tmp/naru-cgroup-XXXXXX", path[256];
	struct found found = {};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	for (size_t i = 1; i < ARRAY_SIZE(tree); i++) {
		snprintf(path, sizeof(path), "%s%s", top, tree[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(cgroup_each_pod(top, on_pod, &found), 0);
	snprintf(path, sizeof(path), "%s%s", top, tree[3]);
	assert_int_equal(stat(path, &st), 0);
	for (size_t i = ARRAY_SIZE(tree); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", top, tree[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_string_equal(found.uids, "s " UID " ");
	assert_true(found.ids[1] == st.st_ino);
	assert_int_equal(cgroup_each_pod(top, on_pod, &found), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_tree),
		cmocka_unit_test(nothing_to_find),
		cmocka_unit_test(a_named_directory_must_be_one),
		cmocka_unit_test(names_of_pods),
		cmocka_unit_test(walks_the_tree),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
