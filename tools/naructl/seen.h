/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that show what goes on: flows and observe. Each returns the exit status. */
#pragma once
#include <stdbool.h>

struct seen_options {
	const char *socket;
	bool json;
	/* Handed to narud as they are; NULL: any. */
	const char *service, *client, *backend, *proto, *event, *limit;
};

int seen_flows(const struct seen_options *options);
int seen_observe(const struct seen_options *options);
