/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.x both sides: heads and bodies to and from bytes (RFC 9112), as strict as an edge has to
 * be: what could be read in two ways is refused, never repaired. No I/O here.
 */
#pragma once
#include <sys/types.h>

#include "http/http.h"

struct h1_limits {
	size_t head_bytes; /* of a whole head; at most IO_BUF_SIZE makes sense */
	size_t fields;
	size_t target_bytes;
};

extern const struct h1_limits h1_default_limits;

#define H1_METHOD_MAX 32

/* Why a message was refused: what a client is told, and a word for the log. */
struct h1_error {
	uint16_t status;    /* 400, 405, 408, 414, 417, 431, 501, 505 */
	const char *reason; /* static: "two Content-Length fields" */
};

/* Bytes that a head is looked for in. */
struct h1_input {
	char *buf; /* changed by parsing: names to lower case */
	size_t len;
	size_t scanned; /* 0 at first: saves looking at the same bytes again */
	const struct h1_limits *limits;
	struct arena *arena;
};

/*
 * Parses the head at the beginning of the input. Texts of the result point into buf and the arena.
 * Returns the length of the head; -EAGAIN: it is not complete yet; -EBADMSG: refused, *ret_error
 * says why, and the connection must not be used any more. One empty line before a request is
 * skipped (RFC 9112, 2.2). Names with '_' pass unless a reader that takes '_' for '-', as CGI does,
 * would take one for a field of routing, framing or identity ("X_Forwarded_For").
 */
ssize_t h1_parse_request(struct h1_input *input, bool tls, struct http_request *ret_request,
			 struct h1_error *ret_error);
/* The answer to a request of that method decides the framing. 1xx answers have no body. */
ssize_t h1_parse_response(struct h1_input *input, bool to_head, struct http_response *ret_response,
			  struct h1_error *ret_error);

/* ---- bodies ---- */

/* A body being read. */
struct h1_body {
	enum http_framing framing;
	bool done;
	uint64_t left;		     /* of the length, or of the chunk */
	uint64_t total;		     /* bytes of content so far */
	int state;		     /* of the chunked coding */
	size_t overhead;	     /* bytes of chunk extensions and trailers so far: bounded */
	struct http_fields trailers; /* of a chunked body that is done; forbidden ones left out */
	struct arena *arena;	     /* for trailers */
	char *line;		     /* a trailer line in the making */
	size_t line_len;
};

void h1_body_init(struct h1_body *body, enum http_framing framing, uint64_t length,
		  struct arena *arena);
/*
 * Takes bytes: returns how many were used up; *ret_piece is the next piece of content in data,
 * perhaps empty. To be called until all is used up or body->done. -EBADMSG: broken framing.
 */
ssize_t h1_body_next(struct h1_body *body, const char *data, size_t len,
		     struct http_text *ret_piece);
/* The stream ended: 0 when that is the body's end, -EBADMSG when it is cut short. */
int h1_body_end(struct h1_body *body);

/* ---- to bytes: texts in the arena ---- */

/*
 * Host, framing fields and Connection are written from the message, the rest from its fields. Of a
 * response, minor is here the client's: one of HTTP/1.0 is told when its connection is kept. A
 * response without body is written without framing fields, unless has_length is set: an empty one
 * to a request that is not HEAD has HTTP_LENGTH of 0. Whatever a text holds, it cannot end its
 * line: '_' stands for a byte that has no place in a method, target or name, a space for one in a
 * value.
 */
struct http_text h1_format_request(struct arena *arena, const struct http_request *request);
struct http_text h1_format_response(struct arena *arena, const struct http_response *response);

/* Room for the line before a chunk, with the end of the chunk before it. */
#define H1_CHUNK_LEN 24
/* Writes "[\r\n]len\r\n"; returns its length. */
size_t h1_format_chunk(char buf[static H1_CHUNK_LEN], bool first, size_t len);
/* The end of a chunked body: "[\r\n]0\r\n", trailers, "\r\n". */
struct http_text h1_format_last_chunk(struct arena *arena, bool first,
				      const struct http_fields *trailers);
