// SPDX-License-Identifier: Apache-2.0
/*
 * Which servers there are, and which of them is asked next: of those that a lane has not tried in
 * this round the healthiest, then those that people named before those that were learned, then as
 * chance has it, so that not all nodes go to the same one. client.c keeps the table, client_lane.c
 * asks it. Invariants: what people named is never forgotten; a failure does not count for ever, so
 * what was learned takes their place for a while only.
 */
#include <string.h>

#include "base/mem.h"
#include "kube/client_inner.h"

#define FAILURE_MS 300000u /* so long a failure counts */

static uint64_t now_ms(const struct client *client)
{
	return client->timing->now_ms(client->timing->arg);
}

/* ---- the table ------------------------------------------------------------------------------ */

/* There is room. Takes at over. */
static void add(struct client *client, struct kubeconfig_server at, bool learned)
{
	client->servers[client->n_servers++] = (struct client_server){
		.at = at,
		.id = ++client->last_id,
		.learned = learned,
		.kept = true,
		.lot = client->timing->random(client->timing->arg),
	};
}

static bool has_room(const struct client *client)
{
	return client->n_servers < CLIENT_SERVERS_MAX;
}

static struct kubeconfig_server make(const char *host, uint16_t port, const char *prefix)
{
	return (struct kubeconfig_server){ mem_strdup(host), port, mem_strdup(prefix) };
}

int client_servers_init(struct client *client, const struct client_config *config, char **ret_error)
{
	const struct kubeconfig_server *first = &config->access->server;

	add(client, make(first->host, first->port, first->prefix), false);
	for (size_t i = 0; i < config->n_servers && has_room(client); i++) {
		struct kubeconfig_server at;
		const char *reason;
		int r = kubeconfig_server_parse(config->servers[i], &at, &reason);

		if (r) {
			*ret_error = mem_printf("API server %s: %s", config->servers[i], reason);
			return r;
		}
		add(client, at, false);
	}
	return 0;
}

static struct client_server *find_place(struct client *client, const char *host, uint16_t port)
{
	for (size_t i = 0; i < client->n_servers; i++) {
		struct client_server *server = &client->servers[i];

		if (server->at.port == port && !strcmp(server->at.host, host))
			return server;
	}
	return NULL;
}

static struct client_server *find(struct client *client, unsigned id)
{
	for (size_t i = 0; i < client->n_servers; i++)
		if (client->servers[i].id == id)
			return &client->servers[i];
	return NULL;
}

static void forget_others(struct client *client)
{
	size_t n = 0;

	for (size_t i = 0; i < client->n_servers; i++) {
		struct client_server *server = &client->servers[i];

		if (server->learned && !server->kept)
			kubeconfig_server_fini(&server->at);
		else
			client->servers[n++] = *server;
	}
	client->n_servers = n;
}

/* Those that stay keep their health. */
void client_servers_learn(struct client *client, const struct addr *addrs, size_t n, uint16_t port)
{
	char text[ADDR_STR_LEN];

	for (size_t i = 0; i < client->n_servers; i++)
		client->servers[i].kept = false;
	for (size_t i = 0; i < n; i++) {
		struct client_server *server;

		addr_format(&addrs[i], text);
		server = find_place(client, text, port);
		if (server)
			server->kept = true;
		else if (has_room(client))
			add(client, make(text, port, client->servers[0].at.prefix), true);
	}
	forget_others(client);
	/* A place in the table is another server's now. */
	for (size_t i = 0; i < CLIENT_LANE_MAX; i++)
		client->lanes[i].tried = 0;
}

void client_servers_fini(struct client *client)
{
	while (client->n_servers)
		kubeconfig_server_fini(&client->servers[--client->n_servers].at);
}

/* ---- the choice ----------------------------------------------------------------------------- */

static bool is_bad(const struct client *client, const struct client_server *server)
{
	return server->failed && now_ms(client) - server->failed_ms < FAILURE_MS;
}

static bool is_better(const struct client *client, const struct client_server *a,
		      const struct client_server *b)
{
	bool bad = is_bad(client, a);

	if (bad != is_bad(client, b))
		return !bad;
	if (bad && a->failed_ms != b->failed_ms)
		return a->failed_ms < b->failed_ms;
	if (a->learned != b->learned)
		return b->learned;
	return a->lot < b->lot;
}

static uint64_t all_of(const struct client *client)
{
	return UINT64_MAX >> (CLIENT_SERVERS_MAX - client->n_servers);
}

const struct client_server *client_servers_next(struct lane *lane)
{
	const struct client *client = lane->client;
	size_t best = client->n_servers;

	if (lane->tried == all_of(client))
		lane->tried = 0;
	for (size_t i = 0; i < client->n_servers; i++)
		if (!(lane->tried & 1ull << i) &&
		    (best == client->n_servers ||
		     is_better(client, &client->servers[i], &client->servers[best])))
			best = i;
	lane->tried |= 1ull << best;
	return &client->servers[best];
}

bool client_servers_fail(struct lane *lane, unsigned id)
{
	struct client_server *server = find(lane->client, id);

	if (server) {
		server->failed = true;
		server->failed_ms = now_ms(lane->client);
	}
	return lane->tried == all_of(lane->client);
}

void client_servers_succeed(struct lane *lane, unsigned id)
{
	struct client_server *server = find(lane->client, id);

	if (server)
		server->failed = false;
	lane->tried = 0;
}
