// SPDX-License-Identifier: Apache-2.0
/*
 * A folder that changes under a running source: what each way of writing, renaming and removing
 * does to the model, and what stays in force when something cannot be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/manifests.h"

#define MARKET "tests/golden/market/market."

struct rig {
	char base[64]; /* the folder is below, so that it can go and come back */
	char dir[80];
	struct model *model;
	struct manifests *manifests;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	strcpy(rig->base, "/tmp/naru-test-XXXXXX");
	assert_non_null(mkdtemp(rig->base));
	snprintf(rig->dir, sizeof(rig->dir), "%s/m", rig->base);
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	rig->model = model_new();
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	manifests_close(rig->manifests);
	model_free(rig->model);
	nftw(rig->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(rig);
	return 0;
}

static void open_rig(struct rig *rig)
{
	assert_int_equal(manifests_open(rig->dir, rig->model, &rig->manifests), 0);
}

static char *path_of(const struct rig *rig, const char *name)
{
	return mem_printf("%s/%s", rig->dir, name);
}

static void put_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int open_file(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void write_file(const struct rig *rig, const char *name, const char *text)
{
	int fd = open_file(rig, name);

	put_text(fd, text);
	close(fd);
}

static void make_dir(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(mkdir(path, 0755), 0);
}

static void move(const struct rig *rig, const char *from, const char *to)
{
	_cleanup_(mem_freep) char *a = path_of(rig, from);
	_cleanup_(mem_freep) char *b = path_of(rig, to);

	assert_int_equal(rename(a, b), 0);
}

static void delete_file(const struct rig *rig, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(remove(path), 0);
}

static void link_to(const struct rig *rig, const char *target, const char *name)
{
	_cleanup_(mem_freep) char *path = path_of(rig, name);

	assert_int_equal(symlink(target, path), 0);
}

/* A Service whose port tells versions apart. */
static char *service(const char *name, int port)
{
	return mem_printf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\n"
			  "spec:\n  clusterIP: 10.0.0.1\n  ports: [{port: %d}]\n",
			  name, port);
}

static void write_service(const struct rig *rig, const char *file, const char *name, int port)
{
	_cleanup_(mem_freep) char *text = service(name, port);

	write_file(rig, file, text);
}

/* Port of a service of the namespace default, 0 when there is no such service. */
static int port_of(const struct rig *rig, const char *name)
{
	const struct object *object = model_get(rig->model, OBJECT_SERVICE, "default", name);

	return object ? ((const struct service *)object)->ports[0].port : 0;
}

/* Takes in events until there are none; returns true when something changed. */
static bool process(const struct rig *rig)
{
	int r = manifests_process(rig->manifests);

	assert_true(r >= 0);
	return r;
}

static void assert_diags(const struct rig *rig, const char *expected)
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

static void what_is_there_at_the_start_is_read(void **state)
{
	struct rig *rig = *state;

	make_dir(rig, "sub");
	make_dir(rig, ".git");
	write_service(rig, "a.yaml", "a", 1);
	write_service(rig, "sub/b.yml", "b", 2);
	write_service(rig, "c.txt", "c", 3);
	write_service(rig, ".d.yaml", "d", 4);
	write_service(rig, ".git/e.yaml", "e", 5);
	write_file(rig, "f.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}");
	open_rig(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_int_equal(port_of(rig, "c") + port_of(rig, "d") + port_of(rig, "e"), 0);
	assert_int_equal(manifests_skipped(rig->manifests), 1);
	assert_diags(rig, "");
	assert_false(process(rig));
}

static void a_folder_that_is_none_is_refused(void **state)
{
	struct rig *rig = *state;
	_cleanup_(mem_freep) char *missing = path_of(rig, "x");
	_cleanup_(mem_freep) char *file = path_of(rig, "a.yaml");

	write_service(rig, "a.yaml", "a", 1);
	assert_int_equal(manifests_open(missing, rig->model, &rig->manifests), -ENOENT);
	assert_int_equal(manifests_open(file, rig->model, &rig->manifests), -ENOTDIR);
	assert_null(rig->manifests);
}

static void files_come_change_and_go(void **state)
{
	struct rig *rig = *state;
	uint64_t generation;

	open_rig(rig);
	write_service(rig, "a.yaml", "a", 1);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	write_service(rig, "a.yaml", "a", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	generation = model_generation(rig->model);
	write_service(rig, "a.yaml", "a", 2);
	assert_false(process(rig));
	assert_int_equal(model_generation(rig->model), generation);
	write_service(rig, "a.yaml", "b", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 3);
	delete_file(rig, "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 0);
}

static void a_file_renamed_over_another_takes_its_place(void **state)
{
	struct rig *rig = *state;

	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	write_service(rig, "a.yaml.tmp", "a", 2);
	assert_false(process(rig));
	move(rig, "a.yaml.tmp", "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	move(rig, "a.yaml", "b.yaml");
	assert_false(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	move(rig, "b.yaml", "b.off");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
}

static void a_half_written_file_removes_nothing(void **state)
{
	_cleanup_(mem_freep) char *a = service("a", 2);
	_cleanup_(mem_freep) char *b = service("b", 3);
	struct rig *rig = *state;
	int fd;

	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	fd = open_file(rig, "a.yaml");
	assert_false(process(rig));
	put_text(fd, a);
	assert_false(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	put_text(fd, b);
	close(fd);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	assert_int_equal(port_of(rig, "b"), 3);

	/* Removed and begun anew: between, the old version stays. */
	delete_file(rig, "a.yaml");
	fd = open_file(rig, "a.yaml");
	put_text(fd, a);
	assert_false(process(rig));
	assert_int_equal(port_of(rig, "b"), 3);
	close(fd);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 0);
}

static void a_second_name_for_a_file_counts_at_once(void **state)
{
	struct rig *rig = *state;
	_cleanup_(mem_freep) char *from = path_of(rig, "a.txt");
	_cleanup_(mem_freep) char *to = path_of(rig, "a.yaml");

	open_rig(rig);
	write_service(rig, "a.txt", "a", 1);
	assert_int_equal(link(from, to), 0);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
}

static void a_broken_file_keeps_its_last_good_version(void **state)
{
	_cleanup_(mem_freep) char *a = service("a", 1);
	_cleanup_(mem_freep) char *b = service("b", 1);
	_cleanup_(mem_freep) char *both = mem_printf("%s%s", a, b);
	_cleanup_(mem_freep) char *half = mem_printf("%s---\nspec: [\n", b);
	struct rig *rig = *state;

	write_file(rig, "x.yaml", both);
	write_service(rig, "y.yaml", "yy", 1);
	open_rig(rig);
	write_file(rig, "x.yaml", "spec: [\n");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 2);
	assert_diags(rig,
		     "x.yaml:2: error: not valid YAML: while parsing a flow node, did not find "
		     "expected node content");

	/* Of a file that is readable in part nothing goes: it may be in the other part. */
	write_file(rig, "x.yaml", half);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 2);
	assert_int_equal(port_of(rig, "yy"), 1);
	write_file(rig, "x.yaml", b);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 1);
	assert_diags(rig, "");
}

static void a_broken_object_keeps_its_last_good_version(void **state)
{
	_cleanup_(mem_freep) char *a = service("a", 1);
	_cleanup_(mem_freep) char *bad_a = service("a", 70000);
	_cleanup_(mem_freep) char *b = service("b", 1);
	_cleanup_(mem_freep) char *b2 = service("b", 2);
	_cleanup_(mem_freep) char *before = mem_printf("%s%s", a, b);
	_cleanup_(mem_freep) char *after = mem_printf("%s%s", bad_a, b2);
	struct rig *rig = *state;

	write_file(rig, "x.yaml", before);
	open_rig(rig);
	write_file(rig, "x.yaml", after);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig,
		     "x.yaml:7: error: Service default/a: spec.ports[0].port: expected a number "
		     "from 1 to 65535, found 70000");

	/* The other object may go without taking the broken one along. */
	write_file(rig, "x.yaml", bad_a);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);
	write_file(rig, "x.yaml", b2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 2);
}

static void a_file_without_permission_keeps_its_objects(void **state)
{
	struct rig *rig = *state;
	_cleanup_(mem_freep) char *path = path_of(rig, "a.yaml");

	/* A pipe stands for what cannot be read: root may read every file. */
	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	write_service(rig, "b.tmp", "a", 2);
	process(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	move(rig, "b.tmp", "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	assert_diags(rig, "");
}

static void of_two_definitions_the_later_path_counts(void **state)
{
	struct rig *rig = *state;

	write_service(rig, "b.yaml", "s", 2);
	open_rig(rig);
	write_service(rig, "a.yaml", "s", 1);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 2);
	write_service(rig, "c.yaml", "s", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 3);
	{
		_cleanup_(mem_freep) char *expected = mem_printf(
			"a.yaml:2: warning: Service default/s: is also defined in %s/c.yaml line 2, "
			"which counts\n"
			"b.yaml:2: warning: Service default/s: is also defined in %s/c.yaml line 2, "
			"which counts",
			rig->dir, rig->dir);

		assert_diags(rig, expected);
	}
	delete_file(rig, "c.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 2);
	write_service(rig, "b.yaml", "t", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 1);
	assert_int_equal(port_of(rig, "t"), 2);
	assert_diags(rig, "");
	delete_file(rig, "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 0);
}

static void directories_come_move_and_go(void **state)
{
	struct rig *rig = *state;

	open_rig(rig);
	make_dir(rig, "d");
	make_dir(rig, "d/e");
	write_service(rig, "d/e/a.yaml", "a", 1);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	write_service(rig, "d/e/b.yaml", "b", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 2);

	move(rig, "d", "a-name-before");
	process(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	write_service(rig, "a-name-before/e/a.yaml", "a", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 3);

	assert_int_equal(renameat2(AT_FDCWD, rig->dir, AT_FDCWD, rig->dir, RENAME_NOREPLACE), -1);
	delete_file(rig, "a-name-before/e/a.yaml");
	delete_file(rig, "a-name-before/e/b.yaml");
	delete_file(rig, "a-name-before/e");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 0);
}

static void directories_may_change_places(void **state)
{
	struct rig *rig = *state;
	_cleanup_(mem_freep) char *a = path_of(rig, "a");
	_cleanup_(mem_freep) char *b = path_of(rig, "b");

	make_dir(rig, "a");
	make_dir(rig, "b");
	write_service(rig, "a/x.yaml", "x", 1);
	write_service(rig, "b/y.yaml", "yy", 2);
	open_rig(rig);
	assert_int_equal(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), 0);
	process(rig);
	assert_int_equal(port_of(rig, "x"), 1);
	assert_int_equal(port_of(rig, "yy"), 2);
	write_service(rig, "b/x.yaml", "x", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "x"), 3);
	assert_diags(rig, "");
}

/* As the kubelet writes a volume: files are links through ..data, which is renamed over. */
static void a_mounted_config_map_changes_by_its_link(void **state)
{
	struct rig *rig = *state;

	make_dir(rig, "..1");
	make_dir(rig, "..1/sub");
	write_service(rig, "..1/a.yaml", "a", 1);
	write_service(rig, "..1/sub/b.yaml", "b", 1);
	write_service(rig, "..1/gone.yaml", "gone", 1);
	link_to(rig, "..1", "..data");
	link_to(rig, "..data/a.yaml", "a.yaml");
	link_to(rig, "..data/sub", "sub");
	link_to(rig, "..data/gone.yaml", "gone.yaml");
	open_rig(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 1);
	assert_int_equal(port_of(rig, "gone"), 1);

	for (int i = 2; i < 4; i++) {
		char dir[16], name[32];

		snprintf(dir, sizeof(dir), "..%d", i);
		make_dir(rig, dir);
		snprintf(name, sizeof(name), "%s/sub", dir);
		make_dir(rig, name);
		snprintf(name, sizeof(name), "%s/a.yaml", dir);
		write_service(rig, name, "a", i);
		snprintf(name, sizeof(name), "%s/sub/b.yaml", dir);
		write_service(rig, name, "b", i);
		process(rig);
		assert_int_equal(port_of(rig, "a"), i - 1);
		link_to(rig, dir, "..data_tmp");
		move(rig, "..data_tmp", "..data");
		assert_true(process(rig));
		assert_int_equal(port_of(rig, "a"), i);
		assert_int_equal(port_of(rig, "b"), i);
		assert_int_equal(port_of(rig, "gone"), 0);
	}
	link_to(rig, "..data/a.yaml", "later.yaml");
	process(rig);
	delete_file(rig, "a.yaml");
	process(rig);
	assert_int_equal(port_of(rig, "a"), 3);
	delete_file(rig, "sub");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 0);
}

static void a_link_to_above_is_no_endless_tree(void **state)
{
	struct rig *rig = *state;

	write_service(rig, "a.yaml", "a", 1);
	link_to(rig, ".", "self");
	link_to(rig, "..", "up");
	open_rig(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_diags(rig,
		     "self: error: the directory cannot be watched: Too many levels of symbolic "
		     "links\nup: error: the directory cannot be watched: Too many levels of "
		     "symbolic links");
}

static void the_folder_itself_may_go_and_come_back(void **state)
{
	struct rig *rig = *state;
	char other[96];

	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	snprintf(other, sizeof(other), "%s/other", rig->base);
	assert_int_equal(rename(rig->dir, other), 0);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	write_service(rig, "b.yaml", "b", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 2);
	write_service(rig, "b.yaml", "b", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 3);

	/* Swapped for another one as a whole: one change, nothing is missing between. */
	assert_int_equal(renameat2(AT_FDCWD, rig->dir, AT_FDCWD, other, RENAME_EXCHANGE), 0);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);

	/* And with the directory above. */
	nftw(rig->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(mkdir(rig->base, 0755), 0);
	process(rig);
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	process(rig);
	write_service(rig, "a.yaml", "a", 4);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 4);
}

static void a_flood_of_events_is_taken_in(void **state)
{
	struct rig *rig = *state;

	/* More than fs.inotify.max_queued_events, so that some are lost. */
	open_rig(rig);
	write_service(rig, "a.yaml", "a", 1);
	for (int i = 0; i < 20000; i++) {
		write_service(rig, "x.txt", "x", 1);
		write_service(rig, "y.txt", "yy", 1);
	}
	write_service(rig, "z.yaml", "z", 2);
	delete_file(rig, "a.yaml");
	while (process(rig))
		;
	assert_int_equal(port_of(rig, "z"), 2);
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "x"), 0);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void ten_thousand_objects_load_in_seconds(void **state)
{
	struct rig *rig = *state;
	struct timespec start;
	struct str text = { 0 };
	const struct object *const *objects;

	for (int i = 0; i < 10000; i++) {
		char name[16];
		char *one;

		snprintf(name, sizeof(name), "s%d", i);
		one = service(name, 1 + i);
		str_addf(&text, "%s", one);
		free(one);
	}
	write_file(rig, "a.yaml", text.buf);
	str_fini(&text);
	clock_gettime(CLOCK_MONOTONIC, &start);
	open_rig(rig);
	assert_int_equal(model_list(rig->model, OBJECT_SERVICE, &objects), 10000);
	/* Measured 0.3 s; sanitizers and a busy machine take their part. */
	assert_true(seconds_since(&start) < 30);
}

static void copy_market(const struct rig *rig, const char *ext)
{
	_cleanup_(mem_freep) char *from = mem_printf(MARKET "%s", ext);
	_cleanup_(mem_freep) char *name = mem_printf("market.%s", ext);
	FILE *in = fopen(from, "re");
	char buf[4096];
	size_t n;
	int fd;

	assert_non_null(in);
	fd = open_file(rig, name);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		assert_int_equal(write(fd, buf, n), n);
	close(fd);
	fclose(in);
}

static void assert_models_equal(struct model *a, struct model *b)
{
	for (int kind = 0; kind < OBJECT_KIND_MAX; kind++) {
		const struct object *const *left, *const *right;
		size_t n = model_list(a, (enum object_kind)kind, &left);

		assert_int_equal(model_list(b, (enum object_kind)kind, &right), n);
		for (size_t i = 0; i < n; i++)
			assert_true(object_equal(left[i], right[i]));
	}
}

static void dumps_of_a_real_api_server_load_as_they_are(void **state)
{
	struct rig *rig = *state;
	struct model *yaml = rig->model;
	const struct object *const *objects;

	copy_market(rig, "yaml");
	open_rig(rig);
	assert_diags(rig, "");
	assert_int_equal(manifests_skipped(rig->manifests), 30);
	assert_int_equal(model_list(yaml, OBJECT_SERVICE, &objects), 14);
	assert_int_equal(model_list(yaml, OBJECT_ENDPOINT_SLICE, &objects), 19);
	assert_int_equal(model_list(yaml, OBJECT_NODE, &objects), 3);
	assert_int_equal(model_list(yaml, OBJECT_NAMESPACE, &objects), 6);
	manifests_close(TAKE_PTR(rig->manifests));

	delete_file(rig, "market.yaml");
	copy_market(rig, "json");
	rig->model = model_new();
	open_rig(rig);
	assert_diags(rig, "");
	assert_int_equal(manifests_skipped(rig->manifests), 30);
	assert_models_equal(yaml, rig->model);
	model_free(yaml);
}

/* The same files, written in another order while the source runs, give the same objects. */
static void the_order_of_files_does_not_count(void **state)
{
	static const int orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } };
	struct rig *rig = *state;
	struct model *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		open_rig(rig);
		for (size_t j = 0; j < 4; j++) {
			int k = orders[i][j];
			char file[16], name[16];

			snprintf(file, sizeof(file), "%d.yaml", k);
			snprintf(name, sizeof(name), "s%d", k / 2);
			write_service(rig, file, name, 10 + k);
			assert_true(process(rig));
		}
		if (first)
			assert_models_equal(first, rig->model);
		model_free(first);
		first = rig->model;
		manifests_close(TAKE_PTR(rig->manifests));
		rig->model = model_new();
		for (int k = 0; k < 4; k++) {
			char file[16];

			snprintf(file, sizeof(file), "%d.yaml", k);
			delete_file(rig, file);
		}
	}
	model_free(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_at_the_start_is_read),
		TEST(a_folder_that_is_none_is_refused),
		TEST(files_come_change_and_go),
		TEST(a_file_renamed_over_another_takes_its_place),
		TEST(a_half_written_file_removes_nothing),
		TEST(a_second_name_for_a_file_counts_at_once),
		TEST(a_broken_file_keeps_its_last_good_version),
		TEST(a_broken_object_keeps_its_last_good_version),
		TEST(a_file_without_permission_keeps_its_objects),
		TEST(of_two_definitions_the_later_path_counts),
		TEST(directories_come_move_and_go),
		TEST(directories_may_change_places),
		TEST(a_mounted_config_map_changes_by_its_link),
		TEST(a_link_to_above_is_no_endless_tree),
		TEST(the_folder_itself_may_go_and_come_back),
		TEST(a_flood_of_events_is_taken_in),
		TEST(ten_thousand_objects_load_in_seconds),
		TEST(dumps_of_a_real_api_server_load_as_they_are),
		TEST(the_order_of_files_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
