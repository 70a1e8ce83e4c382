/* SPDX-License-Identifier: Apache-2.0 */
/* What nftables, and iptables by way of it, have in this network namespace, asked by name. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * Is there the table, or with chain, which may be NULL, that chain of it? family is AF_INET or
 * AF_INET6. False also when the kernel has no nftables or does not let us see; needs
 * CAP_NET_ADMIN.
 */
bool nftables_has(uint8_t family, const char *table, const char *chain);
