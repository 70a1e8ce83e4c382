/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the API server(s): authentication, connections, time-outs. All callbacks come from
 * narud's loop, never from inside a call.
 */
#pragma once
#include <stddef.h>

struct client;
struct client_call;

enum client_lane { /* two connections: a stuck watch must not starve writes */
	CLIENT_WATCH,
	CLIENT_REST,
};

struct client_request {
	enum client_lane lane;
	const char *method;	  /* "GET", "PUT", "PATCH", "POST", "DELETE" */
	const char *path;	  /* with query, percent-encoded */
	const char *accept;	  /* NULL: application/json */
	const char *content_type; /* of body */
	const char *body;	  /* copied */
	size_t len;
	unsigned timeout_s; /* for the whole answer; 0: none (a watch has its own) */
};

struct client_ops {
	/* 0: no Retry-After. */
	void (*head)(void *arg, int status, unsigned retry_after_s);
	/* Inflated, in pieces of any size. */
	void (*data)(void *arg, const char *data, size_t len);
	/*
	 * Exactly once and last: 0 whole answer; -ETIMEDOUT, -ECONNRESET, -EPROTO, -EACCES (no
	 * credentials)... The call is gone after.
	 */
	void (*end)(void *arg, int error);
};

struct client_call *client_start(struct client *client, const struct client_request *request,
				 const struct client_ops *ops, void *arg);
/* No callback after; NULL is legal. */
void client_cancel(struct client_call *call);
