/* SPDX-License-Identifier: Apache-2.0 */
/* How many CPUs this process may keep busy. */
#pragma once

/* Of its affinity, and not more than its cgroups' quotas allow, rounded up. At least 1. */
unsigned cpus_available(void);

/* CPUs by the text of cgroup 2's cpu.max, "200000 100000" or "max 100000"; 0: no limit. */
unsigned cpus_of_quota(const char *text);
