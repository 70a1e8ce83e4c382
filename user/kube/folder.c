// SPDX-License-Identifier: Apache-2.0
/*
 * The tree and its events, for manifests.c. Events are taken as hints only: all that are waiting
 * are read first, one note a path, then each noted path is compared with what is on disk now, so
 * that a swap of two names is one change and a flood of events costs no more than its last.
 *
 * Invariants: a directory is watched before it is listed, so nothing falls between. A file that
 * somebody has begun to write is not read until it is closed: of a plain file only the events
 * "closed after writing" and "renamed to" count, creation alone does not. A deleted file that is
 * back already will have an event of its own. A directory that cannot be read, and a root that is
 * not there, say nothing of what was in them: nothing below is given up until they are back.
 */
#include "kube/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "kube/pathset.h"
#include "kube/watches.h"

#define DEPTH_MAX 32
/* Reads of the descriptor in one go: a writer that never pauses must not hold the loop. */
#define READS_MAX 64

/* Notes: what the events since the last time say of a path. */
#define NOTE_WRITTEN 0x01u /* complete: closed or renamed to */
#define NOTE_CREATED 0x02u
#define NOTE_GONE    0x04u
#define NOTE_ATTRIB  0x08u
#define NOTE_TREE    0x10u /* a directory that came, went or was replaced */
#define NOTE_LINKS   0x20u /* a directory in which links may lead elsewhere now */
#define NOTE_FORCE   0x40u /* events were lost: read every file below */

#define NOTE_DONE 0x80u

/* Flag of a file's entry. */
#define FILE_UNREADABLE 0x01u
/* Flag of a failure, beside its errno: the directory is not only unwatched, it is not read. */
#define FAILURE_UNREAD 0x10000u

struct folder {
	char *root;
	const struct folder_ops *ops;
	void *arg;
	struct pathset files;
	struct pathset notes;
	struct pathset failures; /* flags: errno, FAILURE_UNREAD */
	struct watches watches;
	int parent_wd; /* of the nearest directory above root that exists, or -1 */
	unsigned round;
	bool force;
};

/* ---- the directory above ---- */

/* Cuts the last name off; returns false when there is nothing above. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return false;
	if (slash == path)
		slash++;
	if (!*slash)
		return false;
	*slash = '\0';
	return true;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Of a path such as "." nobody can say what stands above without asking for another name. */
static void watch_parent(struct folder *f)
{
	_cleanup_(mem_freep) char *path = mem_strdup(f->root);
	const char *name = name_of(f->root);

	if (f->parent_wd >= 0)
		inotify_rm_watch(f->watches.fd, f->parent_wd);
	f->parent_wd = -1;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return;
	while (f->parent_wd < 0 && go_up(path))
		f->parent_wd = inotify_add_watch(f->watches.fd, path, WATCHES_EVENTS);
	if (f->parent_wd < 0 && *f->root != '/')
		f->parent_wd = inotify_add_watch(f->watches.fd, ".", WATCHES_EVENTS);
}

/* ---- comparing with what is on disk ---- */

static bool is_hidden(const char *name)
{
	return name[0] == '.';
}

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !is_hidden(name) &&
	       (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

static char *join(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	return mem_printf("%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", name);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static void see_file(struct folder *f, const char *path, const struct stat *now, bool force)
{
	struct pathset_entry *entry = pathset_add(&f->files, path);
	bool known = entry->round != 0;

	entry->round = f->round;
	if (known && !force && !(entry->flags & FILE_UNREADABLE) && same_file(&entry->seen, now))
		return;
	entry->seen = *now;
	entry->flags = f->ops->changed(f->arg, path, &entry->data) ? 0 : FILE_UNREADABLE;
}

static void fail(struct folder *f, const char *path, int err)
{
	pathset_add(&f->failures, path)->flags = (unsigned)-err;
}

static void fail_unread(struct folder *f, const char *path, int err)
{
	pathset_add(&f->failures, path)->flags = (unsigned)-err | FAILURE_UNREAD;
}

/* Whether a directory is there to be listed and entered: 0 or -errno. */
static int check_dir(const char *path)
{
	_cleanup_(mem_freep) char *self = join(path, ".");

	return faccessat(AT_FDCWD, self, R_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

/* Removes what stands at path or below and was not seen in this round. */
static void sweep(struct folder *f, const char *path)
{
	size_t i = pathset_lower(&f->files, path);

	while (i < f->files.n && !strncmp(f->files.items[i]->path, path, strlen(path))) {
		struct pathset_entry *entry = f->files.items[i];

		if (entry->round == f->round || !pathset_is_below(entry->path, path)) {
			i++;
			continue;
		}
		f->ops->removed(f->arg, entry->path, entry->data);
		pathset_remove(&f->files, i);
	}
}

/* What was known of a directory that cannot be listed stays as it was. */
static void keep_below(struct folder *f, const char *path)
{
	for (size_t i = pathset_lower(&f->files, path); i < f->files.n; i++) {
		struct pathset_entry *entry = f->files.items[i];

		if (strncmp(entry->path, path, strlen(path)) != 0)
			break;
		if (pathset_is_below(entry->path, path))
			entry->round = f->round;
	}
}

static void walk(struct folder *f, const char *path, unsigned depth);

static void walk_entry(struct folder *f, const char *path, unsigned depth)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			keep_below(f, path);
	} else if (S_ISDIR(st.st_mode)) {
		walk(f, path, depth + 1);
	} else if (is_manifest(name_of(path))) {
		see_file(f, path, &st, f->force);
	}
}

static int is_shown(const struct dirent *entry)
{
	return !is_hidden(entry->d_name);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* After a failure of scandir() n is negative and entries NULL. */
static void free_entries(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static void list(struct folder *f, const char *path, unsigned depth)
{
	struct dirent **entries = NULL;
	int err = check_dir(path);
	int n = err ? -1 : scandir(path, &entries, is_shown, compare_names);

	if (n < 0 && !err)
		err = -errno;
	if (err && err != -ENOENT && err != -ENOTDIR) {
		fail_unread(f, path, err);
		keep_below(f, path);
	}
	for (int i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *child = join(path, entries[i]->d_name);

		walk_entry(f, child, depth);
	}
	free_entries(entries, n);
}

/* A directory that cannot be watched is read all the same; one met before by another name not. */
static void walk(struct folder *f, const char *path, unsigned depth)
{
	int err = depth > DEPTH_MAX ? -ELOOP : watches_add(&f->watches, path, f->parent_wd);

	if (err == -ENOENT || err == -ENOTDIR)
		return;
	if (err)
		fail(f, path, err);
	if (err != -ELOOP)
		list(f, path, depth);
}

static void drop_failures(struct folder *f, const char *dir)
{
	for (size_t i = f->failures.n; i > 0; i--) {
		if (pathset_is_below(f->failures.items[i - 1]->path, dir))
			pathset_remove(&f->failures, i - 1);
	}
}

static unsigned depth_of(const struct folder *f, const char *path)
{
	unsigned depth = 0;

	for (path += strlen(f->root); *path; path++)
		depth += *path == '/';
	return depth;
}

/*
 * Makes what we know of a subtree, or of the whole, equal to what is there. What is missing has
 * gone only if the root stands, which is looked at last; else the root itself is to be noted once,
 * so that its return is noticed.
 */
static void sync_tree(struct folder *f, const char *path)
{
	bool whole = !strcmp(path, f->root);
	int err;

	watches_drop(&f->watches, path);
	drop_failures(f, path);
	if (whole)
		watch_parent(f);
	f->round++;
	walk(f, path, depth_of(f, path));
	err = check_dir(f->root);
	if (!err)
		sweep(f, path);
	else if (whole)
		fail_unread(f, path, err);
	else if (!pathset_find(&f->failures, f->root))
		sync_tree(f, f->root);
}

/* The path is a link or was one, or has gone. */
static void sync_link(struct folder *f, const char *path)
{
	struct stat st;

	if (!stat(path, &st) && S_ISREG(st.st_mode) && is_manifest(name_of(path)))
		see_file(f, path, &st, false);
	else
		sync_tree(f, path);
}

static void sync_links(struct folder *f, const char *dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_shown, compare_names);

	for (int i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *path = join(dir, entries[i]->d_name);
		struct stat st;

		if (!lstat(path, &st) && S_ISLNK(st.st_mode))
			sync_link(f, path);
	}
	free_entries(entries, n);
}

/* ---- events ---- */

static void sync_noted(struct folder *f, const char *path, unsigned notes)
{
	const struct pathset_entry *entry = pathset_find(&f->files, path);
	bool again = (notes & NOTE_ATTRIB) && entry && (entry->flags & FILE_UNREADABLE);
	bool linked = notes & NOTE_CREATED;
	struct stat st;

	if (lstat(path, &st)) {
		if (errno == ENOENT || errno == ENOTDIR)
			sync_tree(f, path);
		return;
	}
	if (S_ISLNK(st.st_mode)) {
		_cleanup_(mem_freep) char *dir = mem_strdup(path);

		if (go_up(dir))
			sync_links(f, dir);
		return;
	}
	/* A second name for a complete file: there is no writer to wait for. */
	linked = linked && st.st_nlink > 1;
	if (!S_ISDIR(st.st_mode) && is_manifest(name_of(path)) &&
	    ((notes & NOTE_WRITTEN) || linked || again))
		see_file(f, path, &st, true);
}

static void sync_note(struct folder *f, const struct pathset_entry *entry)
{
	f->force = entry->flags & NOTE_FORCE;
	if (entry->flags & NOTE_TREE)
		sync_tree(f, entry->path);
	else if (entry->flags & NOTE_LINKS)
		sync_links(f, entry->path);
	else
		sync_noted(f, entry->path, entry->flags);
	f->force = false;
}

/*
 * Directories may have changed names with each other: old watches go first. What is there is
 * taken in before what has gone is given up, so that a new name for a file changes no object.
 */
static void sync_all_noted(struct folder *f)
{
	for (size_t i = 0; i < f->notes.n; i++) {
		if (f->notes.items[i]->flags & NOTE_TREE)
			watches_drop(&f->watches, f->notes.items[i]->path);
	}
	for (size_t i = 0; i < f->notes.n; i++) {
		if (!access(f->notes.items[i]->path, F_OK)) {
			sync_note(f, f->notes.items[i]);
			f->notes.items[i]->flags = NOTE_DONE;
		}
	}
	for (size_t i = 0; i < f->notes.n; i++) {
		if (f->notes.items[i]->flags != NOTE_DONE)
			sync_note(f, f->notes.items[i]);
	}
	pathset_fini(&f->notes);
}

static void note(struct folder *f, const char *path, unsigned notes)
{
	pathset_add(&f->notes, path)->flags |= notes;
}

/* An unfinished file takes the place of a finished one: what was said before is out of date. */
static void note_file(struct folder *f, const char *path, unsigned mask)
{
	struct pathset_entry *entry = pathset_add(&f->notes, path);

	if (mask & (IN_DELETE | IN_MOVED_FROM))
		entry->flags = NOTE_GONE | (entry->flags & (NOTE_TREE | NOTE_LINKS));
	else if (mask & IN_CREATE)
		entry->flags = NOTE_CREATED | (entry->flags & (NOTE_TREE | NOTE_LINKS));
	else if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
		entry->flags |= NOTE_WRITTEN;
	else if (mask & IN_ATTRIB)
		entry->flags |= NOTE_ATTRIB;
}

static void note_named(struct folder *f, const char *dir, const struct inotify_event *event)
{
	static const unsigned moves = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM;
	_cleanup_(mem_freep) char *path = join(dir, event->name);

	if (is_hidden(event->name)) {
		if (event->mask & moves)
			note(f, dir, NOTE_LINKS);
	} else if (!(event->mask & IN_ISDIR)) {
		note_file(f, path, event->mask);
	} else if ((event->mask & moves) || pathset_find(&f->failures, path)) {
		note(f, path, NOTE_TREE);
	}
}

/* Other rights count when a directory can be read that could not, or the reverse. */
static bool has_other_rights(const struct folder *f, const char *path)
{
	return pathset_find(&f->failures, path) || check_dir(path);
}

static void note_parent(struct folder *f, const struct inotify_event *event)
{
	bool other = event->len && strcmp(event->name, name_of(f->root)) != 0;
	bool moved = !(event->mask & (IN_ATTRIB | IN_CLOSE_WRITE));

	if (event->mask & IN_IGNORED)
		f->parent_wd = -1;
	else if (other && watches_has(&f->watches, f->root))
		return;
	if (moved || has_other_rights(f, f->root))
		note(f, f->root, NOTE_TREE);
}

static void note_event(struct folder *f, const struct inotify_event *event)
{
	const char *path;

	if (event->mask & IN_Q_OVERFLOW)
		return note(f, f->root, NOTE_TREE | NOTE_FORCE);
	if (event->wd == f->parent_wd)
		return note_parent(f, event);
	path = watches_path(&f->watches, event->wd);
	if (!path)
		return;
	if (event->len)
		return note_named(f, path, event);
	if ((event->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) ||
	    ((event->mask & IN_ATTRIB) && has_other_rights(f, path)))
		note(f, path, NOTE_TREE);
	if (event->mask & IN_IGNORED)
		watches_forget(&f->watches, event->wd);
}

static void note_events(struct folder *f, const char *buf, size_t len)
{
	const struct inotify_event *event;

	for (size_t pos = 0; pos < len; pos += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(const void *)(buf + pos);
		note_event(f, event);
	}
}

int folder_process(struct folder *folder)
{
	static char buf[65536] __attribute__((aligned(8)));
	ssize_t len = 0;

	for (int i = 0; i < READS_MAX; i++) {
		len = read(folder->watches.fd, buf, sizeof(buf));
		if (len <= 0)
			break;
		note_events(folder, buf, (size_t)len);
	}
	if (len < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	sync_all_noted(folder);
	return 0;
}

/* ---- the folder as a whole ---- */

static char *trim(const char *dir)
{
	char *path = mem_strdup(dir);

	for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	return path;
}

int folder_open(const char *dir, const struct folder_ops *ops, void *arg,
		struct folder **ret_folder)
{
	struct folder *folder = mem_new(sizeof(*folder));
	const struct pathset_entry *failure;
	int err;

	folder->root = trim(dir);
	folder->ops = ops;
	folder->arg = arg;
	folder->parent_wd = -1;
	err = watches_init(&folder->watches);
	if (!err)
		sync_tree(folder, folder->root);
	failure = pathset_find(&folder->failures, folder->root);
	if (!err && failure)
		err = -(int)(failure->flags & ~FAILURE_UNREAD);
	if (!err && !watches_has(&folder->watches, folder->root))
		err = access(folder->root, F_OK) ? -errno : -ENOTDIR;
	if (err) {
		folder_close(folder);
		return err;
	}
	*ret_folder = folder;
	return 0;
}

void folder_close(struct folder *folder)
{
	if (!folder)
		return;
	for (size_t i = 0; i < folder->files.n; i++)
		folder->ops->removed(folder->arg, folder->files.items[i]->path,
				     folder->files.items[i]->data);
	watches_fini(&folder->watches);
	pathset_fini(&folder->files);
	pathset_fini(&folder->notes);
	pathset_fini(&folder->failures);
	free(folder->root);
	free(folder);
}

int folder_fd(const struct folder *folder)
{
	return folder->watches.fd;
}

void folder_each(const struct folder *folder, void (*fn)(void *arg, const char *path, void *data),
		 void *arg)
{
	for (size_t i = 0; i < folder->files.n; i++)
		fn(arg, folder->files.items[i]->path, folder->files.items[i]->data);
}

void folder_report(const struct folder *folder, struct diag_list *diags)
{
	for (size_t i = 0; i < folder->failures.n; i++) {
		const struct pathset_entry *failure = folder->failures.items[i];
		const char *reason = strerror((int)(failure->flags & ~FAILURE_UNREAD));

		if (failure->flags & FAILURE_UNREAD)
			diag_add(diags, DIAG_ERROR, failure->path, 0, "", "",
				 "the directory cannot be read: %s; what was read from it stays "
				 "in force",
				 reason);
		else
			diag_add(diags, DIAG_ERROR, failure->path, 0, "", "",
				 "the directory cannot be watched: %s", reason);
	}
}
