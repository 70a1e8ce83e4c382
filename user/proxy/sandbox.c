// SPDX-License-Identifier: Apache-2.0
/*
 * control.c calls it. Invariant: nothing that is left opens a file by its name, starts a program,
 * reaches into another process, or makes a socket that strangers could connect to.
 */
#include "proxy/sandbox.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "base/landlock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/syscalls.h"

static const char *const names[] = { "splice" };
static const int families[] = { AF_INET, AF_INET6, AF_UNIX };

int sandbox_leave_files(void)
{
	int r;

	/* libc reads the time zone's file with the first time of day that is made text. */
	tzset();
	r = landlock_restrict(NULL, 0, false);
	if (r != -EOPNOTSUPP)
		return r;
	log_info("the kernel has no Landlock: system calls alone are restricted");
	return 0;
}

int sandbox_enter(void)
{
	const struct syscalls keep = { names, ARRAY_SIZE(names), families, ARRAY_SIZE(families),
				       false };

	return syscalls_restrict(&keep);
}
