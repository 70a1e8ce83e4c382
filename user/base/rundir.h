/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of naru's sockets, the same rule for narud, naru-proxy and naructl. */
#pragma once

/* What --help says about it. */
#define RUNDIR_HELP                                                                                \
	"; without it /run/naru, for ordinary users $XDG_RUNTIME_DIR/naru or /tmp/naru-UID"

/* A new string, to be freed: what holds when nothing was given. */
char *rundir_default(void);

/*
 * Makes it if it is not there: open to all for root, since the proxy's user has to reach a socket
 * in it, otherwise for the user alone. -EEXIST: what is there is no folder of this user's.
 */
int rundir_make(const char *dir);
