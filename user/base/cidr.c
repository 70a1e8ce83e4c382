// SPDX-License-Identifier: Apache-2.0
/*
 * Prefixes as text and back. Invariant: bits beyond the length are zero, so that equal prefixes
 * are equal bytes.
 */
#include "base/cidr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Length of the v4-mapped part of an IPv4 prefix. */
#define V4_BITS 96

/* Decimal without sign, blanks or leading zeros: as Kubernetes' netutils take it. */
static int parse_len(const char *text, unsigned max, unsigned *ret_len)
{
	unsigned len = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		len = len * 10 + (unsigned)(*text - '0');
		if (len > max)
			return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

static void clear_beyond(struct cidr *cidr)
{
	for (unsigned i = 0; i < sizeof(cidr->addr.byte); i++) {
		if (i * 8 >= cidr->len)
			cidr->addr.byte[i] = 0;
		else if (i * 8 + 8 > cidr->len)
			cidr->addr.byte[i] &= (uint8_t)(0xff << (i * 8 + 8 - cidr->len));
	}
}

int cidr_parse(const char *text, struct cidr *ret_cidr)
{
	const char *slash = strchr(text, '/');
	char host[ADDR_STR_LEN];
	struct cidr cidr;
	unsigned len;
	bool v4;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (addr_parse(host, &cidr.addr))
		return -EINVAL;
	v4 = addr_family(&cidr.addr) == 4;
	if (parse_len(slash + 1, v4 ? 32 : 128, &len))
		return -EINVAL;
	cidr.len = (uint8_t)(len + (v4 ? V4_BITS : 0));
	clear_beyond(&cidr);
	*ret_cidr = cidr;
	return 0;
}

const char *cidr_format(const struct cidr *cidr, char buf[static ADDR_STR_LEN])
{
	bool v4 = cidr->len >= V4_BITS && addr_family(&cidr->addr) == 4;
	size_t used;

	addr_format(&cidr->addr, buf);
	used = strlen(buf);
	snprintf(buf + used, ADDR_STR_LEN - used, "/%u", cidr->len - (v4 ? V4_BITS : 0u));
	return buf;
}

bool cidr_contains(const struct cidr *cidr, const struct addr *addr)
{
	unsigned whole = cidr->len / 8, rest = cidr->len % 8;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));

	/* An IPv6 prefix short enough to cover ::ffff:0:0/96 does not cover IPv4. */
	if ((cidr->len < V4_BITS || addr_family(&cidr->addr) == 6) && addr_family(addr) == 4)
		return false;
	if (memcmp(cidr->addr.byte, addr->byte, whole))
		return false;
	return !rest || ((cidr->addr.byte[whole] ^ addr->byte[whole]) & mask) == 0;
}
