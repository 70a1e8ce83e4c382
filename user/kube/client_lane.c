// SPDX-License-Identifier: Apache-2.0
/*
 * Which call starts when, and on which link. client.c and client_link.c call it. Invariants: a
 * round over all servers that all failed ends the calls that wait, and the next one comes after a
 * wait; a link in which nothing was ever answered counts as one that failed.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kube/client_inner.h"

/* 5 calls a second, 10 at once. */
#define CALL_MS	  200u
#define CREDIT_MS 2000u
/* Servers allow a hundred streams or more in each, and many Secrets are many watches. */
#define LINKS_MAX 16

static void pump(struct lane *lane);

static uint64_t now_ms(const struct lane *lane)
{
	return io_now(lane->client->io);
}

/* ---- rates ---------------------------------------------------------------------------------- */

/* Returns 0 when the call may start now (it has paid then), else how long it waits. */
static uint64_t pay(struct client_call *call)
{
	struct client *client = call->lane->client;
	bool read = !strcmp(call->method, "GET");
	struct bucket *bucket = read ? &client->reads : &client->writes;
	uint64_t now = now_ms(call->lane);

	if (call->paid || call->lane->kind != CLIENT_REST)
		return 0;
	bucket->credit_ms += now - bucket->last_ms;
	bucket->last_ms = now;
	if (bucket->credit_ms > CREDIT_MS)
		bucket->credit_ms = CREDIT_MS;
	if (bucket->credit_ms < CALL_MS)
		return CALL_MS - bucket->credit_ms;
	bucket->credit_ms -= CALL_MS;
	call->paid = true;
	return 0;
}

/* ---- failure -------------------------------------------------------------------------------- */

/* Those that wait now: their owners may start others. */
static void fail_waiting(struct lane *lane, int error)
{
	struct client_call *calls = lane->waiting;

	if (!calls)
		return;
	calls->place = &calls;
	lane->waiting = NULL;
	lane->waiting_end = &lane->waiting;
	while (calls)
		client_end(calls, error);
}

/* Takes text over; told once. */
static void set_problem(struct client *client, char *text)
{
	if (*text && strcmp(text, client->problem) != 0)
		log_warn("API server %s", text);
	free(client->problem);
	client->problem = text;
}

void client_lane_deny(struct lane *lane)
{
	struct client *client = lane->client;

	free(client->problem);
	client->problem = mem_strdup(credential_problem(client->credential));
}

static void wait_for_retry(struct lane *lane)
{
	lane->tried = 0;
	lane->retry_ms = now_ms(lane) + backoff_next(&lane->backoff, lane->client->timing);
}

/* ---- links ---------------------------------------------------------------------------------- */

/* Those that are given up end with their last streams. */
static void sweep(struct lane *lane)
{
	struct link *next;

	for (struct link *link = lane->client->links; link; link = next) {
		next = link->next;
		if (link->lane == lane && link != lane->link && !h2_streams(link->h2))
			client_link_close(link);
	}
}

/* After another credential came: what nobody uses ends now, the rest with its last stream. */
static void leave_old(struct lane *lane)
{
	const struct tls_client *tls = credential_tls_known(lane->client->credential);

	if (tls && lane->link && lane->link->h2 && lane->link->tls != tls)
		lane->link = NULL;
}

/* One that has room, or NULL. */
static struct link *find_link(const struct lane *lane, const struct tls_client *tls)
{
	for (struct link *link = lane->client->links; link; link = link->next)
		if (link->lane == lane && link->h2 && link->tls == tls && h2_is_open(link->h2))
			return link;
	return NULL;
}

/* Those that stay: a server that sends everybody away is asked again and again. */
static size_t count_links(const struct lane *lane)
{
	size_t n = 0;

	for (struct link *link = lane->client->links; link; link = link->next)
		n += link->lane == lane && link->h2 && !h2_is_leaving(link->h2);
	return n;
}

static void open_link(struct lane *lane, struct tls_client *tls)
{
	/* The end of any stream wakes the lane. */
	if (count_links(lane) >= LINKS_MAX)
		return;
	if (now_ms(lane) < lane->retry_ms) {
		io_timer_start(lane->timer, lane->retry_ms - now_ms(lane));
		return;
	}
	lane->link = client_link_open(lane, client_servers_next(lane), tls);
}

void client_lane_ready(struct link *link)
{
	struct lane *lane = link->lane;

	if (*lane->client->problem)
		log_info("API server %s: connected", link->authority);
	set_problem(lane->client, mem_strdup(""));
	pump(lane);
}

void client_lane_lost(struct link *link, int error)
{
	struct lane *lane = link->lane;
	bool current = lane->link == link, all_failed = false;

	if (current)
		lane->link = NULL;
	if (current && !link->useful) {
		set_problem(lane->client, mem_printf("%s: %s", link->authority,
						     link->reason ? link->reason : "went away"));
		all_failed = client_servers_fail(lane, link->server);
	}
	client_link_close(link);
	if (all_failed) {
		wait_for_retry(lane);
		fail_waiting(lane, error ? error : -ECONNRESET);
	}
	client_lane_wake(lane);
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* Has the lane a link with room? If not, calls wait, or were told why they will not be sent. */
static bool is_ready(struct lane *lane)
{
	struct tls_client *tls;

	if (credential_tls(lane->client->credential, &tls)) {
		client_lane_deny(lane);
		fail_waiting(lane, -EACCES);
		return false;
	}
	/* Connecting goes on with what it began with. */
	leave_old(lane);
	if (lane->link && lane->link->h2 && !h2_is_open(lane->link->h2))
		lane->link = NULL;
	if (!lane->link)
		lane->link = find_link(lane, tls);
	sweep(lane);
	if (!lane->link)
		open_link(lane, tls);
	return lane->link && lane->link->h2;
}

static void pump(struct lane *lane)
{
	struct client_call *call;
	uint64_t wait_ms;

	leave_old(lane);
	sweep(lane);
	while (lane->waiting && is_ready(lane)) {
		call = lane->waiting;
		wait_ms = pay(call);
		if (wait_ms) {
			io_timer_start(lane->timer, wait_ms);
			return;
		}
		client_send(call);
	}
}

static void on_pump(struct io_op *op, ssize_t result)
{
	if (!result)
		pump(op->arg);
}

static void on_timer(void *arg)
{
	pump(arg);
}

void client_lane_wake(struct lane *lane)
{
	if (!lane->pump.pending)
		io_defer(lane->client->io, &lane->pump, on_pump);
}

/* ---- life ----------------------------------------------------------------------------------- */

void client_lane_init(struct lane *lane, struct client *client, enum client_lane kind)
{
	lane->client = client;
	lane->kind = kind;
	lane->waiting_end = &lane->waiting;
	lane->pump.arg = lane;
	lane->timer = io_timer_new(client->io, on_timer, lane);
}

void client_lane_fini(struct lane *lane)
{
	while (lane->waiting)
		client_cancel(lane->waiting);
	while (lane->running)
		client_cancel(lane->running);
	io_timer_free(lane->timer);
	io_cancel(&lane->pump);
}
