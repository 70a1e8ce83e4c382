/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the client share. A *link* is a way to one server: from looking up its name to
 * a session of HTTP/2, and on until its last stream has ended. A *lane* has at most one link in
 * which calls start; older ones end in their own time, or are taken again when they have room. A
 * call waits in its lane, or has a stream.
 */
#pragma once
#include "base/io.h"
#include "base/io_resolve.h"
#include "http/h2.h"
#include "kube/backoff.h"
#include "kube/client.h"
#include "kube/credential.h"
#include "kube/kubeconfig.h"

#define CLIENT_SERVERS_MAX 64 /* bits of lane.tried */

struct credential_watch;
struct gunzip;
struct lane;

struct link {
	struct lane *lane;
	struct link *next, **place;
	struct tls_client *tls;
	unsigned server; /* client_server.id */
	char *authority; /* "HOST:PORT" */
	char *prefix;
	char *name; /* that the certificate must have */
	uint16_t port;
	struct io_resolve *resolve;
	struct addr addrs[IO_RESOLVE_MAX];
	size_t n, at;
	struct conn *conn;
	struct io_timer *timer;
	struct h2 *h2; /* NULL until it is ready */
	bool useful;   /* an answer has come */
	int error;     /* of the last address */
	char *reason;  /* or NULL */
};

struct client_call {
	struct lane *lane;
	struct client_call *next, **place; /* in waiting or in running */
	struct link *link;		   /* NULL while it waits */
	struct h2_stream *stream;
	struct client_ops ops;
	void *arg;
	char *method, *path, *accept, *content_type, *body;
	size_t len;
	unsigned timeout_s;
	struct io_timer *timer;
	unsigned tries;
	bool paid;	/* for its rate */
	unsigned shown; /* credential_token() */
	bool renewed;	/* shown another token after a 401 */
	bool headed;	/* its head was told */
	/* Of the answer. */
	unsigned retry_after_s;
	bool zipped, odd; /* in gzip; in something that was not asked for */
	struct gunzip *gunzip;
	uint64_t bytes;
	int error; /* found while data is told */
	unsigned inside;
	bool dead; /* cancelled while inside */
};

struct lane {
	struct client *client;
	enum client_lane kind;
	struct link *link;
	struct client_call *waiting, **waiting_end, *running;
	struct backoff backoff;
	uint64_t retry_ms; /* no connection before */
	uint64_t tried;	   /* servers of this round, by their place */
	struct io_timer *timer;
	struct io_op pump;
};

struct bucket {
	uint64_t credit_ms, last_ms;
};

struct client_server {
	struct kubeconfig_server at;
	unsigned id; /* that no other one has ever had */
	bool learned, kept;
	uint32_t lot;	    /* the order among equals */
	bool failed;	    /* and nothing good came of it since */
	uint64_t failed_ms; /* when it did so last */
};

struct client {
	struct io *io;
	const struct kubeconfig *access;
	struct credential *credential;
	struct credential_watch *watch; /* or NULL */
	const struct timing *timing;
	struct client_times times;
	char *agent, *learned_name;			  /* or NULL */
	struct client_server servers[CLIENT_SERVERS_MAX]; /* the access's own stands first */
	size_t n_servers;
	unsigned last_id;
	struct lane lanes[CLIENT_LANE_MAX];
	struct link *links;
	struct bucket reads, writes;
	char *problem;
};

/* ---- calls (client.c) ---- */

/* Starts it on the link of its lane; what fails is told. */
void client_send(struct client_call *call);
void client_end(struct client_call *call, int error);
/* At the end of waiting. */
void client_wait(struct client_call *call);

/* ---- servers (client_servers.c) ---- */

/* -EINVAL: *ret_error, a new string. */
int client_servers_init(struct client *client, const struct client_config *config,
			char **ret_error);
void client_servers_fini(struct client *client);
void client_servers_learn(struct client *client, const struct addr *addrs, size_t n, uint16_t port);
/* Borrowed until servers are learned. */
const struct client_server *client_servers_next(struct lane *lane);
/* Nothing good came of it. True: of no server in this round. */
bool client_servers_fail(struct lane *lane, unsigned id);
/* It has answered. */
void client_servers_succeed(struct lane *lane, unsigned id);

/* ---- lanes (client_lane.c) ---- */

void client_lane_init(struct lane *lane, struct client *client, enum client_lane kind);
void client_lane_fini(struct lane *lane);
/* Nothing can be asked without a credential, which has said so itself. */
void client_lane_deny(struct lane *lane);
/* Looks what can be done, soon. */
void client_lane_wake(struct lane *lane);
/* The link is ready; or it has ended, and is gone after. */
void client_lane_ready(struct link *link);
void client_lane_lost(struct link *link, int error);

/* ---- links (client_link.c) ---- */

/* Calls client_lane_ready() or client_lane_lost() later. */
struct link *client_link_open(struct lane *lane, const struct client_server *server,
			      struct tls_client *tls);
void client_link_close(struct link *link);
