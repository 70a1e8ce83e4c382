/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the API server(s): authentication, connections, time-outs. All callbacks come from
 * narud's loop, never from inside a call.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr;
struct client;
struct client_call;
struct kubeconfig;
struct loop;
struct timing;

/* 0 stands for what it should be. */
struct client_times {
	unsigned silence_ms; /* without a byte of a server: 30 s, then a PING */
	unsigned answer_ms;  /* for an answer to it: 15 s */
	unsigned connect_ms; /* for one address, with TLS: 5 s */
};

struct client_config {
	struct loop *loop;
	const struct kubeconfig *access; /* outlives the client */
	bool exec;			 /* its program may be run: not in daemons */
	const char *const *servers;	 /* "https://HOST:PORT" of more servers of the cluster */
	size_t n_servers;
	const char *learned_name; /* of servers that are learned; NULL: the first one's */
	const char *agent;	  /* "narud/0.1.0" */
	struct client_times times;
	const struct timing *timing; /* NULL: the clock */
};

/* Connects when there is something to ask. -EINVAL: *ret_error, a new string, says why. */
int client_open(const struct client_config *config, struct client **ret_client, char **ret_error);
/* No callback after; not from inside one. NULL is legal. */
void client_close(struct client *client);
/* Other ways to the same cluster, for when those fail that the configuration names: the endpoints
 * of the Service `kubernetes`. They take the place of those that were learned before. */
void client_learn(struct client *client, const struct addr *addrs, size_t n, uint16_t port);
/* Why there is no connection, for people; "" while there is one, or nobody asks. */
const char *client_problem(const struct client *client);
/* "HOST:PORT" of the server that watches go to, "" while there is none. */
const char *client_server(const struct client *client);

/* Each has connections of its own: what is stuck in one, or is very much, starves no other. */
enum client_lane {
	CLIENT_WATCH,
	CLIENT_SINGLE, /* watches of single objects, of which tenants may want any number */
	CLIENT_REST,
	CLIENT_LANE_MAX,
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
