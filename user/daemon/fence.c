// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.c calls it. Invariants: no program is started from here on (the launcher is a process of
 * its own, older than this), and a library that asks for more gets an error, not the end of narud.
 */
#include "daemon/fence.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/landlock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/syscalls.h"
#include "bgp/engine.h"
#include "daemon/options.h"
#include "daemon/source.h"

/* ---- files --------------------------------------------------------------------------------- */

struct fence {
	struct landlock_path *paths;
	size_t n, cap;
};

static void add(struct fence *fence, char *path, bool write)
{
	fence->paths = mem_grow(fence->paths, fence->n, &fence->cap, sizeof(*fence->paths));
	fence->paths[fence->n++] = (struct landlock_path){
		.path = path,
		.write = write,
	};
}

static void fini(struct fence *fence)
{
	for (size_t i = 0; i < fence->n; i++)
		free((char *)fence->paths[i].path);
	free(fence->paths);
}

/* libbpf opens it for the descriptor of each map that it takes over. */
static void list_root(struct fence *fence)
{
	add(fence, mem_strdup("/"), false);
	fence->paths[fence->n - 1].list = true;
}

/* Its folder, since files are replaced by new ones under the same name. */
static void add_folder_of(struct fence *fence, const char *file, bool write)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(file);

	add(fence, mem_strdup(dirname(copy)), write);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Of a file the folder that it is in, also where its name leads to; and what is there of the way to
 * it, if that is not whole yet. */
static void read_around(void *arg, const char *path)
{
	_cleanup_(mem_freep) char *real = realpath(path, NULL);
	_cleanup_(mem_freep) char *copy = mem_strdup(path);
	char *folder = copy;

	while (!is_folder(folder) && folder[1])
		folder = dirname(folder);
	add(arg, mem_strdup(folder), false);
	if (real && folder != copy)
		add_folder_of(arg, real, false);
}

/* Waiting: programs are still to be loaded, and a narud that hangs may have to be ended. */
static int restrict_to(const struct options *options, const char *pins, bool waiting)
{
	struct fence fence = { 0 };
	int r;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* What they report is not worth the loss. */
	return 0;
#endif
	add(&fence, mem_strdup("/proc"), false);
	add(&fence, mem_strdup("/sys"), false);
	add(&fence, mem_strdup(options->cgroup), false);
	add(&fence, mem_strdup(options->run_dir), true);
	if (*options->proxy_dir)
		add(&fence, mem_strdup(options->proxy_dir), true);
	if (pins)
		add(&fence, mem_strdup(pins), true);
	if (*options->last_state)
		add_folder_of(&fence, options->last_state, true);
	if (options->bgp_engine == ENGINE_BIRD)
		add_folder_of(&fence, *options->bgp_file ? options->bgp_file : ENGINE_BIRD_FILE,
			      true);
	if (waiting)
		list_root(&fence);
	source_reads(options, read_around, &fence);
	/* libc reads the time zone's file with the first time of day that is made text. */
	tzset();
	r = landlock_restrict(fence.paths, fence.n, waiting);
	fini(&fence);
	if (r == -EOPNOTSUPP) {
		log_info("the kernel has no Landlock: narud keeps its user's access to files");
		return 0;
	}
	return r < 0 ? log_err(r, "landlock") : 0;
}

int fence_files(const struct options *options, bool pinned)
{
	_cleanup_(mem_freep) char *pins = mem_printf("%s/" NARU_PIN_SUBDIR, options->bpffs);

	return restrict_to(options, pinned ? pins : NULL, false);
}

/* The other one has pinned what there is, or this one will be the first to. */
int fence_waiting(const struct options *options)
{
	_cleanup_(mem_freep) char *pins = mem_printf("%s/" NARU_PIN_SUBDIR, options->bpffs);

	return restrict_to(options, is_folder(pins) ? pins : options->bpffs, true);
}

/* ---- system calls -------------------------------------------------------------------------- */

static const char *const names[] = {
	/* the kernel's side */
	"bpf",
	/* names of servers are looked up */
	"recvmmsg",
	"sendmmsg",
	/* sockets that others connect to */
	"bind",
	"listen",
	/* files */
	"access",
	"chmod",
	"faccessat",
	"faccessat2",
	"fchmod",
	"fchmodat",
	"fchown",
	"fdatasync",
	"flock",
	"fstatfs",
	"fsync",
	"getcwd",
	"getdents64",
	"inotify_add_watch",
	"inotify_init1",
	"inotify_rm_watch",
	"lstat",
	"mkdir",
	"mkdirat",
	"open",
	"openat",
	"pwrite64",
	"readlink",
	"readlinkat",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"unlink",
	"unlinkat",
	/* the launcher's end; threads that look up names */
	"capget",
	"prctl",
	"prlimit64",
	"wait4",
};
static const int families[] = { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX };

int fence_calls(void)
{
	const struct syscalls keep = { names, ARRAY_SIZE(names), families, ARRAY_SIZE(families),
				       true };
	int r = syscalls_restrict(&keep);

	return r < 0 ? log_err(r, "seccomp") : 0;
}
