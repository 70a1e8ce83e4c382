/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram sockets of this network namespace that were led to an endpoint at connect: no packet of
 * theirs comes by our programs, so when the endpoint has gone they lose their peer and are told so
 * (ECONNABORTED, or EDESTADDRREQ who sends first); who dials again gets another endpoint. l4.c has
 * one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/sockdiag.h"
#include "dataplane/inforce.h"

struct heal {
	const struct inforce *in;
	const char *unable; /* why the kernel does not let us, or NULL */
	unsigned looks;	    /* still to be made */
	uint64_t due_ms;    /* not before */
	/* Of the last look: those from `done` on still have their peer. */
	struct sockdiag_datagram *sockets;
	size_t n_sockets, cap_sockets, done;
};

/* Asks the kernel whether it can be done, and says in the log if not. */
void heal_init(struct heal *heal, const struct inforce *in);
void heal_fini(struct heal *heal);

/* An endpoint may have left a UDP service. */
void heal_ask(struct heal *heal, uint64_t now_ms);
/* Looks if that was asked for; takes their peer from so many sockets that nobody waits for it. */
void heal_tick(struct heal *heal, uint64_t now_ms);
