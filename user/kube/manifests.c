// SPDX-License-Identifier: Apache-2.0
/*
 * The manifest folder: folder.c says which files changed, load.c what is in them, catalog.c what
 * counts. Invariants: a file adds, changes and removes its own objects only; an object that cannot
 * be read, and every object of a part that cannot be read, stays as it was at the last good
 * reading; a file that cannot be opened changes nothing.
 */
#include "kube/manifests.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "kube/catalog.h"
#include "kube/folder.h"
#include "kube/load.h"

#define FILE_MAX (64u << 20)

struct file {
	struct object **objects; /* in force of this file, sorted by key */
	size_t n;
	size_t skipped;
	struct diag_list diags;
};

struct manifests {
	struct folder *folder;
	struct catalog *catalog;
	struct diag_list diags; /* of all files */
	size_t skipped;
};

static int compare_keys(const void *a, const void *b)
{
	return object_compare_key(*(struct object *const *)a, *(struct object *const *)b);
}

static bool has_key(struct object *const *objects, size_t n, struct object *key)
{
	return n && bsearch(&key, objects, n, sizeof(*objects), compare_keys);
}

/* Whether an object that this reading of the file does not have is still in force. */
static bool stays(const struct load *load, struct object *former)
{
	return load->partial || has_key(load->broken, load->n_broken, former);
}

static void keep(struct file *file, struct object *object)
{
	file->objects[file->n++] = object;
}

/* Former and new objects are both sorted: one pass over the two makes the new list. */
static void apply(struct manifests *m, struct file *file, struct load *load)
{
	_cleanup_(mem_freep) struct object **former = file->objects;
	size_t n_former = file->n, i = 0, j = 0;

	file->objects = mem_array(n_former + load->n, sizeof(*file->objects));
	file->n = 0;
	if (load->n_broken)
		qsort(load->broken, load->n_broken, sizeof(*load->broken), compare_keys);
	while (i < n_former || j < load->n) {
		int r = i == n_former  ? 1
			: j == load->n ? -1
				       : object_compare_key(former[i], load->objects[j]);

		if (r < 0 && stays(load, former[i])) {
			keep(file, former[i++]);
		} else if (r < 0) {
			catalog_remove(m->catalog, former[i]);
			object_free(former[i++]);
		} else {
			keep(file, load->objects[j]);
			catalog_put(m->catalog, object_ref(load->objects[j++]));
			if (r == 0)
				object_free(former[i++]);
		}
	}
	load->n = 0;
}

static void take_text(struct manifests *m, const char *path, struct file *file, const char *text,
		      size_t len)
{
	const char *dot = strrchr(path, '.');
	struct load load;

	load_text(dot && !strcmp(dot, ".json") ? LOAD_JSON : LOAD_YAML, path, text, len, &load);
	apply(m, file, &load);
	diag_fini(&file->diags);
	diag_append(&file->diags, &load.diags);
	file->skipped = load.skipped;
	load_fini(&load);
}

static void report_unreadable(struct file *file, const char *path, int err)
{
	diag_fini(&file->diags);
	if (err == -EFBIG)
		diag_add(&file->diags, DIAG_ERROR, path, 0, "", "", "is longer than %u MiB",
			 FILE_MAX >> 20);
	else if (err == -EINVAL)
		diag_add(&file->diags, DIAG_ERROR, path, 0, "", "", "is not a regular file");
	else
		diag_add(&file->diags, DIAG_ERROR, path, 0, "", "", "cannot be read: %s",
			 strerror(-err));
}

static bool on_changed(void *arg, const char *path, void **data)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct manifests *m = arg;
	struct file *file = *data;
	size_t len;
	int err;

	if (!file)
		*data = file = mem_new(sizeof(*file));
	err = file_read(path, FILE_MAX, &text, &len);
	/* Being written, or gone again: one more event is on its way. */
	if (err == -EAGAIN || err == -ENOENT)
		return true;
	if (err)
		report_unreadable(file, path, err);
	else
		take_text(m, path, file, text, len);
	/* There may be keys in it. */
	if (!err)
		secret_wipe(text, len);
	return !err;
}

static void free_file(struct file *file)
{
	for (size_t i = 0; i < file->n; i++)
		object_free(file->objects[i]);
	free(file->objects);
	diag_fini(&file->diags);
	free(file);
}

static void on_removed(void *arg, const char *path, void *data)
{
	struct manifests *m = arg;
	struct file *file = data;

	(void)path;
	if (!file)
		return;
	for (size_t i = 0; i < file->n && m->catalog; i++)
		catalog_remove(m->catalog, file->objects[i]);
	free_file(file);
}

static const struct folder_ops ops = { .changed = on_changed, .removed = on_removed };

static void sum_up_file(void *arg, const char *path, void *data)
{
	struct manifests *m = arg;
	const struct file *file = data;

	(void)path;
	diag_append(&m->diags, &file->diags);
	m->skipped += file->skipped;
}

/* Returns true when the diagnostics are others than before. */
static bool sum_up(struct manifests *m)
{
	struct diag_list former = m->diags;
	bool changed;

	m->diags = (struct diag_list){ 0 };
	m->skipped = 0;
	folder_each(m->folder, sum_up_file, m);
	folder_report(m->folder, &m->diags);
	catalog_report(m->catalog, &m->diags);
	diag_sort(&m->diags);
	changed = !diag_equal(&former, &m->diags);
	diag_fini(&former);
	return changed;
}

int manifests_open(const char *dir, struct model *model, struct manifests **ret_manifests)
{
	struct manifests *m = mem_new(sizeof(*m));
	int err;

	m->catalog = catalog_new(model);
	err = folder_open(dir, &ops, m, &m->folder);
	if (err) {
		manifests_close(m);
		return err;
	}
	catalog_take_changed(m->catalog);
	sum_up(m);
	*ret_manifests = m;
	return 0;
}

/* The catalog goes first: files that are given up now must not take their objects along. */
void manifests_close(struct manifests *manifests)
{
	if (!manifests)
		return;
	catalog_free(TAKE_PTR(manifests->catalog));
	folder_close(manifests->folder);
	diag_fini(&manifests->diags);
	free(manifests);
}

int manifests_fd(const struct manifests *manifests)
{
	return folder_fd(manifests->folder);
}

int manifests_process(struct manifests *manifests)
{
	int err = folder_process(manifests->folder);
	bool changed = sum_up(manifests);

	changed |= catalog_take_changed(manifests->catalog);
	return err ? err : changed;
}

const struct diag_list *manifests_diags(const struct manifests *manifests)
{
	return &manifests->diags;
}

size_t manifests_skipped(const struct manifests *manifests)
{
	return manifests->skipped;
}
