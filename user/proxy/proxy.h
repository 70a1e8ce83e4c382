/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: worker threads and what all share. control.c, on the main thread, tells it what
 * narud wants; all functions here are for that thread.
 */
#pragma once
#include "feed/report.h"
#include "proxy/table.h"
#include "proxy/times.h"

struct proxy;

struct proxy_config {
	unsigned threads; /* at least 1 */
	uint32_t drain_ms;
	int access_log;		   /* descriptor, taken over; -1: none */
	const struct times *times; /* NULL: the usual ones */
};

/* Starts the threads. -errno. */
int proxy_start(const struct proxy_config *config, struct proxy **ret_proxy);
/* Stops at once, whatever is under way, and waits for the threads. */
void proxy_stop(struct proxy *proxy);

/*
 * Accepts from a listening, non-blocking socket (taken over) in one worker, or in all (-1). id is
 * the caller's. Accepting a connection to an address without a bind closes it.
 */
int proxy_listen(struct proxy *proxy, uint32_t id, int worker, int fd);
/* Takes what waits in the queue, then closes the socket. Unknown ids are ignored. */
void proxy_unlisten(struct proxy *proxy, uint32_t id);

/*
 * Puts a snapshot in force, taking over what l7 holds: requests that begin after every worker has
 * switched use it: proxy_generation() says so then. -EINVAL with *ret_error: nothing is
 * changed.
 */
int proxy_apply(struct proxy *proxy, struct plan_l7 *l7, uint64_t generation, table_cert_fn certs,
		void *certs_arg, char **ret_error);
/* A descriptor that turns readable when proxy_process() has something to do: a table is in force in
 * all workers, or the drain is over. */
int proxy_fd(const struct proxy *proxy);
void proxy_process(struct proxy *proxy);
/* In force in all workers. */
uint64_t proxy_generation(const struct proxy *proxy);

/*
 * Ends gracefully within drain_ms: answers say "Connection: close", idle connections are closed,
 * new ones are still accepted for the first four fifths of the time or until none came for a
 * second; then listeners are emptied and closed; what is left at the end is cut.
 */
void proxy_drain(struct proxy *proxy);
bool proxy_drained(const struct proxy *proxy);

/* For report_fini(). */
void proxy_report(const struct proxy *proxy, struct report *ret_report);
