// SPDX-License-Identifier: Apache-2.0
/*
 * source_api.c calls it. Invariants: no servers at all are never learned, so the last known ones
 * stay; the file under its name is always whole; it has addresses only, and can be missing, full or
 * read-only without harm: whoever answers there has to prove who it is like every other server.
 */
#include "kube/apiservers.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/client.h"
#include "model/model.h"

#define MAGIC	    "naru-api-servers\n"
#define MAGIC_LEN   (sizeof(MAGIC) - 1)
#define SERVERS_MAX 16
#define FILE_MAX    4096

struct list {
	struct addr addrs[SERVERS_MAX]; /* ascending */
	size_t n;
	uint16_t port;
};

struct apiservers {
	struct client *client;
	char *path;
	uint64_t seen; /* changes of slices at the last look */
	struct list known;
	bool held, wanted; /* to be written */
	bool failed;	   /* and that was told */
};

/* ---- the file ------------------------------------------------------------------------------- */

static void encode(struct str *out, const struct list *list)
{
	bytes_put_data(out, MAGIC, MAGIC_LEN);
	bytes_put_u16(out, list->port);
	bytes_put_u32(out, (uint32_t)list->n);
	for (size_t i = 0; i < list->n; i++)
		bytes_put_data(out, list->addrs[i].byte, sizeof(list->addrs[i].byte));
	bytes_put_u64(out, XXH64(out->buf, out->len, 0));
}

static int decode(const char *text, size_t len, struct list *ret_list)
{
	struct list list = { 0 };
	struct bytes in;
	uint64_t sum;

	if (len < MAGIC_LEN + sizeof(sum) || memcmp(text, MAGIC, MAGIC_LEN) != 0)
		return -EBADMSG;
	len -= sizeof(sum);
	memcpy(&sum, text + len, sizeof(sum));
	if (sum != XXH64(text, len, 0))
		return -EBADMSG;
	in = bytes_of(text + MAGIC_LEN, len - MAGIC_LEN);
	list.port = bytes_get_u16(&in);
	list.n = bytes_get_count(&in, sizeof(list.addrs[0].byte));
	if (!list.port || list.n > SERVERS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < list.n; i++)
		bytes_get_data(&in, list.addrs[i].byte, sizeof(list.addrs[i].byte));
	if (!bytes_end(&in))
		return -EBADMSG;
	*ret_list = list;
	return 0;
}

static void load(struct apiservers *s)
{
	_cleanup_(mem_freep) char *text = NULL;
	size_t len;
	int r = file_read(s->path, FILE_MAX, &text, &len);

	if (!r)
		r = decode(text, len, &s->known);
	if (r && r != -ENOENT)
		log_warn("addresses of API servers cannot be read from %s: %s", s->path,
			 file_problem(r));
	if (s->known.n)
		client_learn(s->client, s->known.addrs, s->known.n, s->known.port);
}

static void save(struct apiservers *s)
{
	struct str data = { 0 };
	int r;

	if (!s->wanted || s->held || !s->path)
		return;
	encode(&data, &s->known);
	r = file_replace(s->path, data.buf, data.len);
	str_fini(&data);
	if (r && !s->failed)
		log_warn("addresses of API servers cannot be kept in %s: %s", s->path,
			 file_problem(r));
	s->failed = s->wanted = r != 0;
}

/* ---- the model ------------------------------------------------------------------------------ */

static bool is_of_servers(const struct object *object)
{
	return object && object->kind == OBJECT_ENDPOINT_SLICE &&
	       !strcmp(object->namespace, "default") &&
	       !strcmp(((const struct endpoint_slice *)object)->service, "kubernetes");
}

/* Of thousands of slices theirs is one that hardly ever changes. */
static bool may_have_moved(const struct apiservers *s, const struct model *model)
{
	const struct model_change *changes;
	bool moved = false;
	size_t n;

	if (s->seen == model_changes(model, OBJECT_ENDPOINT_SLICE))
		return false;
	if (!s->seen || !model_journal(model, &changes, &n))
		return true;
	for (size_t i = 0; i < n && !moved; i++)
		moved = is_of_servers(changes[i].former) || is_of_servers(changes[i].present);
	return moved;
}

static void add_slice(struct list *list, const struct endpoint_slice *slice)
{
	if (!slice->n_ports || !slice->ports[0].port)
		return;
	list->port = slice->ports[0].port;
	for (size_t i = 0; i < slice->n_endpoints && list->n < SERVERS_MAX; i++)
		if (slice->endpoints[i].ready && slice->endpoints[i].n_addrs)
			list->addrs[list->n++] = slice->endpoints[i].addrs[0];
}

static void gather(struct model *model, struct list *ret_list)
{
	const struct object *const *objects;
	struct list list = { 0 };
	size_t n = model_list(model, OBJECT_ENDPOINT_SLICE, &objects);

	for (size_t i = 0; i < n; i++)
		if (is_of_servers(objects[i]))
			add_slice(&list, (const struct endpoint_slice *)objects[i]);
	qsort(list.addrs, list.n, sizeof(list.addrs[0]), addr_rank);
	*ret_list = list;
}

static bool is_same(const struct list *a, const struct list *b)
{
	return a->port == b->port && a->n == b->n &&
	       !memcmp(a->addrs, b->addrs, a->n * sizeof(a->addrs[0]));
}

void apiservers_look(struct apiservers *servers, struct model *model, bool current)
{
	struct list list;

	if (!current && servers->known.n)
		return;
	if (may_have_moved(servers, model)) {
		gather(model, &list);
		if (list.n && !is_same(&list, &servers->known)) {
			servers->known = list;
			servers->wanted = true;
			client_learn(servers->client, list.addrs, list.n, list.port);
		}
		servers->seen = model_changes(model, OBJECT_ENDPOINT_SLICE);
	}
	save(servers);
}

/* ---- life ----------------------------------------------------------------------------------- */

void apiservers_hold(struct apiservers *servers, bool held)
{
	servers->held = held;
	save(servers);
}

struct apiservers *apiservers_new(struct client *client, const char *path)
{
	struct apiservers *s = mem_new(sizeof(*s));

	s->client = client;
	s->path = path ? mem_strdup(path) : NULL;
	if (path)
		load(s);
	return s;
}

void apiservers_free(struct apiservers *servers)
{
	if (!servers)
		return;
	free(servers->path);
	free(servers);
}
