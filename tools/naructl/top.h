/* SPDX-License-Identifier: Apache-2.0 */
/* Which services are busy: rates over an interval. */
#pragma once
#include <stdbool.h>

struct top_options {
	const char *socket;
	bool json;
	unsigned interval_ms;
	unsigned rounds; /* 0: no end */
};

/* Returns the exit status. */
int top_run(const struct top_options *options);
