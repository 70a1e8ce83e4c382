/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP messages as the proxy holds them between two codecs: what was parsed, and what will be
 * serialised anew; no byte of a peer is ever forwarded as it came. Texts are pieces of a buffer or
 * arena that outlives the message.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Not NUL-terminated. */
struct http_text {
	const char *at;
	size_t len;
};

#define HTTP_TEXT(literal) ((struct http_text){ (literal), sizeof(literal) - 1 })

struct http_text http_text_of(const char *string);
bool http_text_equal(struct http_text a, struct http_text b);
/* ASCII case does not count; b is in lower case. */
bool http_text_is(struct http_text a, const char *b);
bool http_text_starts(struct http_text text, const char *prefix);

/* Fields that somebody here looks for, so that nobody compares names on the request path. */
#define HTTP_FIELDS(X)                                                                             \
	X(HOST, "host")                                                                            \
	X(CONTENT_LENGTH, "content-length")                                                        \
	X(TRANSFER_ENCODING, "transfer-encoding")                                                  \
	X(CONNECTION, "connection")                                                                \
	X(KEEP_ALIVE, "keep-alive")                                                                \
	X(PROXY_CONNECTION, "proxy-connection")                                                    \
	X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                \
	X(PROXY_AUTHORIZATION, "proxy-authorization")                                              \
	X(TE, "te")                                                                                \
	X(TRAILER, "trailer")                                                                      \
	X(UPGRADE, "upgrade")                                                                      \
	X(EXPECT, "expect")                                                                        \
	X(DATE, "date")                                                                            \
	X(SERVER, "server")                                                                        \
	X(USER_AGENT, "user-agent")                                                                \
	X(AUTHORIZATION, "authorization")                                                          \
	X(COOKIE, "cookie")                                                                        \
	X(VIA, "via")                                                                              \
	X(FORWARDED, "forwarded")                                                                  \
	X(X_FORWARDED_FOR, "x-forwarded-for")                                                      \
	X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                  \
	X(X_FORWARDED_HOST, "x-forwarded-host")                                                    \
	X(X_FORWARDED_PORT, "x-forwarded-port")                                                    \
	X(X_REQUEST_ID, "x-request-id")                                                            \
	X(RETRY_AFTER, "retry-after")

#define HTTP_FIELD_ENUM(id, name) HTTP_##id,
enum http_field_id {
	HTTP_OTHER,
	HTTP_FIELDS(HTTP_FIELD_ENUM) HTTP_FIELD_MAX
};
#undef HTTP_FIELD_ENUM

struct http_field {
	struct http_text name;	/* lower case */
	struct http_text value; /* without white space around it */
	enum http_field_id id;
};

/* Which known field a name in lower case is. */
enum http_field_id http_field_find(struct http_text name);

enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* responses only */
};

struct http_fields {
	struct http_field *items; /* in an arena */
	size_t n, cap;
};

/* Appends a copy of a field that somebody else has made; its id is right. */
void http_fields_append(struct http_fields *fields, struct arena *arena,
			const struct http_field *field);
/* Appends; id is looked up. */
void http_fields_add(struct http_fields *fields, struct arena *arena, struct http_text name,
		     struct http_text value);
/* Removes all of that name (lower case). Returns how many there were. */
size_t http_fields_remove(struct http_fields *fields, struct http_text name);
/* The first of that id, or NULL. */
const struct http_field *http_fields_get(const struct http_fields *fields, enum http_field_id id);

struct http_request {
	struct http_text method;
	struct http_text scheme;    /* "http" or "https": of the connection */
	struct http_text authority; /* host[:port], lower case, checked */
	struct http_text host;	    /* authority without port; brackets of IPv6 kept */
	uint16_t port;		    /* of authority, 0 = none */
	struct http_text path;	    /* normalised: what is matched and what is sent */
	struct http_text query;	    /* behind '?', without it; at NULL: there was no '?' */
	struct http_fields fields;  /* all but host, content-length and transfer-encoding */
	uint8_t minor;		    /* HTTP/1.minor */
	bool head;		    /* the method is HEAD */
	bool keep_alive;	    /* the client means to go on */
	bool expect_continue;
	enum http_framing framing;
	uint64_t length; /* with HTTP_LENGTH */
};

struct http_response {
	uint16_t status;
	struct http_text reason;
	struct http_fields fields; /* all but content-length and transfer-encoding */
	uint8_t minor;
	bool keep_alive;
	enum http_framing framing;
	uint64_t length; /* with HTTP_LENGTH; also what a HEAD or 304 would have had */
	bool has_length;
};

/* Statuses and the phrases for those who read them (RFC 9110, 15). */
#define HTTP_REASONS(X)                                                                            \
	X(100, "Continue")                                                                         \
	X(101, "Switching Protocols")                                                              \
	X(103, "Early Hints")                                                                      \
	X(200, "OK")                                                                               \
	X(201, "Created")                                                                          \
	X(202, "Accepted")                                                                         \
	X(204, "No Content")                                                                       \
	X(206, "Partial Content")                                                                  \
	X(301, "Moved Permanently")                                                                \
	X(302, "Found")                                                                            \
	X(303, "See Other")                                                                        \
	X(304, "Not Modified")                                                                     \
	X(307, "Temporary Redirect")                                                               \
	X(308, "Permanent Redirect")                                                               \
	X(400, "Bad Request")                                                                      \
	X(401, "Unauthorized")                                                                     \
	X(403, "Forbidden")                                                                        \
	X(404, "Not Found")                                                                        \
	X(405, "Method Not Allowed")                                                               \
	X(408, "Request Timeout")                                                                  \
	X(413, "Content Too Large")                                                                \
	X(414, "URI Too Long")                                                                     \
	X(417, "Expectation Failed")                                                               \
	X(421, "Misdirected Request")                                                              \
	X(426, "Upgrade Required")                                                                 \
	X(429, "Too Many Requests")                                                                \
	X(431, "Request Header Fields Too Large")                                                  \
	X(500, "Internal Server Error")                                                            \
	X(501, "Not Implemented")                                                                  \
	X(502, "Bad Gateway")                                                                      \
	X(503, "Service Unavailable")                                                              \
	X(504, "Gateway Timeout")                                                                  \
	X(505, "HTTP Version Not Supported")

/* Empty for a status that is not in the table: a phrase is never needed. */
struct http_text http_reason(unsigned status);
