/* SPDX-License-Identifier: Apache-2.0 */
/*
 * narud's side of naru-proxy: holds the listening sockets, sees to it that one proxy runs, gives it
 * sockets, keys and snapshots, takes its reports. A proxy that outlived an earlier narud is taken
 * on with its sockets; one that dies is replaced at once and gets the same sockets; one of another
 * version or with other settings is replaced without a gap and drained.
 *
 * Glossary: a peer is a connected proxy; the one in charge is the peer that gets snapshots.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "base/loop.h"
#include "base/secret.h"
#include "feed/report.h"
#include "plan/l7.h"

struct feed;

/* What feed needs of others. */
struct feed_handlers {
	/* Starts a proxy, which will connect; feed_started(), feed_ended() tell how it goes. False:
	 * that is for others to do, and one is waited for. */
	bool (*start)(void *arg);
	void (*kill)(void *arg, pid_t pid);
	/* Chain and key of a certificate, borrowed; false: not there. */
	bool (*find_key)(void *arg, const struct plan_cert *cert, const char **ret_chain,
			 const struct secret_bytes **ret_key);
	/* The sockets that connections are to be led to, by worker; n = 0: none. Steered only. */
	void (*sockets)(void *arg, const int *fds, size_t n);
	/* Something that feed_status() shows is another. */
	void (*changed)(void *arg);
	void *arg;
};

struct feed_config {
	struct loop *loop;
	const char *run_dir; /* the socket goes there: NARU_PROXY_SOCKET */
	const char *version; /* proxies of another one are replaced */
	unsigned threads;
	uint32_t drain_ms;
	int access_log; /* borrowed, -1: none */
	bool steered;	/* BPF leads connections; false: ordinary sockets */
	uid_t uid;	/* of proxies; narud's own and root may connect, too */
	struct feed_handlers handlers;
};

/* Strings of the config are borrowed. Logs what fails. */
int feed_open(const struct feed_config *config, struct feed **ret_feed);
/* Leaves the proxy and its sockets alone. NULL is legal. */
void feed_close(struct feed *feed);

/* The plan's layer 7 is borrowed for the call. The first one with binds starts a proxy. */
void feed_apply(struct feed *feed, const struct plan_l7 *l7, uint64_t generation);
/* A plan whose layer 7 is the same as that of the last one. */
void feed_keep(struct feed *feed, uint64_t generation);

/* What start() has come to: a process; and its end, or that there was none to begin with (0). */
void feed_started(struct feed *feed, pid_t pid);
void feed_ended(struct feed *feed, pid_t pid);

/*
 * Gives up the sockets and tells every proxy to finish; done is called once, from the loop, when
 * none is left. New connections are refused from the moment on in which the proxy closes its own
 * sockets.
 */
void feed_drain(struct feed *feed, void (*done)(void *arg), void *arg);

/* Ends every proxy at once. */
void feed_kill(struct feed *feed);

/* Calls sockets() again, for who did not listen before. */
void feed_lead(struct feed *feed);

struct feed_status {
	bool wanted; /* there are binds, or were */
	bool steered;
	pid_t pid;		       /* of the proxy in charge, 0: none */
	uint64_t generation;	       /* newest that it serves */
	bool current;		       /* that is the newest applied one */
	bool silent;		       /* it gives no sign of life */
	size_t stalled;		       /* threads of it that give none */
	const char *refusal;	       /* why it does not serve the newest, "" */
	unsigned starts;	       /* so far */
	const struct report *report;   /* the last one, NULL: none yet */
	const struct diag_list *diags; /* sockets that cannot be had */
};

/* Borrowed until the loop runs again. */
void feed_status(const struct feed *feed, struct feed_status *ret_status);
