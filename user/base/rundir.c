// SPDX-License-Identifier: Apache-2.0
/*
 * The mains, naructl and daemon/ call it. Invariant: an ordinary user's sockets are never made in a
 * folder that somebody else has prepared in /tmp.
 */
#include "base/rundir.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/mem.h"

char *rundir_default(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (!geteuid())
		return mem_strdup(NARU_RUN_DIR);
	if (runtime && *runtime == '/')
		return mem_printf("%s/naru", runtime);
	return mem_printf("/tmp/naru-%u", (unsigned)geteuid());
}

int rundir_make(const char *dir)
{
	struct stat st;

	if (!mkdir(dir, geteuid() ? 0700 : 0755))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(dir, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -EEXIST;
	/* Whoever else may write there could put a socket in the place of ours. */
	return st.st_uid != geteuid() && st.st_uid && geteuid() ? -EEXIST : 0;
}
