/* SPDX-License-Identifier: Apache-2.0 */
/* What the users of libmnl have in common: netlink.c, nftables.c and sockdiag.c. */
#pragma once
#include <stdint.h>

#include <libmnl/libmnl.h>

/* Calls back for each message of the answer to a request. -errno: also the kernel's. */
int netlink_answers(struct mnl_socket *nl, uint32_t seq, mnl_cb_t fn, void *arg);
