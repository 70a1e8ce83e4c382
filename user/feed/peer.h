/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected proxy as narud knows it: what it holds, what it has been told. For feed.c, which
 * decides; a glossary is in feed.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "feed/feed.h"
#include "feed/message.h"
#include "feed/sockets.h"

struct peer;

struct peer_handlers {
	/* Anything but MESSAGE_LISTEN, which peer.c keeps; MESSAGE_HELLO first of all. */
	void (*message)(void *arg, struct peer *peer, struct message *message);
	/* The last call; peer_free() is due. */
	void (*closed)(void *arg, struct peer *peer);
	void *arg;
};

struct peer_held {
	uint32_t id;
	int worker;
	int fd; /* -1: taken over */
};

struct peer {
	struct peer *next; /* the owner's */
	struct peer_handlers handlers;
	struct channel *channel;
	pid_t pid;		/* as it says; 0 before MESSAGE_HELLO */
	pid_t process;		/* as the kernel says; 0: not to be seen from here */
	bool draining;		/* it ends */
	bool outdated;		/* serves until another one is in charge */
	struct peer_held *held; /* sockets it came with */
	size_t n_held, cap_held;
	uint32_t *known; /* ids of the sockets it has */
	size_t n_known, cap_known;
	uint8_t (*keys)[32]; /* fingerprints of the keys it has */
	size_t n_keys, cap_keys;
	uint64_t told; /* serial of the snapshot it has been sent, 0: none */
};

/* Takes over a connected socket. -EIO. */
int peer_new(struct loop *loop, int fd, const struct peer_handlers *handlers,
	     struct peer **ret_peer);
void peer_free(struct peer *peer);

/* Takes over the sockets that it came with, as far as there is a use for them. Was there any? */
bool peer_adopt(struct peer *peer, struct sockets *sockets);

/* The snapshot in force. */
struct peer_snapshot {
	uint64_t serial; /* goes up with every change of the bytes; 0: none yet */
	struct str bytes;
	struct plan_l7 l7; /* the same */
};

/* Tells it what it does not know yet: sockets that are no more, keys, the snapshot, new sockets. */
void peer_sync(struct peer *peer, const struct sockets *sockets,
	       const struct peer_snapshot *snapshot, const struct feed_handlers *feed);

void peer_send(struct peer *peer, const struct message *message);
/* Tells it to finish, once. */
void peer_drain(struct peer *peer);
