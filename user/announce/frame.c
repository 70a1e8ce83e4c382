// SPDX-License-Identifier: Apache-2.0
/* Byte by byte, since nothing of it is ever read here: bpf/lib/announce.h looks at the marks. */
#include "announce/frame.h"

#include <string.h>

#include <naru/limits.h>

static const char mark4[4] = NARU_MARK_ARP, mark6[4] = NARU_MARK_ND;

static void put32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

/* A request that asks for what it says: every machine that knows the address takes it in. */
static size_t announce4(const struct addr *addr, const uint8_t mac[6], uint32_t node, uint8_t *buf)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(buf, 0xff, 6);
	memcpy(buf + 6, mac, 6);
	memcpy(buf + 12, head, sizeof(head));
	memcpy(buf + 22, mac, 6);
	memcpy(buf + 28, addr->byte + 12, 4);
	memcpy(buf + 38, addr->byte + 12, 4);
	memcpy(buf + 42, mark4, sizeof(mark4));
	put32(buf + 46, node);
	return 60;
}

/* RFC 1071, over what has an even length. */
static uint16_t check_sum(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#define ND_LEN 40 /* with two options */

static size_t announce6(const struct addr *addr, const uint8_t mac[6], uint32_t node, uint8_t *buf)
{
	static const uint8_t all_macs[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t head[] = { 0x86, 0xdd, 0x60, 0, 0, 0, 0, ND_LEN, 58, 255 };
	uint8_t *ip = buf + 14, *nd = buf + 54;
	uint16_t sum;

	memcpy(buf, all_macs, 6);
	memcpy(buf + 6, mac, 6);
	memcpy(buf + 12, head, sizeof(head));
	memcpy(ip + 8, addr->byte, 16);
	ip[24] = 0xff;
	ip[25] = 2;
	ip[39] = 1;
	nd[0] = 136;
	nd[4] = 0x20; /* override */
	memcpy(nd + 8, addr->byte, 16);
	nd[24] = 2; /* the link address */
	nd[25] = 1;
	memcpy(nd + 26, mac, 6);
	memcpy(nd + 32, mark6, sizeof(mark6));
	put32(nd + 36, node);
	sum = check_sum(ip + 8, 32 + ND_LEN, ND_LEN + 58);
	nd[2] = (uint8_t)(sum >> 8);
	nd[3] = (uint8_t)sum;
	return 54 + ND_LEN;
}

size_t frame_announce(const struct addr *addr, const uint8_t mac[6], uint32_t node,
		      uint8_t buf[static FRAME_MAX])
{
	memset(buf, 0, FRAME_MAX);
	return addr_family(addr) == 4 ? announce4(addr, mac, node, buf)
				      : announce6(addr, mac, node, buf);
}
