/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a cgroup namespace (any container) a mount of cgroup2 shows the container's own subtree
 * under the name "/". Attached there, socket programs would see that container alone and look as
 * if they worked; so a tree whose top is not inode 1, the real root's, has to be named by the user.
 */
#include "dataplane/cgroup.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/mem.h"

#define ROOT_INODE 1

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; out++) {
		unsigned byte;

		if (*text == '\\' && sscanf(text + 1, "%3o", &byte) == 1 && strlen(text) >= 4) {
			*out = (char)byte;
			text += 4;
		} else {
			*out = *text++;
		}
	}
	*out = '\0';
}

/* Fields: id parent major:minor root mountpoint options [optional…] - type source options. */
static bool parse_line(char *line, char **ret_dir)
{
	char *save = NULL, *root = NULL, *dir = NULL, *type = strstr(line, " - ");
	int field = 0;

	if (!type)
		return false;
	*type = '\0';
	type += 3;
	type[strcspn(type, " ")] = '\0';
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		field++;
		if (field == 4)
			root = word;
		else if (field == 5)
			dir = word;
	}
	if (!dir || strcmp(root, "/") || strcmp(type, "cgroup2"))
		return false;
	unescape(dir);
	*ret_dir = dir;
	return true;
}

int cgroup_find_mount(FILE *mountinfo, char **ret_dir)
{
	_cleanup_(mem_freep) char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, mountinfo) >= 0) {
		char *dir;

		if (!parse_line(line, &dir))
			continue;
		*ret_dir = mem_strdup(dir);
		return 0;
	}
	return -ENOENT;
}

static int find(char **ret_dir)
{
	FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	int r;

	if (!mountinfo)
		return -errno;
	r = cgroup_find_mount(mountinfo, ret_dir);
	fclose(mountinfo);
	return r;
}

/* ---- pods ---- */

/* Runtimes put containers below pods; nothing of kubelet's lies deeper. */
#define DEPTH_MAX 10

/* The slices above a pod's may have "-pod" in their names, too; a UID has no dash here. */
static const char *find_last(const char *name, const char *what)
{
	const char *found = NULL;

	while ((name = strstr(name, what))) {
		name += strlen(what);
		found = name;
	}
	return found;
}

bool cgroup_pod_uid(const char *name, char ret_uid[static CGROUP_UID_LEN])
{
	static const char slice[] = ".slice";
	const char *uid = !strncmp(name, "pod", 3) ? name + 3 : NULL;
	size_t len = strlen(name);

	if (len > strlen(slice) && !strcmp(name + len - strlen(slice), slice)) {
		len -= strlen(slice);
		uid = find_last(name, "-pod");
	}
	if (!uid || uid >= name + len)
		return false;
	len -= (size_t)(uid - name);
	if (len >= CGROUP_UID_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		ret_uid[i] = uid[i] == '_' ? '-' : uid[i];
	ret_uid[len] = '\0';
	return true;
}

static bool is_directory(int fd, const struct dirent *entry, uint64_t *ret_id)
{
	struct stat st;

	if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
	    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		return false;
	*ret_id = st.st_ino;
	return true;
}

/* Takes the descriptor over. What goes while we look is as good as gone before. */
static void walk_pods(int fd, int depth, cgroup_pod_fn fn, void *arg)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char uid[CGROUP_UID_LEN];
	uint64_t id;

	if (!dir) {
		mem_closep(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (!is_directory(fd, entry, &id))
			continue;
		if (cgroup_pod_uid(entry->d_name, uid) && fn(arg, uid, id))
			continue;
		if (depth < DEPTH_MAX)
			walk_pods(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				  depth + 1, fn, arg);
	}
	closedir(dir);
}

int cgroup_each_pod(const char *dir, cgroup_pod_fn fn, void *arg)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	walk_pods(fd, 0, fn, arg);
	return 0;
}

/* ---- the tree ---- */

int cgroup_open(const char *named, int *ret_fd, char **ret_dir)
{
	_cleanup_(mem_freep) char *dir = named ? mem_strdup(named) : NULL;
	_cleanup_(mem_closep) int fd = -1;
	struct statfs fs;
	struct stat st;
	int r = dir ? 0 : find(&dir);

	if (r)
		return r;
	assert(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) || fstat(fd, &st))
		return -errno;
	if ((unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC)
		return -ENOTDIR;
	if (!named && st.st_ino != ROOT_INODE)
		return -EXDEV;
	*ret_fd = TAKE_FD(fd);
	*ret_dir = TAKE_PTR(dir);
	return 0;
}
