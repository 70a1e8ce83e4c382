/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread of naru-proxy: does what narud says, tells narud how it goes. Without narud it
 * goes on as it is and tries to connect again, keeping a copy of every listening socket, so that
 * the next narud can have them.
 */
#pragma once

struct control_config {
	const char *run_dir;
	const char *version;
};

/*
 * Until narud or SIGTERM has told it to end and everything under way is done; a second SIGTERM ends
 * it at once. 0, or -errno, logged.
 */
int control_run(const struct control_config *config);
