/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log: a line of JSON per request, with Envoy's response flags. Workers fill chunks; a
 * thread of its own writes them, so that a slow reader never holds a request up: what does not fit
 * into the queue is dropped and counted.
 */
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "http/http.h"

/* Envoy's flags, by the names that its users grep for. */
#define ACCESSLOG_FLAGS(X)                                                                         \
	X(NR, "no route or rule took the request")                                                 \
	X(NC, "the rule's backend does not exist")                                                 \
	X(UH, "no endpoint takes requests")                                                        \
	X(UF, "no connection to an endpoint")                                                      \
	X(UC, "the endpoint closed the connection before its answer was whole")                    \
	X(UO, "the circuit breaker is open")                                                       \
	X(UT, "no answer in time")                                                                 \
	X(UPE, "the endpoint's answer was no HTTP")                                                \
	X(URX, "the last allowed retry failed")                                                    \
	X(DC, "the client went away")                                                              \
	X(DPE, "the client's request was no HTTP")                                                 \
	X(DT, "the request took too long")                                                         \
	X(RLX, "a regular expression reached its limit")

#define ACCESSLOG_ENUM(id, help) ACCESSLOG_##id,
enum accesslog_flag {
	ACCESSLOG_FLAGS(ACCESSLOG_ENUM) ACCESSLOG_FLAG_MAX
};
#undef ACCESSLOG_ENUM

/* One request. Texts may be empty. */
struct accesslog_entry {
	uint64_t start_us; /* since 1970 */
	uint64_t duration_us;
	int64_t first_byte_us; /* of the answer, -1: none */
	struct http_text method, authority, path, query, user_agent, request_id;
	uint8_t minor;
	bool tls;
	unsigned status;		     /* 0: nothing was sent */
	uint32_t flags;			     /* a bit per enum accesslog_flag */
	uint64_t bytes_received, bytes_sent; /* of bodies */
	struct addr client, upstream;	     /* upstream zero: none */
	uint16_t client_port, upstream_port;
	unsigned tries;
	const char *listener, *rule, *cluster; /* names; "" = none */
	const char *detail;		       /* why a message was refused; "" */
};

struct accesslog;
struct accesslog_writer; /* a worker's */

/* Takes over fd; -1: entries go nowhere. */
int accesslog_open(int fd, struct accesslog **ret_log);
/* Writes what is queued, waits at most a second. Writers must be gone. */
void accesslog_close(struct accesslog *log);
uint64_t accesslog_dropped(const struct accesslog *log);

struct accesslog_writer *accesslog_writer_new(struct accesslog *log);
void accesslog_writer_free(struct accesslog_writer *writer);
void accesslog_write(struct accesslog_writer *writer, const struct accesslog_entry *entry);
/* To be called when the worker has nothing else to do, at least twice a second. */
void accesslog_flush(struct accesslog_writer *writer);
