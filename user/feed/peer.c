// SPDX-License-Identifier: Apache-2.0
/*
 * feed.c calls it. Invariants: a socket is told only after the snapshot that has its bind, and a
 * key before the snapshot that has its certificate; what a proxy says of itself is bounded.
 */
#include "feed/peer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "feed/channel.h"
#include "feed/memory.h"

#define HELD_MAX 16384

/* ---- what comes ---------------------------------------------------------------------------- */

static void note_id(struct peer *peer, uint32_t id)
{
	peer->known = mem_grow(peer->known, peer->n_known, &peer->cap_known, sizeof(*peer->known));
	peer->known[peer->n_known++] = id;
}

static void note_held(struct peer *peer, struct message *message)
{
	struct peer_held *held;

	peer->held = mem_grow(peer->held, peer->n_held, &peer->cap_held, sizeof(*peer->held));
	held = &peer->held[peer->n_held++];
	held->id = message->id;
	held->worker = message->worker;
	held->fd = TAKE_FD(message->fd);
	note_id(peer, message->id);
}

static void on_closed(void *arg)
{
	struct peer *peer = arg;

	peer->handlers.closed(peer->handlers.arg, peer);
}

static void on_message(void *arg, struct message *message)
{
	struct peer *peer = arg;
	bool first = !peer->pid, hello = message->type == MESSAGE_HELLO;

	if (first && message->type == MESSAGE_LISTEN && peer->n_held < HELD_MAX) {
		note_held(peer, message);
	} else if (first == hello && (message->pid || !hello)) {
		if (hello)
			peer->pid = (pid_t)message->pid;
		peer->handlers.message(peer->handlers.arg, peer, message);
	} else {
		log_warn("naru-proxy sent %s out of turn: its connection is closed",
			 message_name(message->type));
		on_closed(peer);
	}
}

int peer_new(struct loop *loop, int fd, const struct peer_handlers *handlers,
	     struct peer **ret_peer)
{
	struct peer *peer = mem_new(sizeof(*peer));
	const struct channel_handlers of_channel = { on_message, on_closed, peer };

	peer->handlers = *handlers;
	if (channel_open(loop, fd, &of_channel, &peer->channel) < 0) {
		peer_free(peer);
		return -EIO;
	}
	*ret_peer = peer;
	return 0;
}

static void drop_held(struct peer *peer)
{
	for (size_t i = 0; i < peer->n_held; i++)
		if (peer->held[i].fd >= 0)
			close(peer->held[i].fd);
	peer->n_held = 0;
}

void peer_free(struct peer *peer)
{
	channel_close(peer->channel);
	drop_held(peer);
	free(peer->held);
	free(peer->known);
	free(peer->keys);
	free(peer);
}

bool peer_adopt(struct peer *peer, struct sockets *sockets)
{
	bool any = false;

	for (size_t i = 0; i < peer->n_held; i++) {
		struct peer_held *held = &peer->held[i];

		if (!sockets_adopt(sockets, held->id, held->worker, held->fd))
			continue;
		held->fd = -1;
		any = true;
	}
	drop_held(peer);
	return any;
}

/* ---- what goes ----------------------------------------------------------------------------- */

void peer_send(struct peer *peer, const struct message *message)
{
	int r = channel_send(peer->channel, message);

	if (r < 0)
		log_err(r, "%s to naru-proxy", message_name(message->type));
}

void peer_drain(struct peer *peer)
{
	if (!peer->draining)
		peer_send(peer, &(struct message){ .type = MESSAGE_DRAIN, .fd = -1 });
	peer->draining = true;
}

static void send_unlistens(struct peer *peer, const struct sockets *sockets)
{
	for (size_t i = peer->n_known; i-- > 0;) {
		const struct message message = { .type = MESSAGE_UNLISTEN,
						 .id = peer->known[i],
						 .fd = -1 };

		if (sockets_has(sockets, peer->known[i]))
			continue;
		peer_send(peer, &message);
		peer->known[i] = peer->known[--peer->n_known];
	}
}

static bool knows(const struct peer *peer, uint32_t id)
{
	for (size_t i = 0; i < peer->n_known; i++)
		if (peer->known[i] == id)
			return true;
	return false;
}

static void send_listens(struct peer *peer, const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct message message = { .type = MESSAGE_LISTEN,
						 .id = sockets->items[i].id,
						 .worker = sockets->items[i].worker,
						 .fd = sockets->items[i].fd };

		if (knows(peer, message.id))
			continue;
		peer_send(peer, &message);
		note_id(peer, message.id);
	}
}

static bool has_key(const struct peer *peer, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < peer->n_keys; i++)
		if (!memcmp(peer->keys[i], fingerprint, sizeof(peer->keys[i])))
			return true;
	return false;
}

/* The key stays the model's: only the bytes of the packet are a copy, and the channel wipes it. */
static bool send_key(struct peer *peer, const struct plan_cert *cert,
		     const struct feed_handlers *feed)
{
	struct message message = { .type = MESSAGE_KEY, .fd = -1 };
	const struct secret_bytes *key;
	const char *chain;
	int r;

	if (!feed->find_key(feed->arg, cert, &chain, &key))
		return false;
	memcpy(message.fingerprint, cert->fingerprint, sizeof(message.fingerprint));
	message.text = (char *)chain;
	message.key = *key;
	r = channel_send(peer->channel, &message);
	if (r < 0)
		log_err(r, "certificate %s is too long for naru-proxy", cert->name);
	return r >= 0;
}

static void note_key(struct peer *peer, const uint8_t *fingerprint)
{
	peer->keys = mem_grow(peer->keys, peer->n_keys, &peer->cap_keys, sizeof(*peer->keys));
	memcpy(peer->keys[peer->n_keys++], fingerprint, sizeof(*peer->keys));
}

/* The proxy forgets the keys that no certificate of a snapshot has, so this list does, too. */
static void send_keys(struct peer *peer, const struct plan_l7 *l7, const struct feed_handlers *feed)
{
	struct peer next = { 0 };

	for (size_t i = 0; i < l7->n_certs; i++) {
		const struct plan_cert *cert = &l7->certs[i];

		if (has_key(&next, cert->fingerprint))
			continue;
		if (has_key(peer, cert->fingerprint) || send_key(peer, cert, feed))
			note_key(&next, cert->fingerprint);
	}
	mem_freep(&peer->keys);
	peer->keys = next.keys;
	peer->n_keys = next.n_keys;
	peer->cap_keys = next.cap_keys;
}

static void send_snapshot(struct peer *peer, const struct peer_snapshot *snapshot)
{
	struct message message = { .type = MESSAGE_SNAPSHOT, .generation = snapshot->serial };
	int r = memory_seal(snapshot->bytes.buf, snapshot->bytes.len, &message.fd);

	if (r < 0) {
		log_err(r, "snapshot for naru-proxy");
		return;
	}
	peer_send(peer, &message);
	close(message.fd);
	peer->told = snapshot->serial;
}

void peer_sync(struct peer *peer, const struct sockets *sockets,
	       const struct peer_snapshot *snapshot, const struct feed_handlers *feed)
{
	send_unlistens(peer, sockets);
	if (snapshot->serial && peer->told != snapshot->serial) {
		send_keys(peer, &snapshot->l7, feed);
		send_snapshot(peer, snapshot);
	}
	if (peer->told)
		send_listens(peer, sockets);
}
