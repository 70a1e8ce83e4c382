/* SPDX-License-Identifier: Apache-2.0 */
/* Which capabilities narud holds: as few as its work needs, from before it reads anything. */
#pragma once
#include <stdbool.h>

struct options;

/* What they allow. */
struct privileges {
	bool packets;	  /* serve Services: programs at devices and sockets */
	bool steering;	  /* lead connections to the proxy wherever they go */
	char missing[64]; /* names of those that packets would need, "" */
};

/* Gives up everything but what the two need, as far as it is there. -EPERM, logged. */
int privileges_reduce(struct privileges *ret_privileges);

/* Are Services served (--l4)? Says what is not, and why. -EPERM: they were to be. */
int privileges_choose(const struct privileges *have, const struct options *options, bool *ret_l4);

/* PERFMON serves the loading of programs only. */
void privileges_drop_perfmon(void);

/* Is there the right to become another user? */
bool privileges_may_switch(void);

/* For a child that may do nothing: gives up all of them, for good. -EPERM, logged. */
int privileges_drop_all(void);
