// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses as text and back. Decoders, compile and every view call it. Invariant: an IPv4
 * address has one form only, the v4-mapped one, so that comparing bytes compares addresses.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

int addr_family(const struct addr *addr)
{
	return memcmp(addr->byte, v4_prefix, sizeof(v4_prefix)) ? 6 : 4;
}

/* Of its own family: both :: and 0.0.0.0. */
bool addr_is_zero(const struct addr *addr)
{
	static const uint8_t zero[16];
	size_t skip = addr_family(addr) == 4 ? sizeof(v4_prefix) : 0;

	return !memcmp(addr->byte + skip, zero, sizeof(zero) - skip);
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t six[16] = { [15] = 1 };

	if (addr_family(addr) == 4)
		return addr->byte[sizeof(v4_prefix)] == 127;
	return !memcmp(addr->byte, six, sizeof(six));
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte));
}

int addr_rank(const void *a, const void *b)
{
	return addr_compare(a, b);
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr addr;

	/* inet_pton() takes neither leading zeros in IPv4 nor a zone in IPv6. */
	if (inet_pton(AF_INET, text, addr.byte + sizeof(v4_prefix)) == 1) {
		memcpy(addr.byte, v4_prefix, sizeof(v4_prefix));
	} else if (inet_pton(AF_INET6, text, addr.byte) != 1 || addr_family(&addr) == 4) {
		return -EINVAL;
	}
	*ret_addr = addr;
	return 0;
}

const char *addr_format(const struct addr *addr, char buf[static ADDR_STR_LEN])
{
	if (addr_family(addr) == 4)
		inet_ntop(AF_INET, addr->byte + sizeof(v4_prefix), buf, ADDR_STR_LEN);
	else
		inet_ntop(AF_INET6, addr->byte, buf, ADDR_STR_LEN);
	return buf;
}
