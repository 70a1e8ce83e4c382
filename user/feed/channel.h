/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection between narud and a proxy, the same at both ends: messages go out through a queue,
 * so that nobody waits for a peer that is slow. A broken message, and a peer that lets too much
 * pile up, end it.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"
#include "feed/message.h"

struct channel;

struct channel_handlers {
	/* The message is borrowed; a descriptor or a key that is kept has been taken out. */
	void (*message)(void *arg, struct message *message);
	/* The end: last call, channel_close() is due. */
	void (*closed)(void *arg);
	void *arg;
};

/* A listening socket at a path, in place of what is there. -errno. */
int channel_listen(const char *path, int backlog, int *ret_fd);

/* Takes over a connected SOCK_SEQPACKET socket. Handlers are copied. -EIO: it cannot be watched. */
int channel_open(struct loop *loop, int fd, const struct channel_handlers *handlers,
		 struct channel **ret_channel);

/*
 * Queues a copy (the descriptor is duplicated). Never calls back: when it goes wrong, closed()
 * comes from the loop. -EMSGSIZE: the message is too long and was left out.
 */
int channel_send(struct channel *channel, const struct message *message);
/* Is all of it with the kernel? */
bool channel_idle(const struct channel *channel);

/* No handler is called any more. Legal inside handlers; NULL is legal. */
void channel_close(struct channel *channel);
