// SPDX-License-Identifier: Apache-2.0
/*
 * The answer's way back to the client, one piece at a time, and the answers that we give ourselves.
 * Invariants: one head is sent, and once it is on its way nothing can turn the answer into another;
 * a connection that has served is given back as soon as the answer is read, not when the client
 * has it.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/exchange_inner.h"
#include "proxy/filter.h"

static void pass(struct exchange *exchange, const struct exchange_part *part)
{
	struct exchange_answer *answer = &exchange->answer;

	exchange_progress(exchange);
	answer->sending = true;
	answer->interim = part->head && part->head->status < 200;
	answer->all = part->end;
	if (!answer->interim) {
		answer->committed = true;
		exchange->sent += part->content ? part->content->len : 0;
	}
	exchange->ops->send(exchange->client, part);
}

static void commit(struct exchange *exchange, const struct http_response *response)
{
	exchange->first_byte_us = clock_us();
	exchange->status = response->status;
}

/* ---- interim answers ---- */

static bool wants_interim(const struct exchange *exchange)
{
	return exchange->came.minor > 0;
}

static void send_interim(struct exchange *exchange, const struct http_response *response)
{
	struct exchange_part part = { .head = response };

	pass(exchange, &part);
}

void exchange_answer_continue(struct exchange *exchange)
{
	struct http_response response = { .status = 100, .minor = 1, .keep_alive = true };

	/* Behind what is being sent. */
	if (exchange->answer.sending) {
		exchange_set(exchange, EXCHANGE_CONTINUE, 1);
		return;
	}
	exchange->answer.told = true;
	exchange_request_release(exchange);
	send_interim(exchange, &response);
	exchange_request_pump(exchange);
}

/* What goes to the client of what the endpoint said. */
static int filter(struct exchange *exchange, const struct http_response *response,
		  struct http_response *ret_response)
{
	const struct rule *rule = exchange->hit.rule;
	int r = filter_response(rule, response, &exchange->arena, ret_response);

	if (!r)
		filter_change(&rule->plan->backends[exchange->backend].response_headers,
			      &exchange->arena, &ret_response->fields);
	return r;
}

static void take_interim(struct exchange *exchange, const struct http_response *response)
{
	bool is_continue = response->status == 100;
	struct http_response filtered;

	if (response->status == 101 || exchange->answer.interims++ == EXCHANGE_INTERIM_MAX ||
	    filter(exchange, response, &filtered)) {
		exchange_try_broke(exchange, -EBADMSG, "an interim answer that nobody asked for");
		return;
	}
	/* One that comes late, or to a client that does not wait, says nothing. */
	if (!wants_interim(exchange) || exchange->answer.sending ||
	    (is_continue && !exchange->request.held)) {
		upstream_read_head(exchange->upstream);
		return;
	}
	if (is_continue) {
		exchange->answer.told = true;
		exchange_request_release(exchange);
	}
	send_interim(exchange, &filtered);
	if (is_continue)
		exchange_request_pump(exchange);
}

/* ---- an endpoint's answer ---- */

/* All of it is read: the connection goes back before the client has it. */
static void send_part(struct exchange *exchange, struct exchange_part *part)
{
	if (part->end) {
		exchange->answer.trailers = exchange->upstream->body.trailers;
		part->trailers = &exchange->answer.trailers;
		if (exchange->request.ended && !exchange->request.sending)
			exchange_try_end(exchange);
	}
	pass(exchange, part);
}

static void take_final(struct exchange *exchange, const struct http_response *response)
{
	struct exchange_answer *answer = &exchange->answer;
	struct exchange_part part = { .head = &answer->head, .content = &answer->piece };

	if (filter(exchange, response, &answer->head) ||
	    upstream_take(exchange->upstream, &answer->piece) < 0) {
		exchange_try_broke(exchange, -EBADMSG, "the answer cannot be passed on");
		return;
	}
	/* A request that is not here yet may never be read to its end. */
	answer->head.keep_alive = exchange->request.all;
	part.end = upstream_answered(exchange->upstream);
	commit(exchange, &answer->head);
	send_part(exchange, &part);
}

void exchange_answer_head(struct exchange *exchange, const struct http_response *response)
{
	exchange_progress(exchange);
	if (response->status < 200) {
		take_interim(exchange, response);
		return;
	}
	exchange_clear(exchange, EXCHANGE_TRY);
	exchange_clear(exchange, EXCHANGE_CONTINUE);
	exchange_try_note(exchange, response->status);
	if (exchange_try_again(exchange, response->status))
		return;
	exchange->detail = "via_upstream";
	if (!exchange->answer.sending) {
		take_final(exchange, response);
		return;
	}
	exchange->answer.late = true;
	exchange->answer.late_head = *response;
}

void exchange_answer_body(struct exchange *exchange, struct piece piece, bool end)
{
	struct exchange_part part = { .content = &exchange->answer.piece, .end = end };

	exchange->answer.piece = piece;
	send_part(exchange, &part);
}

/* ---- answers of ours ---- */

void exchange_answer_send(struct exchange *exchange, const struct http_response *response,
			  struct http_text body)
{
	struct exchange_answer *answer = &exchange->answer;
	struct exchange_part part = { .head = &answer->head,
				      .content = &answer->piece,
				      .end = true };

	answer->head = *response;
	answer->local = true;
	http_fields_add(&answer->head.fields, &exchange->arena, HTTP_TEXT("date"),
			worker_date(exchange->worker));
	/* A body that is not read to its end would be taken for a request. */
	answer->head.keep_alive = response->keep_alive && exchange->request.all;
	if (exchange->came.head)
		answer->head.framing = HTTP_NO_BODY;
	else
		answer->piece = (struct piece){ .at = body.at, .len = body.len };
	commit(exchange, &answer->head);
	pass(exchange, &part);
}

static void send_local(struct exchange *exchange, unsigned status, const char *reason)
{
	struct arena *arena = &exchange->arena;
	struct http_response response = {
		.status = (uint16_t)status,
		.minor = 1,
		.keep_alive = exchange->came.keep_alive,
		.framing = HTTP_LENGTH,
		.has_length = true,
	};
	struct http_text phrase = http_reason(status);
	const char *text = arena_printf(arena, "%.*s%s%s\n", (int)phrase.len, phrase.at,
					*reason ? ": " : "", reason);

	response.length = strlen(text);
	http_fields_add(&response.fields, arena, HTTP_TEXT("content-type"),
			HTTP_TEXT("text/plain; charset=utf-8"));
	if (exchange->flags & 1U << ACCESSLOG_UO)
		http_fields_add(&response.fields, arena, HTTP_TEXT("x-envoy-overloaded"),
				HTTP_TEXT("true"));
	exchange_answer_send(exchange, &response, (struct http_text){ text, response.length });
}

void exchange_answer_local(struct exchange *exchange, unsigned status, const char *reason)
{
	struct exchange_answer *answer = &exchange->answer;

	if (answer->committed) {
		exchange_cut(exchange);
		return;
	}
	exchange_try_end(exchange);
	exchange_clear(exchange, EXCHANGE_BODY);
	exchange_clear(exchange, EXCHANGE_BACKOFF);
	if (!answer->sending) {
		send_local(exchange, status, reason);
		return;
	}
	answer->owed = status;
	answer->owed_reason = reason;
}

/* ---- from the client ---- */

static void after_interim(struct exchange *exchange)
{
	if (exchange->answer.owed)
		send_local(exchange, exchange->answer.owed, exchange->answer.owed_reason);
	else if (exchange->answer.late)
		take_final(exchange, &exchange->answer.late_head);
	else if (exchange->upstream)
		upstream_read_head(exchange->upstream);
}

void exchange_answer_sent(struct exchange *exchange, int error)
{
	struct exchange_answer *answer = &exchange->answer;

	answer->sending = false;
	inbuf_piece_free(&answer->piece, exchange->worker->io);
	if (error) {
		exchange_flag(exchange, ACCESSLOG_DC, "client_gone");
		exchange_cut(exchange);
		return;
	}
	exchange_progress(exchange);
	if (answer->interim)
		after_interim(exchange);
	else if (answer->all)
		exchange_finish(exchange);
	else
		upstream_read(exchange->upstream);
}
