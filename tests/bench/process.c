/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <cap-ng.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

void process_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void process_drop_privileges(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
			  CAP_PERFMON, -1) ||
	    capng_apply(CAPNG_SELECT_CAPS)) {
		fprintf(stderr, "cannot drop to CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON\n");
		exit(1);
	}
}
