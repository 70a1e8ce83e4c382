/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each of the four modules knows what it has written; what a write was refused for is not expected,
 * since the module tries again by itself.
 */
#include "dataplane/nodemaps.h"

#include <stdio.h>
#include <string.h>

#include <naru/abi.h>

#include "dataplane/encode.h"
#include "dataplane/rows.h"
#include "plan/plan.h"

static void describe_device(const void *key, char ret_text[static ROWS_TEXT_MAX])
{
	uint32_t ifindex;

	memcpy(&ifindex, key, sizeof(ifindex));
	snprintf(ret_text, ROWS_TEXT_MAX, "device %u", ifindex);
}

static void describe_addr(const void *key, char ret_text[static ROWS_TEXT_MAX])
{
	struct addr addr = encode_addr(key, 16);
	char text[ADDR_STR_LEN];

	snprintf(ret_text, ROWS_TEXT_MAX, "%s", addr_format(&addr, text));
}

static void describe_bind(const void *key, char ret_text[static ROWS_TEXT_MAX])
{
	struct naru_steer_key bind;
	char text[PLAN_SOCKET_LEN];
	struct addr addr;

	memcpy(&bind, key, sizeof(bind));
	addr = encode_addr(bind.addr, 16);
	snprintf(ret_text, ROWS_TEXT_MAX, "%s", plan_socket_format(&addr, bind.port, text));
}

static void add_devices(struct rows *rows, const struct topology *t)
{
	const struct naru_device none = {};

	for (size_t i = 0; i < t->n_rows; i++) {
		const struct topology_row *row = &t->rows[i];

		if (memcmp(&row->value, &none, sizeof(none)) != 0)
			rows_add(rows, &row->dev.ifindex, &row->value);
	}
}

static void add_addrs(struct rows *rows, const struct topology *t)
{
	for (size_t i = 0; i < t->n_addrs; i++) {
		const struct topology_addr *addr = &t->addrs[i];

		rows_add(rows, addr->addr.byte, addr->value.ifindex ? &addr->value : NULL);
	}
}

static void add_binds(struct rows *rows, const struct steer *steer)
{
	for (size_t i = 0; i < steer->n; i++) {
		const struct steer_bind *bind = &steer->binds[i];
		const struct naru_steer_key key = steer_key(bind);
		const struct naru_steer value = { .tls = bind->tls };

		if (bind->listed)
			rows_add(rows, &key, &value);
	}
}

static void add_vips(struct rows *rows, const struct vips *vips)
{
	for (size_t i = 0; i < vips->n; i++) {
		if (vips->rows[i].listed)
			rows_add(rows, vips->rows[i].addr.byte, &vips->rows[i].value);
	}
}

static void keep_first(int *error, int r)
{
	if (!*error)
		*error = r;
}

int nodemaps_check(const struct nodemaps *maps, bool repair, audit_fn fn, void *arg)
{
	const struct maps *fds = &maps->topology->load->maps;
	struct rows device = rows_of("device", fds->device, sizeof(uint32_t),
				     sizeof(struct naru_device), describe_device);
	struct rows addr = rows_of("node_addr", fds->node_addr, sizeof(struct naru_addr),
				   sizeof(struct naru_node_addr), describe_addr);
	struct rows bind = rows_of("steer", fds->steer, sizeof(struct naru_steer_key),
				   sizeof(struct naru_steer), describe_bind);
	struct rows vip = rows_of("steer_vip", fds->steer_vip, sizeof(struct naru_addr),
				  sizeof(struct naru_vip), describe_addr);
	int r = 0;

	add_devices(&device, maps->topology);
	add_addrs(&addr, maps->topology);
	add_binds(&bind, maps->steer);
	add_vips(&vip, maps->vips);
	keep_first(&r, rows_check(&device, repair, fn, arg));
	keep_first(&r, rows_check(&addr, repair, fn, arg));
	keep_first(&r, rows_check(&bind, repair, fn, arg));
	keep_first(&r, rows_check(&vip, repair, fn, arg));
	rows_fini(&device);
	rows_fini(&addr);
	rows_fini(&bind);
	rows_fini(&vip);
	return r;
}
