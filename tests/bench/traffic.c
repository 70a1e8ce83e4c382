/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include <naru/abi.h>

#include "../bpf/flows.h"
#include "../bpf/node.h"
#include "../bpf/packet.h"

#define ENDPOINTS  96 /* so that a million flows find source ports */
#define BLOCKS	   (ENDPOINTS / NARU_LIST_SLOTS)
#define FIRST_ID   5000
#define FIRST_LIST 5000
#define FIRST_LUT  5000
#define LUT_LEN	   1601 /* prime */

static void put(const char *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(node_map(map), key, value, BPF_ANY)) {
		perror(map);
		exit(1);
	}
}

static void add_filter_bits(void)
{
	static struct naru_filter filter;
	uint32_t zero = 0;

	bpf_map_lookup_elem(node_map("filter"), &zero, &filter);
	filter.front.ports[0][TRAFFIC_PORT / 32] |= 1u << TRAFFIC_PORT % 32;
	put("filter", &zero, &filter);
}

static void add_endpoints(int family, uint32_t first_id, uint32_t first_block)
{
	struct naru_list_block list;

	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		struct naru_endpoint ep = { .port = NODE_EP_PORT, .proto = NARU_TCP };
		uint32_t id = first_id + i, block = first_block + i / NARU_LIST_SLOTS;

		world_mapped(REMOTE, family, ep.addr);
		ep.addr[15] = (uint8_t)(16 + i);
		list.id[i % NARU_LIST_SLOTS] = id;
		put("endpoint", &id, &ep);
		if (i % NARU_LIST_SLOTS == NARU_LIST_SLOTS - 1)
			put("ep_list", &block, &list);
	}
}

static void add_table(void)
{
	struct naru_lut_block block;

	for (uint32_t slot = 0; slot < LUT_LEN; slot += NARU_LUT_SLOTS) {
		uint32_t at = FIRST_LUT + slot / NARU_LUT_SLOTS;

		for (uint32_t i = 0; i < NARU_LUT_SLOTS; i++)
			block.index[i] = (uint16_t)((slot + i) % ENDPOINTS);
		put("lut", &at, &block);
	}
}

void traffic_add_service(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	add_filter_bits();
	add_table();
	for (uint32_t i = 0; i < 2; i++) {
		struct naru_svc_key key = { .port = TRAFFIC_PORT,
					    .proto = NARU_TCP,
					    .family = i ? 6 : 4 };
		struct naru_svc value = { .id = FIRST_ID + i, .kind = NARU_CLUSTER_IP };

		add_endpoints(families[i], FIRST_ID + i * ENDPOINTS, FIRST_LIST + i * BLOCKS);
		world_mapped(VIP, families[i], key.addr);
		value.external = (struct naru_set){
			.count = ENDPOINTS,
			.list = FIRST_LIST + i * BLOCKS,
			.lut = FIRST_LUT,
			.lut_len = LUT_LEN,
		};
		value.internal = value.external;
		put("svc", &key, &value);
	}
}

size_t traffic_frame(int family, uint8_t flags, uint8_t *ret_frame)
{
	uint8_t frame[PACKET_MAX];
	struct packet p = {
		.src = CLIENT,
		.dst = VIP,
		.sport = 40000,
		.dport = TRAFFIC_PORT,
		.proto = IPPROTO_TCP,
		.tcp = flags,
		.from = GATEWAY,
		.to = NIC0_MAC,
		.payload = family == AF_INET ? COST_FRAME4 - 54 : COST_FRAME6 - 74,
	};
	size_t len = packet_build(&p, family, frame);

	memcpy(ret_frame, frame, len);
	return len;
}

void traffic_requests(int family, size_t first, size_t n, struct cost_packet *ret_list)
{
	uint32_t base = (family == AF_INET ? 0x64400000 : 0) + (uint32_t)first;

	memset(ret_list, 0, n * sizeof(*ret_list));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t low = htonl(base + i);

		if (family == AF_INET6)
			world_addr(CLIENT, family, ret_list[i].saddr);
		memcpy(ret_list[i].saddr + (family == AF_INET ? 0 : 12), &low, 4);
		world_addr(VIP, family, ret_list[i].daddr);
		ret_list[i].sport = htons(40000);
		ret_list[i].dport = htons(TRAFFIC_PORT);
	}
}

/* An entry of the reply direction, keyed by what the answer looks like. */
static size_t is_answer(int family, const void *key, const void *value,
			struct cost_packet *ret_packet)
{
	const struct naru_flow4_key *key4 = key;
	const struct naru_flow6_key *key6 = key;
	const struct naru_flow *f = family == AF_INET ? &((const struct naru_flow4 *)value)->f
						      : &((const struct naru_flow6 *)value)->f;

	memset(ret_packet, 0, sizeof(*ret_packet));
	memcpy(ret_packet->saddr, family == AF_INET ? key4->saddr : key6->saddr,
	       family == AF_INET ? 4 : 16);
	memcpy(ret_packet->daddr, family == AF_INET ? key4->daddr : key6->daddr,
	       family == AF_INET ? 4 : 16);
	ret_packet->sport = htons(family == AF_INET ? key4->sport : key6->sport);
	ret_packet->dport = htons(family == AF_INET ? key4->dport : key6->dport);
	return f->flags & NARU_F_REPLY ? 1 : 0;
}

size_t traffic_answers(int family, size_t max, struct cost_packet *ret_list)
{
	size_t all = flows_count(family), n = 0;
	struct flow_copy *copies = calloc(all + 1, sizeof(*copies));

	all = flows_all(family, 0, copies, all);
	for (size_t i = 0; i < all && n < max; i++)
		n += is_answer(family, copies[i].key, copies[i].value, &ret_list[n]);
	free(copies);
	return n;
}

static void sum_up(int family, const uint8_t *template, struct cost_packet *p)
{
	size_t len = family == AF_INET ? COST_FRAME4 : COST_FRAME6,
	       size = family == AF_INET ? 4 : 16;
	uint8_t frame[COST_FRAME6], *ip = frame + 14;
	uint8_t *src = ip + (family == AF_INET ? 12 : 8), *l4 = ip + (family == AF_INET ? 20 : 40);
	uint32_t start = IPPROTO_TCP + (uint32_t)(len - (size_t)(l4 - frame));

	memcpy(frame, template, len);
	memcpy(src, p->saddr, size);
	memcpy(src + size, p->daddr, size);
	memcpy(l4, &p->sport, 2);
	memcpy(l4 + 2, &p->dport, 2);
	packet_put16(l4 + 16, 0);
	p->l4_check = htons((uint16_t)~packet_sum(l4, len - (size_t)(l4 - frame),
						  packet_sum(src, 2 * size, start)));
	if (family == AF_INET6)
		return;
	packet_put16(ip + 10, 0);
	p->ip_check = htons((uint16_t)~packet_sum(ip, 20, 0));
}

void traffic_finish(int family, const uint8_t *frame, struct cost_packet *list, size_t n)
{
	srandom(1);
	for (size_t i = 0; i < n; i++)
		sum_up(family, frame, &list[i]);
	for (size_t left = n; left > 1; left--) {
		size_t k = (size_t)random() % left;
		struct cost_packet other = list[k];

		list[k] = list[left - 1];
		list[left - 1] = other;
	}
}

void traffic_clear(int fd, size_t key_size, size_t value_size)
{
	const uint32_t batch = 8192;
	void *keys = calloc(batch, key_size), *values = calloc(batch, value_size);
	uint32_t at, n;
	int r;

	do {
		uint32_t *from = NULL;

		do {
			n = batch;
			r = bpf_map_lookup_and_delete_batch(fd, from, &at, keys, values, &n, NULL);
			from = &at;
		} while (!r);
	} while (!bpf_map_get_next_key(fd, NULL, keys));
	free(values);
	free(keys);
}
