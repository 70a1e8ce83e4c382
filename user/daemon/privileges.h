/* SPDX-License-Identifier: Apache-2.0 */
/* Which capabilities narud holds: as few as its work needs, from before it reads anything. */
#pragma once
#include <stdbool.h>

/*
 * Gives up everything but what the packet path needs (kernel: BPF, NET_ADMIN, PERFMON), or
 * everything. -EPERM, with a log line that names them, when one of these is not there to keep.
 */
int privileges_reduce(bool kernel);

/* PERFMON serves the loading of programs only. */
void privileges_drop_perfmon(void);
