// SPDX-License-Identifier: Apache-2.0
/*
 * The life of an exchange: from a request to a rule, its times, its end and its line in the log.
 * downstream.c calls it. Invariants: each exchange ends once, and everything that it counted is
 * then paid back; what is sent to the client after the head of an answer belongs to that answer.
 */
#include "proxy/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/exchange_inner.h"
#include "proxy/filter.h"

#define SPARE_MAX 64

/* ---- times ---- */

static void on_total(struct exchange *exchange)
{
	if (exchange->request.ended && !exchange->answer.committed)
		exchange_try_note(exchange, 0);
	exchange_flag(exchange, ACCESSLOG_UT, "request_timeout");
	exchange_answer_local(exchange, 504, "request timeout");
}

static void on_try(struct exchange *exchange)
{
	static const struct exchange_failure failure = { RETRY_TIMEOUT, 504, ACCESSLOG_UT,
							 "backend_timeout" };

	exchange_try_fail(exchange, &failure);
}

static void on_connect(struct exchange *exchange)
{
	static const struct exchange_failure failure = { RETRY_CONNECT, 503, ACCESSLOG_UF,
							 "connect_timeout" };

	exchange_try_fail(exchange, &failure);
}

static void on_body(struct exchange *exchange)
{
	exchange_flag(exchange, ACCESSLOG_DT, "request_body_timeout");
	exchange_answer_local(exchange, 408, "the request's body did not come");
}

static void on_stream(struct exchange *exchange)
{
	exchange_flag(exchange, ACCESSLOG_UT, "stream_idle_timeout");
	exchange_answer_local(exchange, 504, "nothing moved for too long");
}

static void (*const time_handlers[EXCHANGE_TIME_MAX])(struct exchange *) = {
	[EXCHANGE_TOTAL] = on_total,
	[EXCHANGE_TRY] = on_try,
	[EXCHANGE_CONNECT] = on_connect,
	[EXCHANGE_CONTINUE] = exchange_answer_continue,
	[EXCHANGE_BACKOFF] = exchange_try_start,
	[EXCHANGE_BODY] = on_body,
	[EXCHANGE_STREAM] = on_stream,
};

/* One at a time: the exchange may be gone afterwards. */
static void on_deadline(void *arg)
{
	struct exchange *exchange = arg;
	uint64_t now = worker_now(exchange->worker), next = UINT64_MAX;
	int due = -1;

	for (int i = EXCHANGE_TIME_MAX - 1; i >= 0; i--)
		if (exchange->at[i] && exchange->at[i] <= now)
			due = i;
	for (int i = 0; i < EXCHANGE_TIME_MAX; i++)
		if (i != due && exchange->at[i] && exchange->at[i] < next)
			next = exchange->at[i];
	if (next != UINT64_MAX)
		deadline_by(&exchange->deadline, next);
	if (due < 0)
		return;
	exchange->at[due] = 0;
	time_handlers[due](exchange);
}

void exchange_set(struct exchange *exchange, enum exchange_time time, uint64_t ms)
{
	exchange->at[time] = worker_now(exchange->worker) + ms;
	deadline_by(&exchange->deadline, exchange->at[time]);
}

void exchange_clear(struct exchange *exchange, enum exchange_time time)
{
	exchange->at[time] = 0;
}

void exchange_progress(struct exchange *exchange)
{
	exchange_set(exchange, EXCHANGE_STREAM, exchange->worker->times->stream_ms);
}

/* ---- beginning ---- */

struct exchange *exchange_new(struct worker *worker, struct view *view,
			      const struct exchange_ops *ops, void *client,
			      const struct exchange_origin *origin)
{
	struct exchange *exchange = worker->spare;

	if (exchange) {
		worker->spare = exchange->next;
		worker->n_spare--;
	} else {
		exchange = mem_new(sizeof(*exchange));
		deadline_init(&exchange->deadline, worker->io, on_deadline, exchange);
	}
	exchange->worker = worker;
	exchange->ops = ops;
	exchange->client = client;
	exchange->origin = *origin;
	exchange->backend = -1;
	exchange->detail = "";
	exchange->start_us = (uint64_t)clock_wall_us();
	exchange->began_us = clock_us();
	exchange->view = view_ref(view);
	return exchange;
}

struct arena *exchange_arena(struct exchange *exchange)
{
	return &exchange->arena;
}

void exchange_flag(struct exchange *exchange, enum accesslog_flag flag, const char *detail)
{
	exchange->flags |= 1U << flag;
	exchange->detail = detail;
}

static void refuse(struct exchange *exchange, unsigned status, enum accesslog_flag flag,
		   const char *detail)
{
	exchange_flag(exchange, flag, detail);
	exchange_answer_local(exchange, status, "");
}

/* An answer without an endpoint. True: it is under way. */
static bool answer_of_rule(struct exchange *exchange)
{
	const struct plan_rule *plan = exchange->hit.rule->plan;
	struct filter_client client = { exchange->origin.addr, exchange->origin.tls,
					exchange->origin.local_port };
	struct http_response response;

	if (plan->answer) {
		exchange->detail = "rule_unusable";
		exchange_answer_local(exchange, plan->answer, "");
		return true;
	}
	if (!plan->redirect.status)
		return false;
	filter_redirect(&exchange->hit, &client, &exchange->came, &exchange->arena, &response);
	exchange->detail = "redirect";
	exchange_answer_send(exchange, &response, (struct http_text){ 0 });
	return true;
}

/* What goes to the endpoint. Whether it is asked to let the body come first is our matter: not
 * when the body is coming already. */
static int filter(struct exchange *exchange)
{
	struct filter_client client = { exchange->origin.addr, exchange->origin.tls,
					exchange->origin.local_port };
	int r = filter_request(&exchange->hit, &client, &exchange->came, &exchange->arena,
			       &exchange->outgoing);

	if (r)
		return r;
	filter_change(&exchange->hit.rule->plan->backends[exchange->backend].request_headers,
		      &exchange->arena, &exchange->outgoing.fields);
	exchange->outgoing.keep_alive = true;
	exchange->request.held = exchange->came.expect_continue && !exchange->request.piece.len &&
				 !exchange->request.n_kept && !exchange->request.all;
	if (!exchange->request.held)
		http_fields_remove(&exchange->outgoing.fields, HTTP_TEXT("expect"));
	return 0;
}

/* The way to an endpoint. */
static void forward(struct exchange *exchange)
{
	const struct rule *rule = exchange->hit.rule;

	exchange->backend = rule_split(rule, exchange->worker->index);
	exchange->cluster = exchange->backend >= 0 ? rule->clusters[exchange->backend] : NULL;
	if (!exchange->cluster) {
		refuse(exchange, 500, ACCESSLOG_NC, "no_backend");
		return;
	}
	if (filter(exchange)) {
		refuse(exchange, 400, ACCESSLOG_DPE, "Connection is no list of tokens");
		return;
	}
	if (!cluster_begin(exchange->cluster, CLUSTER_REQUESTS, exchange->worker->index)) {
		refuse(exchange, 503, ACCESSLOG_UO, "too_many_requests");
		return;
	}
	exchange->counted = true;
	if (rule->plan->request_timeout_ms)
		exchange_set(exchange, EXCHANGE_TOTAL, rule->plan->request_timeout_ms);
	exchange_try_start(exchange);
}

void exchange_start(struct exchange *exchange, const struct bind *bind,
		    const struct http_request *request, struct piece piece, bool end)
{
	int r = -ENOENT;

	exchange->came = *request;
	exchange_progress(exchange);
	if (bind)
		r = table_match(bind, request, exchange->worker->scratch, &exchange->hit);
	exchange_request_init(exchange, piece, end);
	if (r == -ELOOP)
		refuse(exchange, 500, ACCESSLOG_RLX, "regex_limit");
	else if (r)
		refuse(exchange, 404, ACCESSLOG_NR, "route_not_found");
	else if (!answer_of_rule(exchange))
		forward(exchange);
}

void exchange_refuse(struct exchange *exchange, const struct http_request *request,
		     const struct h1_error *error)
{
	counter_add(&exchange->worker->counters.refused, 1);
	if (request)
		exchange->came = *request;
	else
		exchange->came.minor = 1;
	exchange_progress(exchange);
	exchange_flag(exchange, error->status == 408 ? ACCESSLOG_DT : ACCESSLOG_DPE, error->reason);
	exchange_answer_local(exchange, error->status, error->reason);
}

void exchange_on_body(struct exchange *exchange, struct piece piece, bool end,
		      const struct http_fields *trailers)
{
	exchange_request_body(exchange, piece, end, trailers);
}

void exchange_on_bad_body(struct exchange *exchange)
{
	static const char detail[] = "broken framing of the body";

	exchange_clear(exchange, EXCHANGE_BODY);
	exchange->request.reading = false;
	counter_add(&exchange->worker->counters.refused, 1);
	exchange_flag(exchange, ACCESSLOG_DPE, detail);
	exchange_answer_local(exchange, 400, detail);
}

void exchange_on_sent(struct exchange *exchange, int error)
{
	exchange_answer_sent(exchange, error);
}

/* ---- end ---- */

static struct http_text value_of(const struct http_fields *fields, enum http_field_id id)
{
	const struct http_field *field = http_fields_get(fields, id);

	return field ? field->value : (struct http_text){ 0 };
}

static void write_log(const struct exchange *exchange)
{
	const struct table_hit *hit = &exchange->hit;
	const struct http_request *came = &exchange->came;
	struct accesslog_entry entry = {
		.start_us = exchange->start_us,
		.duration_us = clock_us() - exchange->began_us,
		.first_byte_us = -1,
		.method = came->method,
		.authority = came->authority,
		.path = came->path,
		.query = came->query,
		.user_agent = value_of(&came->fields, HTTP_USER_AGENT),
		.request_id = value_of(&exchange->outgoing.fields, HTTP_X_REQUEST_ID),
		.minor = came->minor,
		.tls = exchange->origin.tls,
		.status = exchange->status,
		.flags = exchange->flags,
		.bytes_received = exchange->received,
		.bytes_sent = exchange->sent,
		.client = exchange->origin.addr,
		.client_port = exchange->origin.port,
		.upstream = exchange->upstream_addr,
		.upstream_port = exchange->upstream_port,
		.tries = exchange->tries,
		.listener = hit->listener ? hit->listener->plan->name : "",
		.rule = hit->rule ? hit->rule->plan->name : "",
		.cluster = exchange->cluster ? exchange->cluster->plan->name : "",
		.detail = exchange->detail,
	};

	if (exchange->first_byte_us)
		entry.first_byte_us = (int64_t)(exchange->first_byte_us - exchange->began_us);
	accesslog_write(exchange->worker->log, &entry);
}

static void count(const struct exchange *exchange)
{
	const struct table_hit *hit = &exchange->hit;
	unsigned worker = exchange->worker->index;

	if (hit->rule)
		rule_count(hit->rule, worker, exchange->backend, exchange->status);
	if (hit->listener)
		listener_count(hit->listener, worker, hit->rule);
}

static void free_exchange(struct exchange *exchange)
{
	deadline_fini(&exchange->deadline);
	arena_fini(&exchange->arena);
	free(exchange);
}

/* Kept for the next request, unless there are many. */
static void put_away(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	struct deadline deadline = exchange->deadline;
	struct arena arena = exchange->arena;

	if (worker->n_spare == SPARE_MAX) {
		free_exchange(exchange);
		return;
	}
	arena_reset(&arena);
	memset(exchange, 0, sizeof(*exchange));
	/* Its timer may still fire, and find nothing due. */
	exchange->worker = worker;
	exchange->deadline = deadline;
	exchange->arena = arena;
	exchange->next = worker->spare;
	worker->spare = exchange;
	worker->n_spare++;
}

void exchange_free_spare(struct worker *worker)
{
	while (worker->spare) {
		struct exchange *exchange = worker->spare;

		worker->spare = exchange->next;
		free_exchange(exchange);
	}
	worker->n_spare = 0;
}

static void end(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	struct view *view = TAKE_PTR(exchange->view);

	exchange_try_end(exchange);
	exchange_request_fini(exchange);
	inbuf_piece_free(&exchange->answer.piece, worker->io);
	if (exchange->retrying)
		cluster_end(exchange->cluster->cluster, CLUSTER_RETRIES);
	if (exchange->counted)
		cluster_end(exchange->cluster->cluster, CLUSTER_REQUESTS);
	count(exchange);
	write_log(exchange);
	put_away(exchange);
	worker_release(worker, view);
}

static void end_with(struct exchange *exchange, enum exchange_end how)
{
	const struct exchange_ops *ops = exchange->ops;
	void *client = exchange->client;

	end(exchange);
	ops->over(client, how);
}

void exchange_finish(struct exchange *exchange)
{
	end_with(exchange, exchange->request.all ? EXCHANGE_WHOLE : EXCHANGE_UNREAD);
}

void exchange_cut(struct exchange *exchange)
{
	end_with(exchange, EXCHANGE_CUT);
}

void exchange_gone(struct exchange *exchange)
{
	exchange_flag(exchange, ACCESSLOG_DC, "client_gone");
	end(exchange);
}
