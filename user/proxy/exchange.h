/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer: route, policy, endpoint, connection, and both bodies on their way.
 * It does not know how the client's side is spoken: that is behind struct exchange_ops, which
 * downstream.c has for HTTP/1.
 *
 * The client's side starts an exchange, gives it what it asks for and says what became of what it
 * sent. An exchange ends with one call of over(), or of exchange_gone().
 */
#pragma once
#include "http/h1.h"
#include "proxy/inbuf.h"
#include "proxy/table.h"

struct exchange;
struct view;
struct worker;

enum exchange_end {
	EXCHANGE_WHOLE,	 /* request and answer are */
	EXCHANGE_UNREAD, /* the answer is; the rest of the request must not be taken for another */
	EXCHANGE_CUT,	 /* the answer is not, and the client must see that */
};

/* A part of an answer: a head (also an interim one), content, the end, or several of them. */
struct exchange_part {
	const struct http_response *head; /* keep_alive: as far as the exchange is concerned */
	const struct piece *content;	  /* stays the exchange's; NULL: none */
	bool end;
	const struct http_fields *trailers; /* at the end; may be NULL */
};

struct exchange_ops {
	/* exchange_on_body() is awaited; it may be called from inside. */
	void (*read)(void *client);
	/* exchange_on_sent() is awaited; it may be called from inside, as the last thing. */
	void (*send)(void *client, const struct exchange_part *part);
	/* The exchange is gone, and nothing that was sent is used any more. */
	void (*over)(void *client, enum exchange_end end);
};

/* Where a request came from. */
struct exchange_origin {
	struct addr addr;
	uint16_t port;
	uint16_t local_port;
	bool tls;
};

/* view: what the request is served by. */
struct exchange *exchange_new(struct worker *worker, struct view *view,
			      const struct exchange_ops *ops, void *client,
			      const struct exchange_origin *origin);
/* For what is to live as long as the exchange: the request's texts. */
struct arena *exchange_arena(struct exchange *exchange);
/* Frees those that a worker keeps for the next requests. */
void exchange_free_spare(struct worker *worker);

/*
 * The request as it came, to be answered as the bind says (NULL: there is none any more); piece is
 * what is there of its body, taken over, all of it when end is set.
 */
void exchange_start(struct exchange *exchange, const struct bind *bind,
		    const struct http_request *request, struct piece piece, bool end);
/* Instead: what came is no request; as much of it as is known, or NULL. */
void exchange_refuse(struct exchange *exchange, const struct http_request *request,
		     const struct h1_error *error);

/* The next piece, perhaps empty at the end. */
void exchange_on_body(struct exchange *exchange, struct piece piece, bool end,
		      const struct http_fields *trailers);
/* The framing of the body is broken. */
void exchange_on_bad_body(struct exchange *exchange);
void exchange_on_sent(struct exchange *exchange, int error);
/* The client went away: ends the exchange, over() is not called. */
void exchange_gone(struct exchange *exchange);
