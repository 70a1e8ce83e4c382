// SPDX-License-Identifier: Apache-2.0
/*
 * From a server's name to a session of HTTP/2: addresses are tried one after the other, each with
 * TCP and TLS and within its time. client_lane.c opens and closes links. Invariant: an address
 * whose certificate or protocol is wrong is as bad as one that does not answer.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/conn.h"
#include "http/tls_client.h"
#include "kube/client_inner.h"

static struct client *client_of(const struct link *link)
{
	return link->lane->client;
}

static void try_next(struct link *link);

static void fail_address(struct link *link, int error, const char *reason)
{
	conn_close(TAKE_PTR(link->conn));
	free(link->reason);
	link->error = error;
	link->reason = mem_strdup(reason ? reason : strerror(-error));
	try_next(link);
}

static void on_ended(void *arg, int error)
{
	struct link *link = arg;
	const char *failure = h2_failure(link->h2);

	free(link->reason);
	link->reason = failure || error ? mem_strdup(failure ? failure : strerror(-error)) : NULL;
	client_lane_lost(link, error);
}

static void on_secure(void *arg, int error)
{
	struct link *link = arg;
	const struct client_times *times = &client_of(link)->times;
	const struct h2_config config = {
		.silence_ms = times->silence_ms,
		.answer_ms = times->answer_ms,
	};

	if (error) {
		fail_address(link, error, conn_tls_failure(link->conn));
		return;
	}
	if (!conn_has_alpn(link->conn, "h2")) {
		fail_address(link, -EPROTO, "does not speak HTTP/2 (no h2 by ALPN)");
		return;
	}
	io_timer_stop(link->timer);
	link->h2 = h2_new(client_of(link)->io, link->conn, &config, on_ended, link);
	if (!link->h2) {
		fail_address(link, -ENOMEM, NULL);
		return;
	}
	link->conn = NULL;
	client_lane_ready(link);
}

static void on_connected(void *arg, int error)
{
	struct link *link = arg;

	if (error)
		fail_address(link, error, NULL);
	else
		conn_connect_tls(link->conn, link->tls, link->name, on_secure, link);
}

static void try_next(struct link *link)
{
	int error;

	while (link->at < link->n) {
		error = conn_connect(client_of(link)->io, &link->addrs[link->at++], link->port,
				     on_connected, link, &link->conn);
		if (!error) {
			io_timer_start(link->timer, client_of(link)->times.connect_ms);
			return;
		}
		link->error = error;
	}
	client_lane_lost(link, link->error);
}

static void on_resolved(void *arg, const struct addr *addrs, size_t n, int error)
{
	struct link *link = arg;

	link->resolve = NULL;
	if (n)
		memcpy(link->addrs, addrs, n * sizeof(*addrs));
	link->n = n;
	if (error) {
		link->error = error;
		link->reason = mem_strdup("its name cannot be resolved");
	}
	try_next(link);
}

/* The first step, from the loop, and what took too long. */
static void on_timer(void *arg)
{
	struct link *link = arg;

	if (!link->conn && !link->resolve) {
		try_next(link);
		return;
	}
	io_resolve_cancel(TAKE_PTR(link->resolve));
	fail_address(link, -ETIMEDOUT, NULL);
}

static void look_up(struct link *link, const char *host)
{
	struct client *client = client_of(link);

	link->timer = io_timer_new(client->io, on_timer, link);
	link->error = -EIO;
	if (!addr_parse(host, &link->addrs[0]))
		link->n = 1;
	else
		link->resolve = io_resolve_start(client->io, host, on_resolved, link);
	io_timer_start(link->timer, link->resolve ? client->times.connect_ms : 0);
}

struct link *client_link_open(struct lane *lane, const struct client_server *server,
			      struct tls_client *tls)
{
	const struct kubeconfig_server *at = &server->at;
	struct client *client = lane->client;
	struct link *link = mem_new(sizeof(*link));
	const char *name = server->learned && client->learned_name ? client->learned_name
								   : client->access->tls_name;

	link->lane = lane;
	link->tls = tls_client_ref(tls);
	link->server = server->id;
	link->port = at->port;
	link->prefix = mem_strdup(at->prefix);
	link->authority =
		mem_printf(strchr(at->host, ':') ? "[%s]:%u" : "%s:%u", at->host, at->port);
	/* Every server of a cluster has the name by which we know the first. */
	link->name = mem_strdup(*name ? name : client->servers[0].at.host);
	link->next = client->links;
	link->place = &client->links;
	if (link->next)
		link->next->place = &link->next;
	client->links = link;
	look_up(link, at->host);
	return link;
}

void client_link_close(struct link *link)
{
	io_resolve_cancel(link->resolve);
	io_timer_free(link->timer);
	conn_close(link->conn);
	h2_free(link->h2);
	tls_client_unref(link->tls);
	*link->place = link->next;
	if (link->next)
		link->next->place = link->place;
	free(link->authority);
	free(link->prefix);
	free(link->name);
	free(link->reason);
	free(link);
}
