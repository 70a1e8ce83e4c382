/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel does for a proxy from the moment on at which strangers' bytes may come in. */
#pragma once

/*
 * Before threads are started: none of them opens, makes or removes a file. What is open stays so.
 * Where the kernel has no Landlock, that is said, and no error. -errno.
 */
int sandbox_leave_files(void);

/*
 * Leaves a fixed list of system calls to all threads: others fail with EPERM, and starting or
 * tracing programs ends the process. No new thread can be started. -errno.
 */
int sandbox_enter(void);
