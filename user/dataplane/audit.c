/* SPDX-License-Identifier: Apache-2.0 */
/* Each record of `struct inforce` against the element that it stands for, then the frontends in the
 * kernel that no record stands for. */
#include "dataplane/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/hash.h"
#include "plan/maglev.h"

#define TEXT_MAX 160

struct audit {
	const struct inforce *in;
	audit_fn fn;
	void *arg;
	int error;
};

__attribute__((format(printf, 4, 5))) static void tell(struct audit *audit, const char *map,
						       const char *service, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	audit->fn(audit->arg, map, service, text);
}

/* True when there is an element and it was read; a failure other than "none" is kept. */
static bool read_element(struct audit *audit, int map, const void *key, void *ret_value)
{
	if (!bpf_map_lookup_elem(map, key, ret_value))
		return true;
	if (errno != ENOENT && !audit->error)
		audit->error = -errno;
	return false;
}

/* ---- frontends ----------------------------------------------------------------------------- */

#define SOCKET_MAX (ADDR_STR_LEN + 16)

static const char *socket_text(const struct naru_svc_key *key, char buf[static SOCKET_MAX])
{
	struct addr addr = encode_addr(key->addr, sizeof(key->addr));
	char text[ADDR_STR_LEN] = "*";

	if (!addr_is_zero(&addr))
		addr_format(&addr, text);
	if (encode_is_closed(key))
		snprintf(buf, SOCKET_MAX, "%s, closed ports", text);
	else
		snprintf(buf, SOCKET_MAX, "%s port %u/%s", text, key->port,
			 plan_proto_name(key->proto));
	return buf;
}

static void check_front(struct audit *audit, const struct live_front *front)
{
	const char *service = front->owner ? front->owner->name : "";
	char text[SOCKET_MAX];
	struct naru_svc value;

	if (!read_element(audit, audit->in->maps->svc, &front->key, &value))
		tell(audit, "svc", service, "no frontend %s", socket_text(&front->key, text));
	else if (memcmp(&value, &front->value, sizeof(value)) != 0)
		tell(audit, "svc", service, "frontend %s leads elsewhere",
		     socket_text(&front->key, text));
}

static void check_strays(struct audit *audit)
{
	struct naru_svc_key key, *previous = NULL;
	char text[SOCKET_MAX];

	/* Nobody else adds or deletes while this runs: narud has one thread. */
	while (!bpf_map_get_next_key(audit->in->maps->svc, previous, &key)) {
		if (!inforce_find_front(audit->in, &key))
			tell(audit, "svc", "", "frontend %s is nobody's", socket_text(&key, text));
		previous = &key;
	}
}

/* ---- what they point at -------------------------------------------------------------------- */

static bool list_is_whole(struct audit *audit, const struct live_set *set)
{
	for (size_t i = 0; i < set->content.n; i += NARU_LIST_SLOTS) {
		uint32_t block = set->value.list + (uint32_t)(i / NARU_LIST_SLOTS);
		struct naru_list_block found;

		if (!read_element(audit, audit->in->maps->ep_list, &block, &found))
			return false;
		for (size_t j = 0; j < NARU_LIST_SLOTS && i + j < set->content.n; j++)
			if (found.id[j] != set->ids[i + j])
				return false;
	}
	return true;
}

static bool table_is_whole(struct audit *audit, const struct live_set *set)
{
	uint32_t n = inforce_lut_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_lut_block *wanted = mem_array(n, sizeof(*wanted));

	if (!n)
		return true;
	maglev_build(&set->content, wanted->index);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t block = set->value.lut + i;
		struct naru_lut_block found;

		if (!read_element(audit, audit->in->maps->lut, &block, &found) ||
		    memcmp(&found, &wanted[i], sizeof(found)) != 0)
			return false;
	}
	return true;
}

static void check_endpoints(struct audit *audit, const struct live_service *service,
			    const struct live_set *set)
{
	for (size_t i = 0; i < set->content.n; i++) {
		const struct plan_endpoint *endpoint = &set->content.endpoints[i];
		struct naru_endpoint wanted, found;
		char text[ADDR_STR_LEN];

		encode_endpoint(endpoint, service->proto, &wanted);
		if (!read_element(audit, audit->in->maps->endpoint, &set->ids[i], &found) ||
		    memcmp(&found, &wanted, sizeof(found)) != 0)
			tell(audit, "endpoint", service->name, "not %s port %u, as it should be",
			     addr_format(&endpoint->addr, text), endpoint->port);
	}
}

static void check_name(struct audit *audit, const struct live_service *service)
{
	struct naru_svc_name found;

	if (!read_element(audit, audit->in->maps->svc_name, &service->id, &found) ||
	    strncmp(found.name, service->name, sizeof(found.name)) != 0)
		tell(audit, "svc_name", service->name, "no such name under id %u", service->id);
}

static void check_service(struct audit *audit, const struct live_service *service)
{
	check_name(audit, service);
	for (size_t i = 0; i < service->n_sets; i++) {
		const struct live_set *set = service->sets[i];

		check_endpoints(audit, service, set);
		if (!list_is_whole(audit, set))
			tell(audit, "ep_list", service->name, "not its %zu endpoints",
			     set->content.n);
		if (!table_is_whole(audit, set))
			tell(audit, "lut", service->name, "not the table of its %zu endpoints",
			     set->content.n);
	}
}

int audit_run(const struct inforce *in, audit_fn fn, void *arg)
{
	struct audit audit = { in, fn, arg, 0 };
	const struct live_service *service;
	const struct live_front *front;

	for (front = in->fronts; front; front = front->hh.next)
		check_front(&audit, front);
	check_strays(&audit);
	for (service = in->by_key; service; service = service->hh.next)
		check_service(&audit, service);
	return audit.error;
}
