/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each record of `struct inforce` against the element that it stands for, and the frontends in the
 * kernel that no record stands for. Invariant of a repair: what is written is what was published,
 * under the same key, so that nobody meets a half service while it goes on.
 */
#include "dataplane/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/rows.h"
#include "plan/maglev.h"

#define TEXT_MAX 160

struct audit {
	const struct inforce *in;
	audit_fn fn;
	void *arg;
	bool repair;
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

/* value NULL: there should be no element. What cannot be repaired now is found again. */
static void mend(struct audit *audit, int map, const void *key, const void *value)
{
	if (!audit->repair)
		return;
	if (value)
		bpf_map_update_elem(map, key, value, BPF_ANY);
	else
		bpf_map_delete_elem(map, key);
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

	/* The next apply writes it in any case. */
	if (audit->repair && front->unsure)
		return;
	if (!read_element(audit, audit->in->maps->svc, &front->key, &value))
		tell(audit, "svc", service, "no frontend %s", socket_text(&front->key, text));
	else if (memcmp(&value, &front->value, sizeof(value)) != 0)
		tell(audit, "svc", service, "frontend %s leads elsewhere",
		     socket_text(&front->key, text));
	else
		return;
	mend(audit, audit->in->maps->svc, &front->key, &front->value);
}

static void check_strays(struct audit *audit)
{
	struct naru_svc_key key, next, *previous = NULL;
	char text[SOCKET_MAX];
	int r = bpf_map_get_next_key(audit->in->maps->svc, NULL, &next);

	/* Nobody else adds or deletes while this runs: narud has one thread. */
	while (!r) {
		key = next;
		previous = &key;
		/* Before it goes, or the way would begin anew. */
		r = bpf_map_get_next_key(audit->in->maps->svc, previous, &next);
		if (inforce_find_front(audit->in, &key))
			continue;
		tell(audit, "svc", "", "frontend %s is nobody's", socket_text(&key, text));
		mend(audit, audit->in->maps->svc, &key, NULL);
	}
}

/* ---- what they point at -------------------------------------------------------------------- */

/* Blocks in a row of one array. Returns true when all of them are as wanted. */
static bool check_blocks(struct audit *audit, int map, uint32_t first, uint32_t n,
			 const void *wanted, size_t size)
{
	_cleanup_(mem_freep) uint8_t *found = mem_new(size);
	bool whole = true;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *block = (const uint8_t *)wanted + i * size;
		uint32_t key = first + i;

		if (read_element(audit, map, &key, found) && !memcmp(found, block, size))
			continue;
		whole = false;
		if (!audit->repair)
			break;
		mend(audit, map, &key, block);
	}
	return whole;
}

static bool check_list(struct audit *audit, const struct live_set *set)
{
	uint32_t n = inforce_list_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_list_block *wanted = mem_array(n, sizeof(*wanted));

	for (size_t i = 0; i < set->content.n; i++)
		wanted[i / NARU_LIST_SLOTS].id[i % NARU_LIST_SLOTS] = set->ids[i];
	return check_blocks(audit, audit->in->maps->ep_list, set->value.list, n, wanted,
			    sizeof(*wanted));
}

static bool check_table(struct audit *audit, const struct live_set *set)
{
	uint32_t n = inforce_lut_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_lut_block *wanted = mem_array(n, sizeof(*wanted));

	if (!n)
		return true;
	maglev_build(&set->content, wanted->index);
	return check_blocks(audit, audit->in->maps->lut, set->value.lut, n, wanted,
			    sizeof(*wanted));
}

static void check_endpoints(struct audit *audit, const struct live_service *service,
			    const struct live_set *set)
{
	for (size_t i = 0; i < set->content.n; i++) {
		const struct plan_endpoint *endpoint = &set->content.endpoints[i];
		struct naru_endpoint wanted, found;
		char text[ADDR_STR_LEN];

		encode_endpoint(endpoint, service->proto, &wanted);
		if (read_element(audit, audit->in->maps->endpoint, &set->ids[i], &found) &&
		    !memcmp(&found, &wanted, sizeof(found)))
			continue;
		tell(audit, "endpoint", service->name, "not %s port %u, as it should be",
		     addr_format(&endpoint->addr, text), endpoint->port);
		mend(audit, audit->in->maps->endpoint, &set->ids[i], &wanted);
	}
}

static void check_name(struct audit *audit, const struct live_service *service)
{
	struct naru_svc_name found, wanted;

	encode_name(service->name, service->proto, service->family, &wanted);
	if (read_element(audit, audit->in->maps->svc_name, &service->id, &found) &&
	    !memcmp(&found, &wanted, sizeof(found)))
		return;
	tell(audit, "svc_name", service->name, "no such name under id %u", service->id);
	mend(audit, audit->in->maps->svc_name, &service->id, &wanted);
}

static void check_service(struct audit *audit, const struct live_service *service)
{
	check_name(audit, service);
	for (size_t i = 0; i < service->n_sets; i++) {
		const struct live_set *set = service->sets[i];

		check_endpoints(audit, service, set);
		if (!check_list(audit, set))
			tell(audit, "ep_list", service->name, "not its %zu endpoints",
			     set->content.n);
		if (!check_table(audit, set))
			tell(audit, "lut", service->name, "not the table of its %zu endpoints",
			     set->content.n);
	}
}

/* ---- who is let in ------------------------------------------------------------------------- */

static void describe_range(const void *key, char ret_text[static ROWS_TEXT_MAX])
{
	struct naru_range_key range;
	char text[ADDR_STR_LEN];
	struct cidr cidr;

	memcpy(&range, key, sizeof(range));
	encode_decode_range(&range, &cidr);
	snprintf(ret_text, ROWS_TEXT_MAX, "range %s of service %u", cidr_format(&cidr, text),
		 range.svc);
}

static void check_ranges(struct audit *audit)
{
	struct rows rows = rows_of("source_range", audit->in->maps->source_range,
				   sizeof(struct naru_range_key), sizeof(uint8_t), describe_range);
	const uint8_t one = 1;
	int r;

	for (struct live_service *s = audit->in->by_key; s; s = s->hh.next) {
		for (size_t i = 0; i < s->ranges.n; i++) {
			struct naru_range_key key;

			encode_range_key(s->id, &s->ranges.items[i], &key);
			rows_add(&rows, &key, &one);
		}
	}
	ranges_expect_old(&audit->in->ranges, &rows);
	r = rows_check(&rows, audit->repair, audit->fn, audit->arg);
	if (!audit->error)
		audit->error = r;
	rows_fini(&rows);
}

static void check_filter(struct audit *audit)
{
	unsigned n = filter_check(audit->in->filter, audit->repair);

	if (n)
		tell(audit, "filter", "", "%u bits are missing", n);
}

static void check_fronts(struct audit *audit)
{
	/* The order of writes: nobody gets in meanwhile whom a range keeps out. */
	check_filter(audit);
	check_ranges(audit);
	for (const struct live_front *front = audit->in->fronts; front; front = front->hh.next)
		check_front(audit, front);
	check_strays(audit);
}

int audit_run(const struct inforce *in, audit_fn fn, void *arg)
{
	struct audit audit = { in, fn, arg, false, 0 };
	const struct live_service *service;

	check_fronts(&audit);
	for (service = in->by_key; service; service = service->hh.next)
		check_service(&audit, service);
	return audit.error;
}

void audit_repair_fronts(const struct inforce *in, audit_fn fn, void *arg)
{
	struct audit audit = { in, fn, arg, true, 0 };

	check_fronts(&audit);
}

void audit_repair_service(const struct inforce *in, const struct live_service *service, audit_fn fn,
			  void *arg)
{
	struct audit audit = { in, fn, arg, true, 0 };

	check_service(&audit, service);
}
