/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What narud and a proxy tell each other: one packet of a SOCK_SEQPACKET socket a message, with at
 * most one descriptor. Every type has a fixed set of fields (the table in message.c); the rest of
 * the struct is zero. Pure: bytes in, struct out; channel.h carries them.
 *
 * After connecting, a proxy sends a MESSAGE_LISTEN for each listening socket it holds, then
 * MESSAGE_HELLO, which narud answers with MESSAGE_SETTINGS (or MESSAGE_DRAIN).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/str.h"

enum message_type {
	/* Of the proxy. */
	MESSAGE_HELLO = 1, /* text: its version; more: text of the settings it runs with, "" before
			    * it has any; pid, threads; generation in force; flag: draining */
	MESSAGE_ACK, /* generation of the snapshot; flag: it is in force, or else text: why not */
	MESSAGE_REPORT,	  /* fd: memory with the bytes of report.h */
	MESSAGE_DRAINING, /* somebody else told it to end */
	/* Of narud. */
	MESSAGE_SETTINGS, /* threads, drain_ms; text: for MESSAGE_HELLO; fd: access log, perhaps */
	MESSAGE_UNLISTEN, /* id */
	MESSAGE_KEY,	  /* fingerprint; text: chain; key: to be wiped */
	MESSAGE_SNAPSHOT, /* generation: a number of its own; fd: sealed memory, plan/snapshot.h */
	MESSAGE_DRAIN,
	/* Of both. */
	MESSAGE_LISTEN, /* id; worker, -1: all; fd: the listening socket */
	MESSAGE_TYPE_MAX
};

#define MESSAGE_MAX (192 * 1024) /* bytes: a certificate chain with its key fits */

struct message {
	enum message_type type;
	uint32_t id;
	int32_t worker;
	uint32_t pid;
	uint32_t threads;
	uint32_t drain_ms;
	uint64_t generation;
	bool flag;
	uint8_t fingerprint[32];
	char *text, *more; /* NULL stands for "" when encoded; never NULL when decoded */
	struct secret_bytes key;
	int fd; /* -1: none */
};

/* "SNAPSHOT". */
const char *message_name(enum message_type type);

/* Appends the bytes; the descriptor travels beside them. -EMSGSIZE. */
int message_encode(const struct message *message, struct str *out);

/*
 * Takes over fd (-1: none came). -EBADMSG: no message of this version, or with a descriptor too
 * many or too few. *ret_message is for message_fini().
 */
int message_decode(const void *data, size_t len, int fd, struct message *ret_message);

/* Closes the descriptor, wipes the key. */
void message_fini(struct message *message);
