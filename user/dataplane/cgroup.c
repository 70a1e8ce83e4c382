/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a cgroup namespace (any container) a mount of cgroup2 shows the container's own subtree
 * under the name "/". Attached there, socket programs would see that container alone and look as
 * if they worked; so a tree whose top is not inode 1, the real root's, has to be named by the user.
 */
#include "dataplane/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

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
