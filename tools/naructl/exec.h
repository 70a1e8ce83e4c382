/* SPDX-License-Identifier: Apache-2.0 */
/* Other people's tools, which know their own state best. */
#pragma once
#include "base/str.h"

/* Run a program of PATH to its end, without a shell, and return its exit status; -ENOENT when there
 * is no such program, or -errno. */

/* Collects what it prints; its complaints are thrown away. */
int exec_read(const char *const *argv, struct str *ret_output);
/* With that as its standard input, NULL: none; output and complaints go where ours go. */
int exec_run(const char *const *argv, const struct str *input);

/* What these returned, if not 0, in words that follow the program's name. */
const char *exec_problem(int r);

/* Calls fn for each line of what has been read. */
void exec_each_line(const struct str *text, void (*fn)(void *arg, const char *line), void *arg);
