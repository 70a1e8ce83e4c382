// SPDX-License-Identifier: Apache-2.0
/*
 * What each way of writing, renaming, linking and removing below a folder does to the objects of a
 * running source.
 */
#include <errno.h>

#include "rig.h"

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
	write_file(rig, "f.json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}");
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

/* The one diagnostic is that of a directory that is not to be read now; "" is the folder itself. */
static void assert_lost(const struct rig *rig, const char *name, int err)
{
	const struct diag_list *diags = manifests_diags(rig->manifests);
	_cleanup_(mem_freep) char *path = *name ? path_of(rig, name) : mem_strdup(rig->dir);
	_cleanup_(mem_freep) char *reason =
		mem_printf("the directory cannot be read: %s; what was read from it stays in force",
			   strerror(err));

	assert_int_equal(diags->n, 1);
	assert_int_equal(diags->items[0].level, DIAG_ERROR);
	assert_string_equal(diags->items[0].file, path);
	assert_string_equal(diags->items[0].reason, reason);
}

static void a_folder_that_goes_keeps_everything_until_it_is_back(void **state)
{
	struct rig *rig = *state;
	char other[96];
	uint64_t generation;

	make_dir(rig, "sub");
	write_service(rig, "a.yaml", "a", 1);
	write_service(rig, "sub/b.yaml", "b", 2);
	write_service(rig, "c.yaml", "c", 3);
	open_rig(rig);
	generation = model_generation(rig->model);
	snprintf(other, sizeof(other), "%s/other", rig->base);

	/* What is noted of its files in the same moment removes none, either. */
	write_service(rig, "c.yaml", "c", 4);
	delete_file(rig, "sub/b.yaml");
	assert_int_equal(rename(rig->dir, other), 0);
	assert_true(process(rig));
	assert_int_equal(model_generation(rig->model), generation);
	assert_lost(rig, "", ENOENT);
	assert_false(process(rig));

	/* A file in its place is no folder. */
	assert_int_equal(mknod(rig->dir, S_IFREG | 0644, 0), 0);
	assert_true(process(rig));
	assert_int_equal(model_generation(rig->model), generation);
	assert_lost(rig, "", ENOTDIR);

	assert_int_equal(rename(other, rig->dir), -1);
	assert_int_equal(unlink(rig->dir), 0);
	assert_int_equal(rename(other, rig->dir), 0);
	assert_true(process(rig));
	assert_diags(rig, "");
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);
	assert_int_equal(port_of(rig, "c"), 4);
	write_service(rig, "sub/b.yaml", "b", 5);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 5);
}

static void another_folder_may_come_in_its_place(void **state)
{
	struct rig *rig = *state;
	char other[96];

	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	snprintf(other, sizeof(other), "%s/other", rig->base);
	assert_int_equal(rename(rig->dir, other), 0);
	assert_true(process(rig));
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	write_service(rig, "b.yaml", "b", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig, "");
	write_service(rig, "b.yaml", "b", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "b"), 3);

	/* Swapped for another one as a whole: one change, nothing is missing between. */
	assert_int_equal(renameat2(AT_FDCWD, rig->dir, AT_FDCWD, other, RENAME_EXCHANGE), 0);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);

	/* Removed with the directory above. */
	nftw(rig->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_lost(rig, "", ENOENT);
	assert_int_equal(mkdir(rig->base, 0755), 0);
	process(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(mkdir(rig->dir, 0755), 0);
	process(rig);
	assert_int_equal(port_of(rig, "a"), 0);
	write_service(rig, "a.yaml", "a", 4);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 4);
	assert_diags(rig, "");
}

/* Root may read everything: for the time of such a test the process is somebody else. */
static void become(const struct rig *rig, uid_t uid)
{
	if (getuid() != 0)
		return;
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(rig->base, uid, (gid_t)-1), 0);
	assert_int_equal(chown(rig->dir, uid, (gid_t)-1), 0);
	assert_int_equal(seteuid(uid), 0);
}

static int teardown_as_root(void **state)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	return teardown(state);
}

static void change_mode(const struct rig *rig, const char *name, mode_t mode)
{
	_cleanup_(mem_freep) char *path = *name ? path_of(rig, name) : mem_strdup(rig->dir);

	assert_int_equal(chmod(path, mode), 0);
}

static void check_unreadable(struct rig *rig, const char *name, mode_t mode)
{
	change_mode(rig, name, mode);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_lost(rig, name, EACCES);
	assert_false(process(rig));
	change_mode(rig, name, 0755);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig, "");
}

static void a_directory_without_permission_keeps_its_objects(void **state)
{
	struct rig *rig = *state;

	become(rig, 65534);
	make_dir(rig, "sub");
	write_service(rig, "a.yaml", "a", 1);
	write_service(rig, "sub/b.yaml", "b", 2);
	open_rig(rig);
	check_unreadable(rig, "", 0);
	check_unreadable(rig, "", 0600);
	check_unreadable(rig, "sub", 0);
	check_unreadable(rig, "sub", 0600);

	/* Removed for good, it takes its objects along. */
	change_mode(rig, "sub", 0);
	assert_true(process(rig));
	change_mode(rig, "sub", 0755);
	delete_file(rig, "sub/b.yaml");
	delete_file(rig, "sub");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);
	assert_diags(rig, "");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_at_the_start_is_read),
		TEST(a_folder_that_is_none_is_refused),
		TEST(files_come_change_and_go),
		TEST(a_file_renamed_over_another_takes_its_place),
		TEST(a_half_written_file_removes_nothing),
		TEST(a_second_name_for_a_file_counts_at_once),
		TEST(directories_come_move_and_go),
		TEST(directories_may_change_places),
		TEST(a_mounted_config_map_changes_by_its_link),
		TEST(a_link_to_above_is_no_endless_tree),
		TEST(a_folder_that_goes_keeps_everything_until_it_is_back),
		TEST(another_folder_may_come_in_its_place),
		cmocka_unit_test_setup_teardown(a_directory_without_permission_keeps_its_objects,
						setup, teardown_as_root),
		TEST(a_flood_of_events_is_taken_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
