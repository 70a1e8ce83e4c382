// SPDX-License-Identifier: Apache-2.0
/*
 * Tries: an endpoint, a connection to it, and what follows from a failure. exchange.c starts the
 * first. Invariants: a try is under way as long as endpoint is set, and counted there; after the
 * head of an answer was sent to the client there is no further try (R1).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proxy/exchange_inner.h"
#include "proxy/outlier.h"

/* ---- the connection's news ---- */

static void on_connected(void *arg, int error)
{
	static const struct exchange_failure failure = { RETRY_CONNECT, 503, ACCESSLOG_UF,
							 "connect_failure" };
	struct exchange *exchange = arg;

	exchange_clear(exchange, EXCHANGE_CONNECT);
	if (error) {
		exchange_try_fail(exchange, &failure);
		return;
	}
	exchange->request.ready = true;
	upstream_read_head(exchange->upstream);
	exchange_request_pump(exchange);
}

static void on_sent(void *arg, int error)
{
	exchange_request_sent(arg, error);
}

static void on_head(void *arg, const struct http_response *response)
{
	exchange_answer_head(arg, response);
}

static void on_body(void *arg, struct piece piece, bool end)
{
	exchange_answer_body(arg, piece, end);
}

static void on_failed(void *arg, int error, const char *reason)
{
	exchange_try_broke(arg, error, reason);
}

static const struct upstream_ops upstream_ops = {
	.connected = on_connected,
	.sent = on_sent,
	.head = on_head,
	.body = on_body,
	.failed = on_failed,
};

/* ---- a try ---- */

static bool is_safe(struct http_text method)
{
	return http_text_equal(method, HTTP_TEXT("GET")) ||
	       http_text_equal(method, HTTP_TEXT("HEAD")) ||
	       http_text_equal(method, HTTP_TEXT("OPTIONS"));
}

static struct endpoint_slot *slot_of(const struct exchange *exchange)
{
	return &exchange->endpoint->slots[exchange->worker->index];
}

/* The endpoint of the try is known for good. */
static void use(struct exchange *exchange, struct endpoint *endpoint)
{
	exchange->endpoint = endpoint;
	counter_add(&slot_of(exchange)->requests, 1);
	exchange->upstream_addr = endpoint->addr;
	exchange->upstream_port = endpoint->port;
	if (exchange->n_tried < EXCHANGE_TRIED_MAX)
		exchange->tried[exchange->n_tried++] = endpoint;
}

static void begin(struct exchange *exchange, struct upstream *upstream)
{
	exchange->upstream = upstream;
	upstream_begin(upstream, &upstream_ops, exchange, &exchange->arena, exchange->came.head);
}

static void open_connection(struct exchange *exchange, struct endpoint *endpoint)
{
	static const struct exchange_failure failure = { RETRY_CONNECT, 503, ACCESSLOG_UF,
							 "connect_failure" };
	struct upstream *upstream;
	int r;

	use(exchange, endpoint);
	r = upstream_open(exchange->worker, exchange->cluster, endpoint, &upstream);
	if (r == -EMFILE || r == -ENFILE) {
		/* The endpoint has no part in it, and another one would fare no better. */
		exchange_flag(exchange, ACCESSLOG_UO, "out_of_descriptors");
		exchange_answer_local(exchange, 503, "out of descriptors");
		return;
	}
	if (r) {
		exchange_try_fail(exchange, &failure);
		return;
	}
	begin(exchange, upstream);
	if (exchange->cluster->plan->connect_timeout_ms)
		exchange_set(exchange, EXCHANGE_CONNECT,
			     exchange->cluster->plan->connect_timeout_ms);
}

static void on_granted(void *arg, enum pool_grant grant, struct upstream *upstream)
{
	struct exchange *exchange = arg;

	if (grant == POOL_SLOT) {
		open_connection(exchange, exchange->wait.endpoint);
		return;
	}
	use(exchange, upstream->endpoint);
	begin(exchange, upstream);
	exchange->request.ready = true;
	upstream_read_head(upstream);
	exchange_request_pump(exchange);
}

void exchange_try_start(struct exchange *exchange)
{
	const struct plan_rule *plan = exchange->hit.rule->plan;
	struct worker *worker = exchange->worker;
	struct upstream *upstream = NULL;
	struct endpoint *endpoint;
	enum pool_grant grant;

	endpoint = cluster_pick(exchange->cluster, worker->index, worker_now(worker),
				exchange->tried, exchange->n_tried);
	if (!endpoint) {
		exchange_flag(exchange, ACCESSLOG_UH, "no_healthy_upstream");
		exchange_answer_local(exchange, 503, "no endpoint");
		return;
	}
	exchange->tries++;
	if (plan->backend_timeout_ms)
		exchange_set(exchange, EXCHANGE_TRY, plan->backend_timeout_ms);
	exchange->wait = (struct pool_wait){
		.cluster = exchange->cluster,
		.endpoint = endpoint,
		.fresh = exchange->stale,
		.careful = !is_safe(exchange->came.method),
		.granted = on_granted,
		.arg = exchange,
	};
	grant = pool_get(worker, &exchange->wait, &upstream);
	if (grant != POOL_NONE) {
		on_granted(exchange, grant, upstream);
	} else if (!pool_wait(worker, &exchange->wait)) {
		exchange_flag(exchange, ACCESSLOG_UO, "too_many_pending");
		exchange_answer_local(exchange, 503, "too many requests wait for a connection");
	}
}

void exchange_try_end(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;

	pool_unwait(exchange->worker, &exchange->wait);
	exchange_clear(exchange, EXCHANGE_TRY);
	exchange_clear(exchange, EXCHANGE_CONNECT);
	exchange_clear(exchange, EXCHANGE_CONTINUE);
	if (!exchange->endpoint)
		return;
	counter_add(&slot_of(exchange)->requests, -1);
	exchange->endpoint = NULL;
	exchange->upstream = NULL;
	exchange->request.ready = false;
	if (!upstream)
		return;
	if (!upstream_reusable(upstream) || exchange->request.sending || exchange->request.broken ||
	    upstream->served >= exchange->cluster->plan->breaker.requests_per_connection ||
	    (exchange->view != exchange->worker->view &&
	     !view_keeps(exchange->worker->view, upstream->cluster, upstream->endpoint)))
		upstream_close(upstream);
	else
		pool_put(upstream, exchange->cluster->plan->idle_timeout_ms);
}

static enum outlier_event event_of(unsigned status)
{
	if (!status)
		return OUTLIER_LOCAL;
	if (status < 500)
		return OUTLIER_OK;
	return status >= 502 && status <= 504 ? OUTLIER_GATEWAY : OUTLIER_5XX;
}

void exchange_try_note(struct exchange *exchange, unsigned status)
{
	struct endpoint *endpoint = exchange->endpoint;
	struct endpoint_slot *slot;

	if (!endpoint)
		return;
	slot = slot_of(exchange);
	counter_add(status && status < 500 ? &slot->ok : &slot->failed, 1);
	outlier_note(exchange->cluster, endpoint, event_of(status), worker_now(exchange->worker));
}

/* ---- another one ---- */

/* Tries that count for the policy. */
static unsigned counted_tries(const struct exchange *exchange)
{
	return exchange->tries - exchange->stale;
}

static bool is_exhausted(const struct exchange *exchange)
{
	const struct plan_retry *policy = &exchange->hit.rule->plan->retry;

	return policy->attempts && counted_tries(exchange) > policy->attempts;
}

static bool wants_retry(struct exchange *exchange, enum retry_cause cause, unsigned status)
{
	const struct plan_retry *policy = &exchange->hit.rule->plan->retry;
	unsigned worker = exchange->worker->index;

	if (exchange->answer.committed || exchange->request.lost ||
	    !retry_wanted(policy, cause, status, exchange->came.method, counted_tries(exchange)))
		return false;
	/* Each is counted for itself. */
	if (exchange->retrying)
		cluster_end(exchange->cluster->cluster, CLUSTER_RETRIES);
	exchange->retrying = cluster_begin(exchange->cluster, CLUSTER_RETRIES, worker);
	if (!exchange->retrying)
		exchange_flag(exchange, ACCESSLOG_UO, "too_many_retries");
	return exchange->retrying;
}

/* At once, not when the next one begins: a body goes on coming in between, and what is kept of it
 * is unsent from now on. */
static void end_for_another(struct exchange *exchange)
{
	exchange_try_end(exchange);
	exchange_request_rewind(exchange);
}

static void schedule(struct exchange *exchange)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)exchange->start_us;
	end_for_another(exchange);
	exchange_set(exchange, EXCHANGE_BACKOFF,
		     retry_backoff_ms(&exchange->hit.rule->plan->retry, counted_tries(exchange),
				      random));
}

void exchange_try_fail(struct exchange *exchange, const struct exchange_failure *failure)
{
	exchange_try_note(exchange, 0);
	if (wants_retry(exchange, failure->cause, failure->status)) {
		schedule(exchange);
		return;
	}
	exchange_flag(exchange, failure->flag, failure->detail);
	if (is_exhausted(exchange))
		exchange->flags |= 1U << ACCESSLOG_URX;
	exchange_answer_local(exchange, failure->status, "");
}

bool exchange_try_again(struct exchange *exchange, unsigned status)
{
	if (!wants_retry(exchange, RETRY_STATUS, status)) {
		if (is_exhausted(exchange) && exchange->tries > 1 && status >= 500)
			exchange->flags |= 1U << ACCESSLOG_URX;
		return false;
	}
	schedule(exchange);
	return true;
}

/*
 * The race of every pool: the endpoint closed an idle connection while the request was on its way.
 * Made good once, on a new connection and at once, when the request was not taken, or may be made
 * twice anyway. That is no failure of the endpoint and no retry of the policy.
 */
static bool is_stale(const struct exchange *exchange)
{
	const struct upstream *upstream = exchange->upstream;
	bool unsent = exchange->request.broken && !exchange->request.arrived;

	return upstream && upstream->reused && !upstream->heard && !exchange->stale &&
	       !exchange->answer.committed && !exchange->request.lost &&
	       (unsent || is_safe(exchange->came.method));
}

void exchange_try_broke(struct exchange *exchange, int error, const char *reason)
{
	static const struct exchange_failure reset = { RETRY_RESET, 503, ACCESSLOG_UC,
						       "upstream_reset" };
	struct exchange_failure bad = { RETRY_RESET, 502, ACCESSLOG_UPE, reason };

	if (error != -EBADMSG && is_stale(exchange)) {
		exchange->stale = true;
		end_for_another(exchange);
		exchange_try_start(exchange);
		return;
	}
	exchange_try_fail(exchange, error == -EBADMSG ? &bad : &reset);
}
