/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints as both halves of the plan hold them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct plan_endpoint {
	struct addr addr;
	uint16_t port;
	bool local; /* on this node */
};

/* Endpoints sorted by address, then port: the identity that Maglev's table is a function of. */
struct plan_set {
	struct plan_endpoint *endpoints;
	size_t n;
};
