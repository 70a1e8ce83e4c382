/* SPDX-License-Identifier: Apache-2.0 */
/* narud's side of the kernel. */
#pragma once

struct daemon;

/*
 * Takes the kernel's side over, or takes it up again. With the rights for Gateways alone, a failure
 * leaves them to ordinary sockets. Gives CAP_PERFMON up. -errno, logged.
 */
int packets_open(struct daemon *daemon);
