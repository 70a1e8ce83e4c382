// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.c calls it. Invariant: the file is opened once, before the fence (fence.h) shuts it off: a
 * narud that serves again after another one has it still.
 */
#include "daemon/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

int logfile_open(const char *where, int *ret_fd)
{
	int fd = -1;

	if (!strcmp(where, "-"))
		fd = STDOUT_FILENO;
	else if (strcmp(where, "off") != 0)
		fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			  0640);
	/* Waiting for a reader, narud would serve nothing. */
	if (fd < 0 && strcmp(where, "off") != 0 && errno == ENXIO)
		return log_err(-ENXIO, "--access-log %s: a pipe that nobody reads, or a socket",
			       where);
	if (fd < 0 && strcmp(where, "off") != 0)
		return log_err(-errno, "--access-log %s", where);
	*ret_fd = fd;
	return 0;
}

void logfile_close(int fd)
{
	if (fd > STDERR_FILENO)
		close(fd);
}
