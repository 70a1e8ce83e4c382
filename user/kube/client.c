// SPDX-License-Identifier: Apache-2.0
/*
 * Calls: what goes into a request, and what is made of its answer. The reflectors and everything
 * that writes call it. Invariants: a call's end is told once, and never from inside client_start();
 * a request that no server has looked at is sent again by itself, one that may have had an effect
 * never is; nothing of a credential is ever logged.
 */
#include "kube/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "http/gunzip.h"
#include "kube/client_inner.h"
#include "kube/credential_watch.h"

#define TRIES_MAX	3
#define RETRY_AFTER_MAX 3600u
/* Of an answer that has an end, inflated: the largest list comes to a fifth. */
#define BODY_MAX     (256u << 20)
#define SILENCE_MS   30000
#define ANSWER_MS    15000
#define CONNECT_MS   5000
#define CREDIT_MS    2000
#define FIELDS_MAX   5
#define DEFAULT_TYPE "application/json"

/* ---- lists ---------------------------------------------------------------------------------- */

static void detach(struct client_call *call)
{
	struct lane *lane = call->lane;

	if (lane->waiting_end == &call->next)
		lane->waiting_end = call->place;
	*call->place = call->next;
	if (call->next)
		call->next->place = call->place;
	call->next = NULL;
	call->place = NULL;
}

void client_wait(struct client_call *call)
{
	struct lane *lane = call->lane;

	call->place = lane->waiting_end;
	*lane->waiting_end = call;
	lane->waiting_end = &call->next;
	client_lane_wake(lane);
}

static void run(struct client_call *call)
{
	struct lane *lane = call->lane;

	detach(call);
	call->next = lane->running;
	call->place = &lane->running;
	if (call->next)
		call->next->place = &call->next;
	lane->running = call;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void free_call(struct client_call *call)
{
	gunzip_free(call->gunzip);
	free(call->method);
	free(call->path);
	free(call->accept);
	free(call->content_type);
	free(call->body);
	free(call);
}

/* There may be room for another one. */
static void leave_link(struct client_call *call)
{
	h2_cancel(TAKE_PTR(call->stream));
	if (TAKE_PTR(call->link))
		client_lane_wake(call->lane);
}

static void drop(struct client_call *call)
{
	leave_link(call);
	detach(call);
	io_timer_free(TAKE_PTR(call->timer));
	if (call->inside)
		call->dead = true;
	else
		free_call(call);
}

void client_end(struct client_call *call, int error)
{
	struct client_ops ops = call->ops;
	void *arg = call->arg;

	assert(!call->inside);
	drop(call);
	ops.end(arg, error);
}

void client_cancel(struct client_call *call)
{
	if (call)
		drop(call);
}

static void on_timeout(void *arg)
{
	client_end(arg, -ETIMEDOUT);
}

/* To be sent again as if it never had been. */
static void again(struct client_call *call)
{
	leave_link(call);
	detach(call);
	gunzip_free(TAKE_PTR(call->gunzip));
	call->zipped = call->odd = false;
	call->retry_after_s = 0;
	call->bytes = 0;
	client_wait(call);
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Dates, which are legal too, the API server never sends: they are as good as none. */
static unsigned parse_seconds(const char *text)
{
	unsigned long seconds;
	char *end;

	if (*text < '0' || *text > '9')
		return 0;
	seconds = strtoul(text, &end, 10);
	if (*end)
		return 0;
	return seconds < RETRY_AFTER_MAX ? (unsigned)seconds : RETRY_AFTER_MAX;
}

static void on_field(void *arg, const char *name, const char *value)
{
	struct client_call *call = arg;

	if (!strcmp(name, "retry-after"))
		call->retry_after_s = parse_seconds(value);
	if (strcmp(name, "content-encoding") != 0)
		return;
	call->zipped = !strcmp(value, "gzip");
	call->odd = !call->zipped && strcmp(value, "identity") != 0;
}

static void on_head(void *arg, int status)
{
	struct client_call *call = arg;

	call->link->useful = true;
	client_servers_succeed(call->lane, call->link->server);
	if (status == 401 && !call->renewed &&
	    credential_renew(call->lane->client->credential, call->shown)) {
		call->renewed = true;
		again(call);
		return;
	}
	if (call->zipped)
		call->gunzip = gunzip_new();
	if (call->odd || (call->zipped && !call->gunzip)) {
		client_end(call, -EPROTO);
		return;
	}
	call->headed = true;
	call->ops.head(call->arg, status, call->retry_after_s);
}

static bool tell(void *arg, const char *data, size_t len)
{
	struct client_call *call = arg;

	call->bytes += len;
	if (call->timeout_s && call->bytes > BODY_MAX) {
		call->error = -EMSGSIZE;
		return false;
	}
	call->ops.data(call->arg, data, len);
	return !call->dead;
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct client_call *call = arg;
	int error = 0;

	call->inside++;
	if (call->gunzip)
		error = gunzip_push(call->gunzip, data, len, tell, call);
	else
		(void)tell(call, data, len);
	call->inside--;
	if (call->dead)
		free_call(call);
	else if (call->error || error)
		client_end(call, call->error ? call->error : error);
}

static void on_end(void *arg, int error)
{
	struct client_call *call = arg;

	call->stream = NULL;
	if (error == -EAGAIN && !call->headed && ++call->tries < TRIES_MAX) {
		again(call);
		return;
	}
	if (!error && call->gunzip && !gunzip_is_whole(call->gunzip))
		error = -EPROTO;
	client_end(call, error == -EAGAIN ? -ECONNRESET : error);
}

/* ---- requests ------------------------------------------------------------------------------- */

static const struct h2_ops stream_ops = { on_field, on_head, on_data, on_end };

static void start(struct client_call *call, const char *authorization)
{
	struct link *link = call->lane->link;
	_cleanup_(mem_freep) char *path = mem_printf("%s%s", link->prefix, call->path);
	struct h2_field fields[FIELDS_MAX] = {
		{ "accept", call->accept },
		{ "accept-encoding", "gzip" },
		{ "user-agent", call->lane->client->agent },
	};
	struct h2_request request = {
		.method = call->method,
		.scheme = "https",
		.authority = link->authority,
		.path = path,
		.fields = fields,
		.n_fields = 3,
		.body = call->body,
		.len = call->len,
	};

	if (*authorization)
		fields[request.n_fields++] = (struct h2_field){ "authorization", authorization };
	if (call->len)
		fields[request.n_fields++] =
			(struct h2_field){ "content-type", call->content_type };
	call->stream = h2_start(link->h2, &request, &stream_ops, call);
	call->link = call->stream ? link : NULL;
}

void client_send(struct client_call *call)
{
	const char *authorization;
	int error = credential_authorization(call->lane->client->credential, &authorization);

	if (error) {
		client_lane_deny(call->lane);
	} else {
		call->shown = credential_token(call->lane->client->credential);
		start(call, authorization);
		error = call->stream ? 0 : -ECONNRESET;
	}
	if (error)
		client_end(call, error);
	else
		run(call);
}

static char *copy(const char *text)
{
	return text ? mem_strdup(text) : mem_strdup(DEFAULT_TYPE);
}

struct client_call *client_start(struct client *client, const struct client_request *request,
				 const struct client_ops *ops, void *arg)
{
	struct client_call *call = mem_new(sizeof(*call));

	call->lane = &client->lanes[request->lane];
	call->ops = *ops;
	call->arg = arg;
	call->method = mem_strdup(request->method);
	call->path = mem_strdup(request->path);
	call->accept = copy(request->accept);
	call->content_type = copy(request->content_type);
	call->len = request->body ? request->len : 0;
	call->body = mem_array(call->len + 1, 1);
	if (call->len)
		memcpy(call->body, request->body, call->len);
	call->timeout_s = request->timeout_s;
	if (request->timeout_s) {
		call->timer = io_timer_new(client->io, on_timeout, call);
		io_timer_start(call->timer, request->timeout_s * 1000ul);
	}
	client_wait(call);
	return call;
}

/* ---- the client ----------------------------------------------------------------------------- */

static void set_times(struct client_times *times)
{
	times->silence_ms = times->silence_ms ? times->silence_ms : SILENCE_MS;
	times->answer_ms = times->answer_ms ? times->answer_ms : ANSWER_MS;
	times->connect_ms = times->connect_ms ? times->connect_ms : CONNECT_MS;
}

static void on_files(void *arg)
{
	struct client *client = arg;

	credential_look(client->credential);
	for (size_t i = 0; i < CLIENT_LANE_MAX; i++)
		client_lane_wake(&client->lanes[i]);
}

int client_open(const struct client_config *config, struct client **ret_client, char **ret_error)
{
	const struct credential_config credential = {
		.access = config->access,
		.exec = config->exec,
		.timing = config->timing,
	};
	struct client *client = mem_new(sizeof(*client));
	int r;

	client->io = io_new_on(config->loop);
	client->access = config->access;
	client->credential = credential_new(&credential);
	client->timing = config->timing ? config->timing : &backoff_timing;
	client->times = config->times;
	client->agent = mem_strdup(config->agent);
	client->learned_name = config->learned_name ? mem_strdup(config->learned_name) : NULL;
	client->problem = mem_strdup("");
	client->reads = client->writes = (struct bucket){ CREDIT_MS, io_now(client->io) };
	set_times(&client->times);
	for (size_t i = 0; i < CLIENT_LANE_MAX; i++)
		client_lane_init(&client->lanes[i], client, (enum client_lane)i);
	r = client_servers_init(client, config, ret_error);
	if (r) {
		client_close(client);
		return r;
	}
	client->watch = credential_watch_new(client->io, config->access, on_files, client);
	*ret_client = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	for (size_t i = 0; i < CLIENT_LANE_MAX; i++)
		client_lane_fini(&client->lanes[i]);
	while (client->links)
		client_link_close(client->links);
	credential_watch_free(client->watch);
	/* Delivers what was cancelled. */
	io_free(client->io);
	credential_free(client->credential);
	client_servers_fini(client);
	free(client->agent);
	free(client->learned_name);
	free(client->problem);
	free(client);
}

void client_learn(struct client *client, const struct addr *addrs, size_t n, uint16_t port)
{
	client_servers_learn(client, addrs, n, port);
}

const char *client_problem(const struct client *client)
{
	return client->problem;
}

const char *client_server(const struct client *client)
{
	const struct link *link = client->lanes[CLIENT_WATCH].link;

	return link && link->h2 ? link->authority : "";
}
