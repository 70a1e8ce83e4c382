/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to an endpoint, spoken to in HTTP/1.1: one exchange at a time, or idle in the pool.
 * Callbacks come from the loop, never from inside a call; each is the last thing that the
 * connection does, so that the exchange may close it from inside.
 */
#pragma once
#include "http/conn.h"
#include "proxy/cluster.h"
#include "proxy/inbuf.h"

struct worker;

struct upstream_ops {
	/* The connection stands (0), or will not. */
	void (*connected)(void *arg, int error);
	/* What was sent is on its way. The bytes are the exchange's again. */
	void (*sent)(void *arg, int error);
	/* A head, interim ones too. Texts are in the exchange's arena. */
	void (*head)(void *arg, const struct http_response *response);
	/* Asked for by upstream_read(): content, perhaps none at the end. */
	void (*body)(void *arg, struct piece piece, bool end);
	/* -EBADMSG: what came is no HTTP, reason says why; else the connection broke. */
	void (*failed)(void *arg, int error, const char *reason);
};

/* A part of a request: the head, content, the end, or any of them together. */
struct upstream_part {
	const struct http_request *head;
	const struct iovec *content; /* none of them empty */
	int n_content;		     /* at most UPSTREAM_CONTENT_MAX */
	bool end;
	const struct http_fields *trailers; /* at the end; may be NULL */
};
#define UPSTREAM_CONTENT_MAX 12

struct upstream {
	struct worker *worker;
	struct conn *conn;
	struct cluster *cluster;   /* a reference; counted in its breaker */
	struct endpoint *endpoint; /* the same */
	/* Of the pool. */
	struct upstream *slot_next, *slot_prev, *idle_next, *idle_prev;
	uint64_t idle_until; /* 0: it is not idle */
	/* Of the exchange that has it; ops is NULL without one. */
	const struct upstream_ops *ops;
	void *arg;
	struct arena *arena;
	bool to_head;
	bool reused;	   /* it has served before */
	bool heard;	   /* a byte of the answer came */
	bool in_head;	   /* awaits one */
	bool reading;	   /* content is asked for */
	bool receiving;	   /* a receive is under way */
	bool request_done; /* all of it is sent */
	bool chunked, first_chunk;
	bool keep_alive;
	struct inbuf in;
	struct h1_body body;
	uint32_t served;
	char chunk_line[H1_CHUNK_LEN];
};

/*
 * Begins to connect; a connection has been counted in the breaker by the caller, and is given back
 * at the end, also by a failure here. -errno.
 */
int upstream_open(struct worker *worker, const struct cluster_view *view, struct endpoint *endpoint,
		  struct upstream **ret_upstream);
/* Before the first exchange and after each one, whatever happened to it. NULL is legal. */
void upstream_close(struct upstream *upstream);

/* Begins an exchange. Answers to HEAD have no body. */
void upstream_begin(struct upstream *upstream, const struct upstream_ops *ops, void *arg,
		    struct arena *arena, bool to_head);
/* One at a time, after connected. */
void upstream_send(struct upstream *upstream, const struct upstream_part *part);
/* Awaits the head, after an interim one the next. */
void upstream_read_head(struct upstream *upstream);
/* Content that came along with the head: 1, 0 (none, or the body is done) or -EBADMSG. */
int upstream_take(struct upstream *upstream, struct piece *ret_piece);
void upstream_read(struct upstream *upstream);
/* The answer is read to its end. */
bool upstream_answered(const struct upstream *upstream);
/* Could another exchange follow? Asked when this one is over. */
bool upstream_reusable(const struct upstream *upstream);
/* Of a pooled one: has the endpoint said nothing since, not even farewell? Costs a system call. */
bool upstream_is_quiet(const struct upstream *upstream);
/* The exchange lets go; to be pooled then. Watches for the endpoint closing it. */
void upstream_end(struct upstream *upstream);
