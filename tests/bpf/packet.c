/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are laid down by offset, from the RFCs, not through the structs that the programs use. */
#include "packet.h"

#include <netinet/in.h>
#include <string.h>

#define ETH 14
#define TAG 4

static void put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, (uint16_t)value);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

uint16_t packet_sum(const uint8_t *data, size_t len, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* RFC 793, 768, 8200: over addresses, protocol, length and the segment. 0xffff when right. */
static uint16_t l4_sum(const uint8_t *ip, const uint8_t *l4, size_t len, uint8_t proto)
{
	const uint8_t *addresses = ip[0] >> 4 == 4 ? ip + 12 : ip + 8;
	size_t size = ip[0] >> 4 == 4 ? 8 : 32;
	uint32_t start = packet_sum(addresses, size, proto + (uint32_t)len);

	return packet_sum(l4, len, start);
}

/* RFC 9260, appendix A, with 0 in place of the sum itself; as it stands in the packet. */
static uint32_t sctp_sum(const uint8_t *l4, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : l4[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return __builtin_bswap32(~crc);
}

static size_t put_ip4(const struct packet *p, uint8_t *ip)
{
	size_t options = p->shape == OPTIONS ? 8 : 0;

	ip[0] = 0x45 + options / 4;
	if (!p->blank_id)
		packet_put16(ip + 4, p->id ? p->id : 0x1234);
	if (p->shape == FIRST_FRAGMENT)
		packet_put16(ip + 6, 0x2000);
	else
		packet_put16(ip + 6, p->shape == LATER_FRAGMENT ? 185 : p->blank_id ? 0 : 0x4000);
	ip[8] = p->ttl ? p->ttl : 64;
	ip[9] = p->proto;
	world_addr(p->src, AF_INET, ip + 12);
	world_addr(p->dst, AF_INET, ip + 16);
	memset(ip + 20, 1, options); /* no operation */
	return 20 + options;
}

static size_t put_options(const struct packet *p, uint8_t *ip, size_t n)
{
	uint8_t *ext = ip + 40;

	ip[6] = IPPROTO_DSTOPTS;
	for (size_t i = 0; i < n; i++, ext += 8) {
		memset(ext, 0, 8);
		ext[0] = i + 1 < n ? IPPROTO_DSTOPTS : p->proto;
		packet_put16(ext + 2, 0x0104); /* PadN over what is left */
	}
	return 40 + n * 8;
}

/* Hop-by-hop, destination options, and a routing header that has done its work. */
static size_t put_chain(const struct packet *p, uint8_t *ip)
{
	uint8_t *ext = ip + 40;

	memset(ext, 0, 40);
	ip[6] = IPPROTO_HOPOPTS;
	ext[0] = IPPROTO_DSTOPTS;
	packet_put16(ext + 2, 0x0104); /* PadN over what is left */
	ext[8] = IPPROTO_ROUTING;
	packet_put16(ext + 10, 0x0104);
	ext[16] = p->proto;
	ext[17] = 2; /* 24 bytes, one address */
	ext[18] = 2;
	ext[19] = p->shape == ROUTED; /* segments left */
	world_addr(CLIENT2, AF_INET6, ext + 24);
	return 80;
}

static size_t put_ip6(const struct packet *p, uint8_t *ip)
{
	uint8_t *ext = ip + 40;

	ip[0] = 0x60;
	ip[6] = p->proto;
	ip[7] = p->ttl ? p->ttl : 64;
	world_addr(p->src, AF_INET6, ip + 8);
	world_addr(p->dst, AF_INET6, ip + 24);
	switch (p->shape) {
	case CHAINED:
	case ROUTED:
		return put_chain(p, ip);
	case OPTIONS:
		return put_options(p, ip, 1);
	case DEEP:
		return put_options(p, ip, 7);
	case FIRST_FRAGMENT:
	case LATER_FRAGMENT:
		break;
	default:
		return 40;
	}
	memset(ext, 0, 8);
	ext[0] = p->proto;
	ip[6] = IPPROTO_FRAGMENT;
	packet_put16(ext + 2, p->shape == FIRST_FRAGMENT ? 1 : 185 << 3);
	put32(ext + 4, p->id ? p->id : 0x1234);
	return 48;
}

/* RFC 9260, 3.3: the chunk that says what the flags of TCP say. */
static uint8_t chunk_of(uint8_t tcp)
{
	switch (tcp) {
	case SYN:
		return 1;
	case SYN | ACK:
		return 2;
	case FIN | ACK:
		return 7;
	default:
		return tcp & RST ? 6 : 10;
	}
}

/* Common header, and a chunk of 20 bytes and the payload. */
static size_t put_sctp(const struct packet *p, uint8_t *l4)
{
	put32(l4 + 4, p->tcp == SYN ? 0 : 0xdecade01);
	l4[12] = chunk_of(p->tcp);
	packet_put16(l4 + 14, 20 + p->payload);
	put32(l4 + 16, p->seq);
	return 32;
}

static size_t put_l4(const struct packet *p, uint8_t *l4)
{
	packet_put16(l4, p->sport);
	packet_put16(l4 + 2, p->dport);
	if (p->proto == IPPROTO_UDP)
		return 8;
	if (p->proto == IPPROTO_SCTP)
		return put_sctp(p, l4);
	put32(l4 + 4, p->seq);
	put32(l4 + 8, p->ack);
	l4[12] = (uint8_t)((20 + p->options) / 4 << 4);
	l4[13] = p->tcp;
	packet_put16(l4 + 14, p->tcp & RST ? 0 : 64240);
	memset(l4 + 20, 1, p->options); /* no operation */
	return 20u + p->options;
}

static void put_eth(const struct packet *p, uint16_t type, uint8_t *frame)
{
	world_mac(p->to, frame);
	world_mac(p->from, frame + 6);
	packet_put16(frame + 12, type);
}

/* Lengths and check sums, once everything else is in place. */
static void finish(const struct packet *p, uint8_t *ip, size_t header, size_t segment)
{
	uint8_t *l4 = ip + header;
	uint16_t sum;

	if (ip[0] >> 4 == 4) {
		packet_put16(ip + 2, (uint16_t)(header + segment));
		packet_put16(ip + 10, (uint16_t)~packet_sum(ip, header, 0));
	} else {
		packet_put16(ip + 4, (uint16_t)(header - 40 + segment));
	}
	if (p->shape == LATER_FRAGMENT)
		return;
	if (p->proto == IPPROTO_TCP) {
		packet_put16(l4 + 16, (uint16_t)~l4_sum(ip, l4, segment, p->proto));
	} else if (p->proto == IPPROTO_UDP) {
		packet_put16(l4 + 4, (uint16_t)segment);
		sum = (uint16_t)~l4_sum(ip, l4, segment, p->proto);
		if (!p->unsummed) /* 0 stands for "none" */
			packet_put16(l4 + 6, sum ? sum : 0xffff);
	} else if (p->proto == IPPROTO_SCTP) {
		put32(l4 + 8, sctp_sum(l4, segment));
	}
}

size_t packet_build(const struct packet *p, int family, uint8_t *ret_frame)
{
	bool tagged = p->shape == TAGGED || p->shape == STACKED;
	size_t link = tagged ? ETH + TAG : ETH, header, segment;
	uint8_t *ip = ret_frame + link;
	uint16_t type = family == AF_INET ? 0x0800 : 0x86dd;

	memset(ret_frame, 0, PACKET_MAX);
	put_eth(p, p->shape == STRANGE ? 0x88b5 : type, ret_frame);
	if (tagged) {
		packet_put16(ret_frame + 12, p->shape == TAGGED ? 0x8100 : 0x88a8);
		packet_put16(ret_frame + 14, 7);
		packet_put16(ret_frame + 16, type);
	}
	header = family == AF_INET ? put_ip4(p, ip) : put_ip6(p, ip);
	segment = put_l4(p, ip + header);
	for (size_t i = 0; i < p->payload; i++)
		ip[header + segment + i] = (uint8_t)(i * 7 + 1);
	if (p->payload >= 2 && p->mark)
		packet_put16(ip + header + segment, p->mark);
	segment += p->payload;
	finish(p, ip, header, segment);
	return link + header + segment + p->padding;
}

size_t packet_error(const struct packet *outer, int family, const struct complaint *c,
		    uint8_t *ret_frame)
{
	static const uint8_t types[][2][2] = {
		[PORT_CLOSED] = { { 3, 3 }, { 1, 4 } },	 [TOO_BIG] = { { 3, 4 }, { 2, 0 } },
		[EXPIRED] = { { 11, 0 }, { 3, 0 } },	 [PARAMETER] = { { 12, 0 }, { 4, 1 } },
		[REDIRECTED] = { { 5, 1 }, { 137, 0 } },
	};
	const uint8_t *type = types[c->kind][family == AF_INET6];
	struct packet p = *outer;
	uint8_t *ip = ret_frame + ETH, *icmp;
	size_t header;
	uint16_t sum;

	p.proto = family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	memset(ret_frame, 0, PACKET_MAX);
	put_eth(&p, family == AF_INET ? 0x0800 : 0x86dd, ret_frame);
	header = family == AF_INET ? put_ip4(&p, ip) : put_ip6(&p, ip);
	icmp = ip + header;
	memcpy(icmp, type, 2);
	put32(icmp + 4, c->word);
	memcpy(icmp + 8, c->about + ETH, c->quoted);
	finish(&p, ip, header, 8 + c->quoted);
	sum = family == AF_INET ? packet_sum(icmp, 8 + c->quoted, 0)
				: l4_sum(ip, icmp, 8 + c->quoted, IPPROTO_ICMPV6);
	packet_put16(icmp + 2, (uint16_t)~sum);
	return ETH + header + 8 + c->quoted;
}

size_t packet_l4(const uint8_t *frame)
{
	size_t at = ETH + 40;
	uint8_t next = frame[20];

	if (frame[12] == 0x08)
		return ETH + (frame[14] & 15) * 4u;
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_FRAGMENT) {
		next = frame[at];
		at += 8 + frame[at + 1] * 8u;
	}
	return at;
}

const char *packet_wrong_sum(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETH, *l4 = frame + packet_l4(frame);
	bool v4 = packet_get16(frame + 12) == 0x0800;
	uint8_t proto = v4 ? ip[9] : ip[6];
	size_t segment = len - (size_t)(l4 - frame);

	if (v4 && packet_sum(ip, (size_t)(l4 - ip), 0) != 0xffff)
		return "IPv4 header";
	if (v4 && packet_get16(ip + 2) != len - ETH)
		return "IPv4 total length";
	if (!v4 && packet_get16(ip + 4) != len - ETH - 40)
		return "IPv6 payload length";
	if (v4 && packet_get16(ip + 6) & 0x3fff)
		return NULL; /* a piece of what the sum is over */
	switch (proto) {
	case IPPROTO_ICMP:
		return packet_sum(l4, segment, 0) == 0xffff ? NULL : "ICMP";
	case IPPROTO_TCP:
		return l4_sum(ip, l4, segment, proto) == 0xffff ? NULL : "TCP";
	case IPPROTO_UDP:
		return l4_sum(ip, l4, segment, proto) == 0xffff ? NULL : "UDP";
	case IPPROTO_SCTP:
		return get32(l4 + 8) == sctp_sum(l4, segment) ? NULL : "SCTP";
	case IPPROTO_ICMPV6:
		return l4_sum(ip, l4, segment, proto) == 0xffff ? NULL : "ICMPv6";
	default:
		return NULL;
	}
}
