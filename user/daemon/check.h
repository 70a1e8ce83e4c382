/* SPDX-License-Identifier: Apache-2.0 */
/* narud --check: what would be served, and what is wrong with the objects. */
#pragma once

struct options;

/* Reads, compiles and prints. -EBADMSG: there are errors, which were told. */
int check_run(const struct options *options, const char *node_name);
