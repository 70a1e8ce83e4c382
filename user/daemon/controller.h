/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A narud that serves nothing (--role controller): it reads objects, judges them as every narud
 * does, and writes statuses when it leads. The kernel's side, proxies and other nodes are none of
 * its business, and it holds no capability.
 */
#pragma once

struct options;

/* name is its own among others that may lead. Until SIGTERM or SIGINT: 0, or -errno, logged. */
int controller_run(const struct options *options, const char *name);
