/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket at which a narud that serves can be asked to make way for another one; heir.h is the
 * other side, packet.h what they say. For daemon.c.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"

struct handover;

struct handover_config {
	struct loop *loop;
	const char *run_dir;	 /* the socket goes there: NARU_HANDOVER_SOCKET */
	const char *instance;	 /* of this narud, "": none */
	const char *predecessor; /* whom it has taken over from, and who does not get it back; "" */
	/* Gives up, before it returns, everything that only one narud of a node can have. */
	void (*yield)(void *arg);
	/* The other one serves. */
	void (*taken)(void *arg);
	/* The one that was yielded to is no more, and what it held is free or about to be:
	 * handover_close() is due. */
	void (*gone)(void *arg);
	void *arg;
};

/* Strings are copied. Logs what fails. -errno. */
int handover_open(const struct handover_config *config, struct handover **ret_handover);
/* NULL is legal. */
void handover_close(struct handover *handover);

/* Nobody new is listened to; who has been yielded to stays. */
void handover_shut(struct handover *handover);
