/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of manifests with a running source, made and removed for each test of test_folder.c
 * and test_manifests.c.
 */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/manifests.h"

struct rig {
	char base[64]; /* the folder is below, so that it can go and come back */
	char dir[80];
	struct model *model;
	struct manifests *manifests;
};

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	snprintf(rig->base, sizeof(rig->base), "/tmp/naru-test-%d", (int)getpid());
	assert_int_equal(mkdir(rig->base, 0700), 0);
	snprintf(rig->dir, sizeof(rig->dir), "%s/m", rig->base);
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	rig->model = model_new();
	*state = rig;
	return 0;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	manifests_close(rig->manifests);
	model_free(rig->model);
	nftw(rig->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(rig);
	return 0;
}

static inline void open_rig(struct rig *rig)
{
	assert_int_equal(manifests_open(rig->dir, rig->model, &rig->manifests), 0);
}

static inline char *path_of(const struct rig *rig, const char *name)
{
	return mem_printf("%s/%s", rig->dir, name);
}

static inline void put_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static inline int open_file(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	return fd;
}

static inline void write_file(const struct rig *rig, const char *name, const char *text)
{
	int fd = open_file(rig, name);

	put_text(fd, text);
	close(fd);
}

static inline void make_dir(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(mkdir(path, 0755), 0);
}

static inline void move(const struct rig *rig, const char *from, const char *to)
{
	_cleanup_(mem_freep) char *a = path_of(rig, from);
	_cleanup_(mem_freep) char *b = path_of(rig, to);

	assert_int_equal(rename(a, b), 0);
}

static inline void delete_file(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(remove(path), 0);
}

static inline void link_to(const struct rig *rig, const char *target, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(symlink(target, path), 0);
}

/* A Service whose port tells versions apart. */
static inline char *service(const char *name, int port)
{
	return mem_printf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\n"
			  "spec:\n  clusterIP: 10.0.0.1\n  ports: [{port: %d}]\n",
			  name, port);
}

static inline void write_service(const struct rig *rig, const char *file, const char *name,
				 int port)
{
	_cleanup_(mem_freep) char *text = service(name, port);

	write_file(rig, file, text);
}

/* Port of a service of the namespace default, 0 when there is no such service. */
static inline int port_of(const struct rig *rig, const char *name)
{
	const struct object *object = model_get(rig->model, OBJECT_SERVICE, "default", name);

	return object ? ((const struct service *)object)->ports[0].port : 0;
}

/* Takes in events until there are none; returns true when something changed. */
static inline bool process(const struct rig *rig)
{
	int r = manifests_process(rig->manifests);

	assert_true(r >= 0);
	return r;
}

static inline void assert_diags(const struct rig *rig, const char *expected)
{
	const struct diag_list *diags = manifests_diags(rig->manifests);
	struct str out = { 0 };

	str_add(&out, "", 0);
	for (size_t i = 0; i < diags->n; i++) {
		_cleanup_(mem_freep) char *line = diag_format(&diags->items[i]);
		const char *file = strncmp(line, rig->dir, strlen(rig->dir)) != 0
					   ? line
					   : line + strlen(rig->dir) + 1;

		str_addf(&out, "%s%s", i ? "\n" : "", file);
	}
	assert_string_equal(out.buf, expected);
	str_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
