// SPDX-License-Identifier: Apache-2.0
/* The times that hold unless a test asks for others. */
#include "proxy/times.h"

const struct times times_default = {
	.handshake_ms = 10000,
	.head_ms = 10000,
	.keep_alive_ms = 60000,
	.body_ms = 60000,
	.stream_ms = 300000,
	.continue_ms = 1000,
	.linger_ms = 2000,
	.pause_ms = 100,
	.shed_ms = 1000,
	.quiet_ms = 1000,
};
