/* SPDX-License-Identifier: Apache-2.0 */
/* Where would this packet go, and why. */
#pragma once
#include <stdbool.h>

struct why_options {
	const char *bpffs;
	const char *source; /* ADDR or ADDR:PORT */
	const char *target; /* ADDR:PORT[/PROTO] */
	const char *from;   /* NULL: by the route to the source */
	bool json;
};

/* Returns the exit status; 2 for words that are not understood. */
int why_run(const struct why_options *options);
