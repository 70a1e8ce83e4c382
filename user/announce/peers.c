// SPDX-License-Identifier: Apache-2.0
/* Nothing here looks at a clock or a socket. announcer.c calls it. */
#include "announce/peers.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/rendezvous.h"

void peers_init(struct peers *peers, const char *name, bool inherits, uint64_t now_ms)
{
	*peers = (struct peers){ .name = mem_strdup(name),
				 .start_ms = now_ms,
				 .inherits = inherits };
}

static void forget_all(struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++)
		free(peers->items[i].name);
	peers->n = 0;
}

void peers_fini(struct peers *peers)
{
	forget_all(peers);
	free(peers->items);
	free(peers->name);
	*peers = (struct peers){ 0 };
}

/* Others have lost us as well and will wait, so there is no need to remember. */
void peers_restart(struct peers *peers, uint64_t now_ms)
{
	forget_all(peers);
	peers->start_ms = now_ms;
	peers->ready = peers->inherits = false;
}

/* ---- one peer ---- */

static int name_rank(const void *name, const void *peer)
{
	return strcmp(name, ((const struct peer *)peer)->name);
}

static struct peer *find(const struct peers *peers, const char *name)
{
	return peers->n ? bsearch(name, peers->items, peers->n, sizeof(*peers->items), name_rank)
			: NULL;
}

static struct peer *add(struct peers *peers, const char *name)
{
	size_t at = peers->n;

	peers->items = mem_grow(peers->items, peers->n, &peers->cap, sizeof(*peers->items));
	for (; at && strcmp(peers->items[at - 1].name, name) > 0; at--)
		peers->items[at] = peers->items[at - 1];
	peers->items[at] = (struct peer){ .name = mem_strdup(name), .hash = rendezvous_name(name) };
	peers->n++;
	return &peers->items[at];
}

/* One that was never lost counts at once: so do we for it, when only we have started anew. */
static uint64_t hold(const struct peer *peer)
{
	unsigned doublings = peer->losses > PEERS_HOLDS ? PEERS_HOLDS : peer->losses - 1;

	return peer->losses ? (uint64_t)PEERS_HOLD_MS << doublings : 0;
}

static bool is_held(const struct peer *peer, uint64_t now_ms)
{
	return now_ms < peer->since_ms + hold(peer);
}

static bool is_listed(const struct peer *peer, uint64_t now_ms)
{
	return peer->heard && !is_held(peer, now_ms);
}

/* It answers for what it takes to be its own. */
static bool is_on(const struct peer *peer)
{
	return peer->ready && !peer->ends;
}

/* True when that is new. One that was lost may answer again, or still, before it is heard. */
static bool judge(struct peers *peers, struct peer *peer, uint64_t now_ms)
{
	bool in = is_listed(peer, now_ms) && peer->hears && is_on(peer);
	bool changed = in != peer->in;

	peer->in = in;
	peers->merged |= in && peer->apart;
	peer->apart = !in && peer->heard && is_on(peer) && peers->ready;
	return changed;
}

/* It may yet come to count, and soon. */
static bool is_pending(const struct peer *peer, uint64_t now_ms)
{
	return peer->heard && !peer->ends && !peer->hears &&
	       now_ms < peer->since_ms + hold(peer) + PEERS_DEAF_MS;
}

/* ---- all ---- */

size_t peers_count(const struct peers *peers)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++)
		n += peers->items[i].in;
	return n;
}

bool peers_settles(const struct peers *peers, const char *name, uint64_t now_ms)
{
	const struct peer *peer = find(peers, name);

	return peer && peer->heard && (peer->hears || peer->ends || is_pending(peer, now_ms));
}

size_t peers_heard_since(const struct peers *peers, uint64_t ms)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++)
		n += peers->items[i].in && peers->items[i].last_ms >= ms;
	return n;
}

bool peers_merged(struct peers *peers)
{
	bool merged = peers->merged;

	peers->merged = false;
	return merged;
}

bool peers_counts(const struct peers *peers, const char *name)
{
	const struct peer *peer = find(peers, name);

	return peer && peer->in;
}

bool peers_proxyless(const struct peers *peers, const char *name)
{
	const struct peer *peer = find(peers, name);

	return peer && peer->in && peer->proxyless;
}

bool peers_hear(struct peers *peers, const struct beat *beat, uint64_t now_ms)
{
	struct peer *peer;
	bool other;

	if (!strcmp(beat->name, peers->name))
		return false;
	peer = find(peers, beat->name);
	if (!peer)
		peer = add(peers, beat->name);
	if (!peer->heard)
		peer->since_ms = now_ms;
	peer->heard = true;
	peer->last_ms = now_ms;
	peer->hears = beat_hears(beat, rendezvous_name(peers->name));
	peer->ready = beat->ready;
	peer->ends = beat->ends;
	other = peer->in && peer->proxyless != beat->proxyless;
	peer->proxyless = beat->proxyless;
	return judge(peers, peer, now_ms) || other;
}

/* One that said that it ends is no loss when it falls silent. */
static void expire(struct peer *peer, uint64_t now_ms)
{
	if (now_ms - peer->since_ms > PEERS_PARDON_MS)
		peer->losses = 0;
	if (now_ms - peer->last_ms <= PEERS_LOST_MS)
		return;
	peer->heard = false;
	peer->losses += !peer->ends;
}

static void forget_silent(struct peers *peers, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++) {
		if (now_ms - peers->items[i].last_ms > PEERS_FORGET_MS)
			free(peers->items[i].name);
		else
			peers->items[n++] = peers->items[i];
	}
	peers->n = n;
}

static bool is_settled(const struct peers *peers, uint64_t now_ms)
{
	if (now_ms - peers->start_ms < PEERS_SETTLE_MS)
		return false;
	for (size_t i = 0; i < peers->n; i++)
		if (is_held(&peers->items[i], now_ms) || is_pending(&peers->items[i], now_ms))
			return false;
	return true;
}

bool peers_tick(struct peers *peers, uint64_t now_ms)
{
	bool changed = false;

	for (size_t i = 0; i < peers->n; i++) {
		if (peers->items[i].heard)
			expire(&peers->items[i], now_ms);
		changed |= judge(peers, &peers->items[i], now_ms);
	}
	forget_silent(peers, now_ms);
	if (!peers->ready && is_settled(peers, now_ms))
		changed = peers->ready = true;
	return changed;
}

bool peers_beat(const struct peers *peers, uint64_t now_ms, struct beat *ret_beat)
{
	struct beat *beat = ret_beat;

	if (now_ms - peers->start_ms < PEERS_QUIET_MS)
		return false;
	*beat = (struct beat){ .ready = peers->ready || peers->inherits,
			       .proxyless = peers->proxyless };
	memcpy(beat->name, peers->name, strnlen(peers->name, BEAT_NAME_MAX));
	for (size_t i = 0; i < peers->n && !beat->crowded; i++) {
		if (!is_listed(&peers->items[i], now_ms))
			continue;
		if (beat->n_heard == BEAT_HEARD_MAX)
			beat->crowded = true;
		else
			beat->heard[beat->n_heard++] = peers->items[i].hash;
	}
	if (beat->crowded)
		beat->n_heard = 0;
	return true;
}
