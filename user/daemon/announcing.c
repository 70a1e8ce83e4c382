// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel answers for VIPs only for a while after each tick, unless nobody else lives: so the
 * address of a node whose narud was killed has one node that answers again as soon as others have
 * noticed, and a node alone serves on without narud.
 *
 * A node without a link can neither be heard nor asked, and one without a Node object is none of
 * the cluster: it answers for nothing, and begins anew when that is back.
 */
#include "daemon/announcing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "announce/beacon.h"
#include "announce/beat.h"
#include "announce/conflicts.h"
#include "announce/election.h"
#include "announce/frame.h"
#include "announce/peers.h"
#include "announce/repeat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/attendance.h"
#include "daemon/daemon.h"
#include "daemon/source.h"
#include "dataplane/dataplane.h"
#include "plan/rendezvous.h"

#define END_MS	  50 /* between the beats of an end */
#define END_BEATS 7  /* for longer than PEERS_BEAT_MS: who is to take over is heard meanwhile */

/* What the last election said of a VIP. */
struct held {
	struct addr addr;
	char *who; /* its node's name, NULL: nobody or not known */
	bool here;
	uint64_t since_ms;
};

struct announcing {
	struct daemon *daemon;
	void (*changed)(void *arg);
	struct beacon *beacon; /* NULL: it cannot be heard, and is tried again */
	struct peers peers;
	struct repeat repeat;
	struct conflicts conflicts;
	struct dataplane_link *links;
	size_t n_links;
	struct held *held; /* sorted by address */
	size_t n_held;
	uint64_t looked_ms; /* for conflicts */
	int refused;	    /* -errno: why there is no beacon */
	bool dirty;	    /* the kernel refused the last change */
	struct loop_timer *tick, *end;
	unsigned end_beats; /* still to be sent */
	uint64_t end_ms;    /* when the first one went */
	bool ends, ended;
	void (*done)(void *arg);
	void *done_arg;
};

/* ---- election ---- */

static struct held *find_held(const struct announcing *a, const struct addr *addr)
{
	return a->n_held ? bsearch(addr, a->held, a->n_held, sizeof(*a->held), addr_rank) : NULL;
}

static bool yields(void *arg, const struct addr *addr)
{
	const struct announcing *a = arg;

	return conflicts_yields(&a->conflicts, addr, clock_ms());
}

/* Others can neither hear nor count a node without a link, or without an object. */
static bool is_attached(const struct announcing *a)
{
	const struct plan *plan = a->daemon->plan;

	if (plan->n_nodes && !plan_find_node(plan, plan->node))
		return false;
	for (size_t i = 0; i < a->n_links; i++)
		if (a->links[i].running)
			return true;
	return !a->n_links;
}

/* There is nobody to wait for when the cluster has one node. */
static bool is_ready(const struct announcing *a)
{
	return a->peers.ready || a->daemon->plan->n_nodes <= 1;
}

/* What holds for all VIPs alike. */
enum turn {
	TURN_NONE, /* nothing is ours */
	TURN_KEEP, /* what an earlier process had */
	TURN_ELECT,
};

static enum turn turn(const struct announcing *a)
{
	if (!is_attached(a))
		return TURN_NONE;
	if (is_ready(a))
		return TURN_ELECT;
	return a->peers.inherits ? TURN_KEEP : TURN_NONE;
}

static void note_change(struct announcing *a, const struct held *held)
{
	char text[ADDR_STR_LEN];

	log_info("%s is announced %s", addr_format(&held->addr, text),
		 held->here ? "here" : "no longer");
	if (held->here)
		repeat_add(&a->repeat, &held->addr, clock_ms());
	else
		repeat_drop(&a->repeat, &held->addr);
}

/* Names are mostly those of the last time. */
static char *take_name(struct held *old, const char *who)
{
	if (old && old->who && who && !strcmp(old->who, who))
		return TAKE_PTR(old->who);
	return who ? mem_strdup(who) : NULL;
}

static void free_held(struct announcing *a)
{
	for (size_t i = 0; i < a->n_held; i++)
		free(a->held[i].who);
	free(a->held);
}

/* True when anything is not as it was. */
static bool elect(struct announcing *a)
{
	struct plan_l7 *l7 = &a->daemon->plan->l7;
	struct held *held = mem_array(l7->n_vips, sizeof(*held));
	_cleanup_(election_fini) struct election election = { .plan = a->daemon->plan,
							      .peers = &a->peers,
							      .ends = a->ended,
							      .yields = yields,
							      .arg = a };
	enum turn now = turn(a);
	bool changed = false;

	a->peers.proxyless = attendance_lacks(a->daemon);
	election_begin(&election);
	for (size_t i = 0; i < l7->n_vips; i++) {
		struct held *old = find_held(a, &l7->vips[i].addr);
		bool here = false, was = old && old->here;
		const char *who = NULL;

		if (now == TURN_ELECT)
			here = election_won(&election, i, &who);
		else if (now == TURN_KEEP)
			here = dataplane_announces(a->daemon->dataplane, &l7->vips[i].addr);
		l7->vips[i].announce = here;
		held[i] = (struct held){ .addr = l7->vips[i].addr, .here = here };
		held[i].since_ms = old && was == here ? old->since_ms : clock_ms();
		held[i].who = take_name(old, who);
		changed |= here != was;
		if (here != was)
			note_change(a, &held[i]);
	}
	free_held(a);
	a->held = held;
	a->n_held = l7->n_vips;
	return changed;
}

void announcing_plan(struct announcing *a)
{
	if (a)
		elect(a);
}

/* Nothing is put in force while it is not known what is to be served. */
static void follow(struct announcing *a)
{
	bool known = source_is_ready(a->daemon->source);
	int r;

	if (!known || (!elect(a) && !a->dirty))
		return;
	r = dataplane_announce(a->daemon->dataplane, a->daemon->plan);
	if (r < 0 && !a->dirty)
		log_err(r, "addresses to announce");
	a->dirty = r < 0;
}

void announcing_again(struct announcing *a)
{
	if (a)
		follow(a);
}

/* ---- telling ---- */

static void tell(void *arg, const struct addr *addr)
{
	struct announcing *a = arg;
	uint8_t frame[FRAME_MAX];

	if (a->ends || !dataplane_announces(a->daemon->dataplane, addr))
		return;
	for (size_t i = 0; i < a->n_links; i++) {
		const struct dataplane_link *link = &a->links[i];
		size_t len = frame_announce(addr, link->mac, rendezvous_name(a->daemon->node_name),
					    frame);
		int r = link->running
				? dataplane_tell(a->daemon->dataplane, link->ifindex, frame, len)
				: 0;

		if (r)
			log_debug("announcement on %s: %s", link->name, strerror(-r));
	}
}

static void tell_all_again(struct announcing *a, uint64_t now_ms)
{
	for (size_t i = 0; i < a->n_held; i++)
		if (a->held[i].here)
			repeat_add(&a->repeat, &a->held[i].addr, now_ms);
}

/*
 * Who is in force by now has told clients about an address that another one answered for, too: of
 * the two, one keeps it without any change that would be told.
 */
static void follow_peers(struct announcing *a, bool changed)
{
	if (changed)
		follow(a);
	if (peers_merged(&a->peers))
		tell_all_again(a, clock_ms());
}

/* ---- beats ---- */

static void on_beat(void *arg, const struct addr *from, const uint8_t *data, size_t len)
{
	struct announcing *a = arg;
	const struct plan_node *node;
	struct beat beat;
	bool known = false;

	if (beat_decode(data, len, &beat))
		return;
	/* A node speaks for itself alone. */
	node = plan_find_node(a->daemon->plan, beat.name);
	for (size_t i = 0; node && i < node->n_addrs; i++)
		known |= !addr_compare(&node->addrs[i], from);
	if (known)
		follow_peers(a, peers_hear(&a->peers, &beat, clock_ms()));
}

/* From the first address of each family that the Node object has: others know it by these. */
static void say(struct announcing *a)
{
	const struct plan_node *node = plan_find_node(a->daemon->plan, a->daemon->node_name);
	struct beat beat;
	uint8_t data[BEAT_MAX];
	size_t len;

	if (!a->beacon || !node || !peers_beat(&a->peers, clock_ms(), &beat))
		return;
	beat.ends = a->ends;
	len = beat_encode(&beat, data);
	for (size_t i = 0; i < a->n_links; i++) {
		int said = 0;

		for (size_t j = 0; a->links[i].running && j < node->n_addrs; j++) {
			int family = addr_family(&node->addrs[j]);

			if (said & family)
				continue;
			if (!beacon_send(a->beacon, a->links[i].ifindex, &node->addrs[j], data,
					 len))
				said |= family;
		}
	}
}

/* ---- links ---- */

static const struct dataplane_link *find_link(const struct dataplane_link *links, size_t n,
					      const struct dataplane_link *like)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].ifindex == like->ifindex)
			return &links[i];
	return NULL;
}

static void open_beacon(struct announcing *a)
{
	int r = beacon_open(a->daemon->loop, on_beat, a, &a->beacon);

	if (r < 0 && r != a->refused)
		log_err(r, "UDP port %d: no other node of the link is heard", BEACON_PORT);
	a->refused = r;
}

static void hear_on(struct announcing *a)
{
	_cleanup_(mem_freep) uint32_t *ifindexes = mem_array(a->n_links, sizeof(*ifindexes));

	if (!a->beacon)
		open_beacon(a);
	for (size_t i = 0; i < a->n_links; i++)
		ifindexes[i] = a->links[i].ifindex;
	if (a->beacon)
		beacon_devices(a->beacon, ifindexes, a->n_links);
}

static void look_at_links(struct announcing *a, uint64_t now_ms)
{
	struct dataplane_link *links;
	size_t n = dataplane_links(a->daemon->dataplane, &links);
	bool others = n != a->n_links || (!a->beacon && n), back = false;

	for (size_t i = 0; i < n; i++) {
		const struct dataplane_link *old = find_link(a->links, a->n_links, &links[i]);

		others |= !old;
		back |= links[i].running &&
			(!old || !old->running || old->changes != links[i].changes ||
			 memcmp(old->mac, links[i].mac, 6) != 0);
	}
	free(a->links);
	a->links = links;
	a->n_links = n;
	if (others)
		hear_on(a);
	if (back)
		tell_all_again(a, now_ms);
	if (!is_attached(a))
		peers_restart(&a->peers, now_ms);
}

/* ---- conflicts ---- */

static void on_conflict(void *arg, const struct dataplane_conflict *seen)
{
	struct announcing *a = arg;
	const struct plan *plan = a->daemon->plan;
	const struct held *held = find_held(a, &seen->addr);
	const char *node = seen->marked ? conflicts_node(plan, seen->node) : NULL;
	struct conflict_sight sight = { .addr = seen->addr,
					.marked = seen->marked,
					.node = seen->node };
	struct dataplane_link own = { 0 };

	memcpy(sight.mac, seen->mac, sizeof(sight.mac));
	for (size_t i = 0; i < a->n_links && !own.ifindex; i++)
		if (!memcmp(a->links[i].mac, seen->mac, sizeof(own.mac)))
			own = a->links[i];
	if (!held || !held->here || own.ifindex)
		return;
	switch (conflicts_note(&a->conflicts, plan, &sight,
			       node && peers_settles(&a->peers, node, clock_ms()), clock_ms())) {
	case CONFLICT_DEFEND:
		repeat_add(&a->repeat, &seen->addr, clock_ms());
		a->changed(a->daemon);
		break;
	case CONFLICT_YIELD:
		follow(a);
		a->changed(a->daemon);
		break;
	case CONFLICT_NOTHING:
		break;
	}
}

static void look_for_conflicts(struct announcing *a, uint64_t now_ms)
{
	const uint64_t since_ms = a->looked_ms;

	/* What is seen meanwhile belongs to the next look, too: better twice than not at all. */
	a->looked_ms = now_ms;
	dataplane_conflicts(a->daemon->dataplane, since_ms, on_conflict, a);
	if (!conflicts_tick(&a->conflicts, now_ms))
		return;
	follow(a);
	a->changed(a->daemon);
}

/* ---- time ---- */

/* With nobody else who lives, and none expected, the kernel is to go on without narud. */
static void renew(struct announcing *a)
{
	bool alone = !peers_count(&a->peers) && !a->ended;

	dataplane_answer_for(a->daemon->dataplane, alone ? 0 : PEERS_LOST_MS);
}

static void on_tick(void *arg)
{
	struct announcing *a = arg;
	uint64_t now_ms = clock_ms();
	bool attached = is_attached(a);

	look_at_links(a, now_ms);
	follow_peers(a, peers_tick(&a->peers, now_ms) || attached != is_attached(a) || a->dirty);
	look_for_conflicts(a, now_ms);
	renew(a);
	say(a);
	repeat_due(&a->repeat, now_ms, tell, a);
}

/* ---- begin and end ---- */

struct announcing *announcing_open(struct daemon *daemon, void (*changed)(void *arg))
{
	struct announcing *a;

	if (!daemon->dataplane)
		return NULL;
	a = mem_new(sizeof(*a));
	*a = (struct announcing){ .daemon = daemon, .changed = changed, .looked_ms = clock_ms() };
	peers_init(&a->peers, daemon->node_name, dataplane_answers(daemon->dataplane),
		   a->looked_ms);
	a->tick = loop_timer_add(daemon->loop, 1, PEERS_BEAT_MS, on_tick, a);
	return a;
}

void announcing_close(struct announcing *a)
{
	if (!a)
		return;
	loop_timer_remove(a->tick);
	loop_timer_remove(a->end);
	beacon_close(a->beacon);
	peers_fini(&a->peers);
	repeat_fini(&a->repeat);
	conflicts_fini(&a->conflicts);
	free(a->links);
	free_held(a);
	free(a);
}

/* Others have heard it, and answer; unless those who counted have died just now. */
static void on_end(void *arg)
{
	struct announcing *a = arg;

	if (a->end_beats--) {
		say(a);
		return;
	}
	loop_timer_remove(TAKE_PTR(a->end));
	a->ended = peers_heard_since(&a->peers, a->end_ms);
	if (a->ended)
		follow(a);
	else
		dataplane_answer_for(a->daemon->dataplane, 0);
	a->done(a->done_arg);
}

void announcing_end(struct announcing *a, void (*done)(void *arg), void *arg)
{
	if (!a || a->ended || !peers_count(&a->peers)) {
		done(arg);
		return;
	}
	a->done = done;
	a->done_arg = arg;
	if (a->ends)
		return;
	a->ends = true;
	a->end_beats = END_BEATS;
	a->end_ms = clock_ms();
	a->end = loop_timer_add(a->daemon->loop, 1, END_MS, on_end, a);
}

/* ---- what is there ---- */

void announcing_report(const struct announcing *a, struct diag_list *diags)
{
	if (a)
		conflicts_report(&a->conflicts, diags);
}

static void show_peers(const struct announcing *a, struct json *json)
{
	uint64_t now_ms = clock_ms();

	json_array_begin(json, "peers");
	for (size_t i = 0; i < a->peers.n; i++) {
		const struct peer *peer = &a->peers.items[i];

		json_object_begin(json, NULL);
		json_string(json, "node", peer->name);
		json_bool(json, "counts", peer->in);
		json_bool(json, "heard", peer->heard);
		json_bool(json, "hears_us", peer->hears);
		json_bool(json, "ready", peer->ready);
		json_bool(json, "ends", peer->ends);
		json_bool(json, "proxy", !peer->proxyless);
		json_uint(json, "silent_ms", now_ms - peer->last_ms);
		json_object_end(json);
	}
	json_array_end(json);
}

const char *announcing_who(const struct announcing *a, const struct addr *addr)
{
	const struct held *held = a ? find_held(a, addr) : NULL;

	return held && held->who ? held->who : "";
}

static void show_held(const struct announcing *a, struct json *json)
{
	char text[ADDR_STR_LEN];

	json_array_begin(json, "addresses");
	for (size_t i = 0; i < a->n_held; i++) {
		json_object_begin(json, NULL);
		json_string(json, "address", addr_format(&a->held[i].addr, text));
		json_bool(json, "here", a->held[i].here);
		json_string(json, "node", a->held[i].who ? a->held[i].who : "");
		json_uint(json, "for_s", (clock_ms() - a->held[i].since_ms) / 1000);
		json_object_end(json);
	}
	json_array_end(json);
}

static void show_links(const struct announcing *a, struct json *json)
{
	json_array_begin(json, "links");
	for (size_t i = 0; i < a->n_links; i++) {
		json_object_begin(json, NULL);
		json_string(json, "device", a->links[i].name);
		json_bool(json, "running", a->links[i].running);
		json_object_end(json);
	}
	json_array_end(json);
}

void announcing_show(const struct announcing *a, struct json *json)
{
	json_bool(json, "ready", a && is_ready(a));
	if (!a)
		return;
	show_links(a, json);
	show_peers(a, json);
	show_held(a, json);
}
