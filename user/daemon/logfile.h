/* SPDX-License-Identifier: Apache-2.0 */
/* Where the proxy's access log goes (--access-log). daemon.c has it for as long as it runs. */
#pragma once

/* "-": standard output; "off": -1; else a file, which is made. Logs what fails: -errno. */
int logfile_open(const char *where, int *ret_fd);
/* Standard output stays; -1 is legal. */
void logfile_close(int fd);
