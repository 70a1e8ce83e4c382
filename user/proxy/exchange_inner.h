/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange as its own files see it: exchange.c has its life, exchange_try.c the tries,
 * exchange_request.c the request's way to the endpoint, exchange_answer.c the answer's way back.
 * Whoever ends an exchange, or hands on a failure, does nothing with it afterwards.
 */
#pragma once
#include "proxy/accesslog.h"
#include "proxy/deadline.h"
#include "proxy/exchange.h"
#include "proxy/pool.h"
#include "proxy/retry.h"
#include "proxy/upstream.h"
#include "proxy/view.h"
#include "proxy/worker.h"

/* Bytes of a body that are kept for another try. */
#define EXCHANGE_KEEP_MAX ((size_t)64 * 1024)
/* Endpoints that are remembered as tried. */
#define EXCHANGE_TRIED_MAX 8
/* Interim answers of one request. */
#define EXCHANGE_INTERIM_MAX 16

/* Times that may come, the most important first. */
enum exchange_time {
	EXCHANGE_TOTAL,	   /* of the rule: for everything */
	EXCHANGE_TRY,	   /* of the rule: for one try */
	EXCHANGE_CONNECT,  /* of the cluster */
	EXCHANGE_CONTINUE, /* until the client is told to go on */
	EXCHANGE_BACKOFF,  /* until the next try */
	EXCHANGE_BODY,	   /* for the client's next piece */
	EXCHANGE_STREAM,   /* without progress */
	EXCHANGE_TIME_MAX
};

/* The request on its way to the endpoint. */
struct exchange_request {
	struct piece piece; /* came, and is not sent; empty when it is kept */
	bool all;	    /* all of the body came */
	const struct http_fields *trailers;
	bool reading; /* the client is asked for more */
	bool held;    /* the body waits for 100 Continue */
	/* Of this try. */
	bool ready;   /* the connection stands */
	bool begun;   /* the head is sent, or being sent */
	bool sending; /* something is */
	bool carried; /* the piece is in it */
	bool arrived; /* the first send is over */
	bool ended;   /* the end is sent, or being sent */
	bool broken;  /* a send failed: nothing more goes, but an answer may come */
	/* For another try. */
	bool keep;		    /* what came is in kept */
	bool lost;		    /* something was sent and is not kept */
	struct io_buf *kept, *last; /* full ones, but for the last */
	size_t n_kept, n_sent;	    /* bytes; of them sent in this try */
};

/* The answer on its way to the client. */
struct exchange_answer {
	struct http_response head;
	struct http_fields trailers;
	struct piece piece; /* being sent */
	bool sending, interim;
	bool committed; /* the head is sent, or being sent: it cannot be another any more */
	bool all;	/* the end of it is sent, or being sent */
	bool local;	/* it is ours */
	bool told;	/* the client was told to continue */
	unsigned interims;
	/* What waits for an interim one to be sent: ours, by its status, or an endpoint's. */
	unsigned owed;
	const char *owed_reason;
	bool late;
	struct http_response late_head;
};

struct exchange {
	struct worker *worker;
	const struct exchange_ops *ops;
	void *client;
	struct exchange_origin origin;
	struct arena arena;
	struct deadline deadline;
	uint64_t at[EXCHANGE_TIME_MAX]; /* 0: not set */
	struct view *view;
	struct http_request came, outgoing;
	struct table_hit hit;
	int backend; /* -1: none */
	const struct cluster_view *cluster;
	bool counted;		   /* in the breaker, as a request */
	bool retrying;		   /* in the breaker, as a retry */
	struct endpoint *endpoint; /* of this try; NULL: none is under way */
	struct upstream *upstream;
	struct pool_wait wait;
	unsigned tries;
	bool stale; /* one of the tries met a connection that was closed while idle */
	struct endpoint *tried[EXCHANGE_TRIED_MAX];
	size_t n_tried;
	struct exchange_request request;
	struct exchange_answer answer;
	/* For the log. */
	uint64_t start_us, began_us, first_byte_us;
	uint64_t received, sent;
	uint32_t flags;
	unsigned status;
	const char *detail;
	struct addr upstream_addr;
	uint16_t upstream_port;
	struct exchange *next; /* among the spare ones */
};

/* ---- exchange.c ---- */

void exchange_set(struct exchange *exchange, enum exchange_time time, uint64_t ms);
void exchange_clear(struct exchange *exchange, enum exchange_time time);
void exchange_flag(struct exchange *exchange, enum accesslog_flag flag, const char *detail);
/* Both sides have moved. */
void exchange_progress(struct exchange *exchange);
/* The answer is sent to its end. */
void exchange_finish(struct exchange *exchange);
/* The answer cannot become whole. */
void exchange_cut(struct exchange *exchange);

/* ---- exchange_try.c ---- */

/* Why a try failed: what it is for the retry policy, for the client and for the log. */
struct exchange_failure {
	enum retry_cause cause;
	unsigned status;
	enum accesslog_flag flag;
	const char *detail;
};

void exchange_try_start(struct exchange *exchange);
/* Another one if policy and breaker allow it, else an answer of ours. */
void exchange_try_fail(struct exchange *exchange, const struct exchange_failure *failure);
/* The connection broke, or what came is no HTTP. */
void exchange_try_broke(struct exchange *exchange, int error, const char *reason);
/* An answer with that status: true when there is another try instead. */
bool exchange_try_again(struct exchange *exchange, unsigned status);
/* Notes what an endpoint did. */
void exchange_try_note(struct exchange *exchange, unsigned status);
/* Gives the connection back, to the pool if it is fit for it. */
void exchange_try_end(struct exchange *exchange);

/* ---- exchange_request.c ---- */

/* What came with the head. */
void exchange_request_init(struct exchange *exchange, struct piece piece, bool all);
void exchange_request_fini(struct exchange *exchange);
/* A try begins: everything is to be sent. */
void exchange_request_rewind(struct exchange *exchange);
/* Does what can be done next. */
void exchange_request_pump(struct exchange *exchange);
void exchange_request_sent(struct exchange *exchange, int error);
/* From the client. */
void exchange_request_body(struct exchange *exchange, struct piece piece, bool end,
			   const struct http_fields *trailers);
/* The client may go on: the body is sent. */
void exchange_request_release(struct exchange *exchange);

/* ---- exchange_answer.c ---- */

void exchange_answer_head(struct exchange *exchange, const struct http_response *response);
void exchange_answer_body(struct exchange *exchange, struct piece piece, bool end);
/* Sends a made answer; body: text, or empty. */
void exchange_answer_send(struct exchange *exchange, const struct http_response *response,
			  struct http_text body);
/* An answer of ours instead of an endpoint's; cuts when it is too late for that. */
void exchange_answer_local(struct exchange *exchange, unsigned status, const char *reason);
void exchange_answer_sent(struct exchange *exchange, int error);
/* Tells the client to continue. */
void exchange_answer_continue(struct exchange *exchange);
