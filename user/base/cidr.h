/* SPDX-License-Identifier: Apache-2.0 */
/* An IP prefix of either family. */
#pragma once
#include "base/addr.h"

struct cidr {
	struct addr addr;
	uint8_t len; /* of 128: an IPv4 /24 is 120 */
};

/* "10.0.0.0/8", "fd00::/64". Bits beyond the length are cleared. -EINVAL. */
int cidr_parse(const char *text, struct cidr *ret_cidr);
/* Returns buf. */
const char *cidr_format(const struct cidr *cidr, char buf[static ADDR_STR_LEN]);
bool cidr_contains(const struct cidr *cidr, const struct addr *addr);
