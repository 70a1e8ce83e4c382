/* SPDX-License-Identifier: Apache-2.0 */
/* Writes in narud's order: filter, endpoints, lists, tables, names, services. */
#include "node_services.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "node.h"

#define ENDPOINTS_MAX 4

struct row {
	enum host vip; /* NOBODY: any address of the node */
	uint16_t port;
	enum naru_frontend_kind kind;
	enum host external[ENDPOINTS_MAX];
	enum host internal[ENDPOINTS_MAX]; /* the same when empty */
	enum naru_on_empty on_empty;
};

static const struct row rows[] = {
	{ VIP, PORT_LOCAL, NARU_CLUSTER_IP, { POD }, {}, NARU_REJECT },
	{ VIP2, PORT_LOCAL, NARU_CLUSTER_IP, { POD }, {}, NARU_REJECT },
	{ VIP, PORT_REMOTE, NARU_CLUSTER_IP, { REMOTE }, {}, NARU_REJECT },
	{ VIP2, PORT_REMOTE, NARU_CLUSTER_IP, { REMOTE }, {}, NARU_REJECT },
	{ VIP, PORT_FAR, NARU_CLUSTER_IP, { REMOTE1 }, {}, NARU_REJECT },
	{ VIP, PORT_EMPTY, NARU_CLUSTER_IP, {}, {}, NARU_REJECT },
	{ VIP, PORT_LOCAL_ONLY, NARU_CLUSTER_IP, {}, { REMOTE }, NARU_DROP },
	{ VIP, PORT_UNREACHABLE, NARU_CLUSTER_IP, { UNREACHABLE }, {}, NARU_REJECT },
	{ VIP, PORT_SILENT, NARU_CLUSTER_IP, { SILENT }, {}, NARU_REJECT },
	{ VIP, PORT_MANY, NARU_CLUSTER_IP, { POD, REMOTE, REMOTE1 }, {}, NARU_REJECT },
	{ VIP, PORT_BROKEN, NARU_CLUSTER_IP, { STRANGER }, {}, NARU_REJECT },
	{ VIP, PORT_HOST, NARU_CLUSTER_IP, { NODE1 }, {}, NARU_REJECT },
	{ LB, PORT_LB_REMOTE, NARU_LOAD_BALANCER, { REMOTE }, {}, NARU_REJECT },
	{ LB, PORT_LB_LOCAL, NARU_LOAD_BALANCER, { POD }, {}, NARU_REJECT },
	{ NOBODY, PORT_NODE_REMOTE, NARU_NODE_PORT, { REMOTE }, {}, NARU_REJECT },
	{ NOBODY, PORT_NODE_LOCAL, NARU_NODE_PORT, { POD }, {}, NARU_REJECT },
	{ NOBODY, PORT_NODE_EMPTY, NARU_NODE_PORT, {}, {}, NARU_REJECT },
	{ OWN, PORT_OWN, NARU_HOST_PORT, { POD }, {}, NARU_REJECT },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

/* STRANGER is missing on purpose: PORT_BROKEN names it. */
static const enum host endpoints[] = { POD, POD2, REMOTE, REMOTE1, UNREACHABLE, SILENT, NODE1 };
static const enum host node_addresses[] = { NODE, NODE1 };
static const enum host frontends[] = { VIP, VIP2, LB, NODE, NODE1, OWN };

static const struct variant {
	uint8_t proto;
	int family;
} variants[] = {
	{ IPPROTO_TCP, AF_INET },  { IPPROTO_UDP, AF_INET },  { IPPROTO_TCP, AF_INET6 },
	{ IPPROTO_UDP, AF_INET6 }, { IPPROTO_SCTP, AF_INET }, { IPPROTO_SCTP, AF_INET6 },
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

static uint32_t next_list, next_lut;

static void put(const char *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(node_map(map), key, value, BPF_ANY)) {
		fprintf(stderr, "map %s refused a value: ", map);
		perror("");
		exit(1);
	}
}

static uint32_t variant_index(uint8_t proto, int family)
{
	return proto == IPPROTO_SCTP ? 4 + (family == AF_INET6)
				     : (proto == IPPROTO_UDP) + 2 * (family == AF_INET6);
}

uint32_t node_services_id(enum host vip, uint16_t port, uint8_t proto, int family)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		if (rows[i].vip == vip && rows[i].port == port)
			return 1 + i * VARIANTS + variant_index(proto, family);
	}
	return 0;
}

uint32_t node_services_endpoint(enum host host, uint8_t proto, int family)
{
	return 1 + host * VARIANTS + variant_index(proto, family);
}

static void set_bit(uint32_t *words, uint32_t bit)
{
	words[bit / 32] |= 1u << bit % 32;
}

static void set_addr(uint32_t *words, enum host host)
{
	uint32_t addr[4];

	world_addr(host, AF_INET, (uint8_t *)addr);
	set_bit(words, naru_addr_bit(addr, 1));
	world_addr(host, AF_INET6, (uint8_t *)addr);
	set_bit(words, naru_addr_bit(addr, 4));
}

static void fill_filter(void)
{
	static struct naru_filter filter;
	uint32_t zero = 0;

	memset(&filter, 0, sizeof(filter));
	for (size_t i = 0; i < ROWS; i++) {
		set_bit(filter.front.ports[0], rows[i].port);
		set_bit(filter.front.ports[1], rows[i].port);
	}
	for (size_t i = 0; i < sizeof(frontends) / sizeof(*frontends); i++)
		set_addr(filter.front.addrs, frontends[i]);
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		set_addr(filter.back.addrs, endpoints[i]);
	set_bit(filter.back.ports[0], NODE_EP_PORT);
	set_bit(filter.back.ports[1], NODE_EP_PORT);
	put("filter", &zero, &filter);
}

static void fill_endpoints(const struct variant *v)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
		uint32_t id = node_services_endpoint(endpoints[i], v->proto, v->family);
		struct naru_endpoint ep = { .port = NODE_EP_PORT, .proto = v->proto };

		world_mapped(endpoints[i], v->family, ep.addr);
		ep.local = endpoints[i] == POD || endpoints[i] == POD2;
		put("endpoint", &id, &ep);
	}
}

static struct naru_set make_set(const enum host *hosts, const struct row *row,
				const struct variant *v)
{
	struct naru_set set = { .on_empty = row->on_empty, .list = next_list, .lut = next_lut };
	struct naru_list_block list = {};
	struct naru_lut_block lut = {};

	while (set.count < ENDPOINTS_MAX && hosts[set.count]) {
		list.id[set.count] = node_services_endpoint(hosts[set.count], v->proto, v->family);
		set.count++;
	}
	put("ep_list", &next_list, &list);
	next_list++;
	if (set.count < 2)
		return set;
	set.lut_len = SERVICES_LUT_LEN;
	for (uint32_t i = 0; i < SERVICES_LUT_LEN; i++)
		lut.index[i] = (uint16_t)(i % set.count);
	put("lut", &next_lut, &lut);
	next_lut++;
	return set;
}

static void fill_service(const struct row *row, const struct variant *v)
{
	struct naru_svc_key key = { .port = row->port, .proto = v->proto };
	struct naru_svc value = { .kind = row->kind };
	struct naru_svc_name name = { .proto = v->proto };

	key.family = v->family == AF_INET ? 4 : 6;
	name.family = key.family;
	if (row->vip)
		world_mapped(row->vip, v->family, key.addr);
	value.id = node_services_id(row->vip, row->port, v->proto, v->family);
	value.external = make_set(row->external, row, v);
	value.internal = row->internal[0] ? make_set(row->internal, row, v) : value.external;
	snprintf(name.name, sizeof(name.name), "test/service%u:main", row->port);
	put("svc_name", &value.id, &name);
	put("svc", &key, &value);
}

static void fill_node(void)
{
	for (enum device d = NIC0; d < DEVICE_MAX; d++) {
		struct naru_device device = { .has_src4 = 1, .has_src6 = 1 };
		uint32_t ifindex = world_ifindex(d);

		snprintf(device.name, sizeof(device.name), "%s", world_name(d));
		device.class = d == NIC0 || d == NIC1 ? NARU_NIC : NARU_POD;
		device.xdp = device.class == NARU_NIC;
		world_addr(world_source(d), AF_INET, device.src4);
		world_addr(world_source(d), AF_INET6, device.src6);
		world_mac(world_own_mac(d), device.mac);
		put("device", &ifindex, &device);
	}
	for (size_t i = 0; i < sizeof(node_addresses) / sizeof(*node_addresses); i++) {
		struct naru_node_addr value = {
			.ifindex = world_ifindex(i ? NIC1 : NIC0),
			.node_port = 1,
		};
		struct naru_addr addr;

		world_mapped(node_addresses[i], AF_INET, addr.addr);
		put("node_addr", &addr, &value);
		world_mapped(node_addresses[i], AF_INET6, addr.addr);
		put("node_addr", &addr, &value);
	}
}

void node_services_fill(void)
{
	next_list = 0;
	next_lut = 0;
	fill_filter();
	fill_node();
	for (size_t v = 0; v < VARIANTS; v++) {
		fill_endpoints(&variants[v]);
		for (size_t i = 0; i < ROWS; i++)
			fill_service(&rows[i], &variants[v]);
	}
}
