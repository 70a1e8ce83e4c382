// SPDX-License-Identifier: Apache-2.0
/*
 * Who is in charge, and when a proxy is started. daemon/ calls it. Invariants: at most one peer is
 * in charge and at most one start is under way; the sockets exist as long as anybody may connect to
 * them; nothing here waits.
 */
#include "feed/feed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "feed/channel.h"
#include "feed/memory.h"
#include "feed/peer.h"
#include "feed/pulse.h"
#include "plan/snapshot.h"

#define ADOPT_MS      250  /* after the start: a proxy that lives connects within them */
#define HELLO_MS      5000 /* from its start until a proxy says hello */
#define SHORT_LIFE_MS 1000 /* a proxy that dies sooner is restarted later and later */
#define BACKOFF_MS    50   /* the second time; doubled from then on while none serves */
#define BACKOFF_MAX   1000
#define BIND_MS	      2000 /* until what could not be bound is tried again */
#define REPORT_MAX    (16 * 1024 * 1024)
#define PEERS_MAX     16

struct feed {
	struct feed_config config;
	char *path;
	char *settings; /* what a proxy must have been started with */
	int fd;
	struct loop_fd *accepting;
	struct peer *peers, *current;
	struct sockets sockets;
	bool led; /* connections are led to them as they are */
	struct pulse pulse;
	struct diag_list diags;
	struct peer_snapshot snapshot;
	uint64_t first_serial;
	uint64_t generation;		  /* newest that was applied */
	uint64_t acked, acked_generation; /* serial that is in force, and whose */
	char *refusal;
	struct report report;
	bool reported;

	bool wanted;   /* a proxy */
	bool starting; /* from start() until hello or its end */
	pid_t started; /* what start() has come to, 0: not known yet */
	unsigned starts, backoff_ms;
	uint64_t hello_ms; /* when the current one said hello */
	struct loop_timer *adopting, *restart, *deadline, *rebind, *done_timer;
	bool draining;
	void (*done)(void *arg);
	void *done_arg;
};

static void stop_timer(struct loop_timer **timer)
{
	loop_timer_remove(TAKE_PTR(*timer));
}

static void changed(struct feed *feed)
{
	feed->config.handlers.changed(feed->config.handlers.arg);
}

/* ---- starting ------------------------------------------------------------------------------ */

static void consider(struct feed *feed);
static void look_for_end(struct feed *feed);

/* served: what kills it again and again comes from outside, where others wait to be served. */
static void back_off(struct feed *feed, uint64_t lived_ms, bool served)
{
	if (lived_ms >= SHORT_LIFE_MS)
		feed->backoff_ms = 0;
	if (served && feed->backoff_ms > BACKOFF_MS)
		feed->backoff_ms = BACKOFF_MS;
	consider(feed);
	feed->backoff_ms = feed->backoff_ms ? feed->backoff_ms * 2 : BACKOFF_MS;
	if (feed->backoff_ms > BACKOFF_MAX)
		feed->backoff_ms = BACKOFF_MAX;
}

static void on_late(void *arg)
{
	struct feed *feed = arg;

	stop_timer(&feed->deadline);
	log_warn("naru-proxy does not connect: it is started again");
	feed->starting = false;
	back_off(feed, 0, false);
	look_for_end(feed);
}

static void on_restart(void *arg)
{
	struct feed *feed = arg;

	stop_timer(&feed->restart);
	feed->started = 0;
	feed->starting = feed->config.handlers.start(feed->config.handlers.arg);
	if (!feed->starting)
		return;
	feed->starts++;
	feed->deadline = loop_timer_add(feed->config.loop, HELLO_MS, 0, on_late, feed);
}

/* Starts a proxy unless there is one, or one to come. */
static void consider(struct feed *feed)
{
	if (!feed->wanted || feed->current || feed->starting || feed->restart || feed->adopting ||
	    feed->draining)
		return;
	feed->restart = loop_timer_add(feed->config.loop, feed->backoff_ms, 0, on_restart, feed);
}

/* ---- sockets and snapshot ------------------------------------------------------------------ */

/* Leads connections to the workers that take them. */
static void lead_on(const struct feed *feed)
{
	const struct sockets *sockets = &feed->sockets;
	_cleanup_(mem_freep) int *fds = mem_array(sockets->n, sizeof(*fds));

	for (size_t i = 0; i < sockets->n; i++)
		fds[i] = pulse_allows(&feed->pulse, sockets->items[i].worker) ? sockets->items[i].fd
									      : -1;
	feed->config.handlers.sockets(feed->config.handlers.arg, fds, sockets->n);
}

static void lead(struct feed *feed)
{
	int r;

	if (feed->led)
		return;
	r = sockets_steer(&feed->sockets, feed->config.threads);
	if (r < 0)
		log_err(r, "sockets for naru-proxy");
	feed->led = !r;
	lead_on(feed);
}

/* Others than before give signs of life. */
static void on_pulse(void *arg)
{
	struct feed *feed = arg;
	size_t stalled = pulse_stalled(&feed->pulse, feed->config.threads);

	if (feed->current && stalled)
		log_warn("naru-proxy pid=%d: %zu of %u threads give no sign of life",
			 (int)feed->current->pid, stalled, feed->config.threads);
	else if (feed->current)
		log_info("naru-proxy pid=%d is alive again", (int)feed->current->pid);
	if (feed->led && !feed->draining)
		lead_on(feed);
	changed(feed);
}

static void on_rebind(void *arg);

static void bind_all(struct feed *feed)
{
	struct diag_list diags = { 0 };
	bool same;

	sockets_bind(&feed->sockets, &feed->snapshot.l7, &diags);
	diag_sort(&diags);
	stop_timer(&feed->rebind);
	if (diags.n)
		feed->rebind = loop_timer_add(feed->config.loop, BIND_MS, 0, on_rebind, feed);
	same = diag_equal(&feed->diags, &diags);
	diag_fini(&feed->diags);
	feed->diags = diags;
	if (!same)
		changed(feed);
}

/* Makes the sockets what they should be and tells the proxy what is new. */
static void sync_all(struct feed *feed)
{
	if (feed->adopting || feed->draining || !feed->wanted || !feed->snapshot.serial)
		return;
	if (feed->config.steered)
		lead(feed);
	else
		bind_all(feed);
	if (feed->current)
		peer_sync(feed->current, &feed->sockets, &feed->snapshot, &feed->config.handlers);
	consider(feed);
}

static void on_rebind(void *arg)
{
	sync_all(arg);
}

/* From now on a proxy that says hello is too late to be taken on. */
static void on_adopted(void *arg)
{
	struct feed *feed = arg;

	stop_timer(&feed->adopting);
	sync_all(feed);
}

void feed_keep(struct feed *feed, uint64_t generation)
{
	feed->generation = generation;
	if (feed->snapshot.serial && feed->acked == feed->snapshot.serial)
		feed->acked_generation = generation;
}

void feed_apply(struct feed *feed, const struct plan_l7 *l7, uint64_t generation)
{
	struct peer_snapshot *snapshot = &feed->snapshot;
	struct str bytes = { 0 };
	int r;

	feed->generation = generation;
	feed->wanted |= l7->n_binds > 0;
	snapshot_encode(l7, &bytes);
	if (snapshot->serial && bytes.len == snapshot->bytes.len &&
	    !memcmp(bytes.buf, snapshot->bytes.buf, bytes.len)) {
		str_fini(&bytes);
		feed_keep(feed, generation);
		return;
	}
	str_fini(&snapshot->bytes);
	l7_fini(&snapshot->l7);
	snapshot->bytes = bytes;
	snapshot->serial = snapshot->serial ? snapshot->serial + 1 : feed->first_serial;
	r = snapshot_decode(bytes.buf, bytes.len, &snapshot->l7);
	if (r < 0) {
		log_err(r, "snapshot of generation %llu", (unsigned long long)generation);
		snapshot->l7 = (struct plan_l7){ 0 };
	}
	sync_all(feed);
}

/* ---- peers --------------------------------------------------------------------------------- */

static void finish_drain(void *arg)
{
	struct feed *feed = arg;

	stop_timer(&feed->done_timer);
	if (feed->config.steered)
		feed->config.handlers.sockets(feed->config.handlers.arg, NULL, 0);
	feed->done(feed->done_arg);
}

static void look_for_end(struct feed *feed)
{
	if (feed->draining && !feed->peers && !feed->starting && !feed->done_timer)
		feed->done_timer = loop_timer_add(feed->config.loop, 0, 0, finish_drain, feed);
}

static void forget_current(struct feed *feed)
{
	feed->current = NULL;
	if (pulse_stop(&feed->pulse))
		on_pulse(feed);
	feed->acked = 0;
	report_fini(&feed->report);
	feed->reported = false;
}

static void on_closed(void *arg, struct peer *peer)
{
	struct feed *feed = arg;
	bool was_current = peer == feed->current;

	for (struct peer **at = &feed->peers; *at; at = &(*at)->next) {
		if (*at != peer)
			continue;
		*at = peer->next;
		break;
	}
	log_info("naru-proxy pid=%d is gone", (int)peer->pid);
	peer_free(peer);
	if (was_current) {
		bool served = feed->acked;

		forget_current(feed);
		back_off(feed, clock_ms() - feed->hello_ms, served);
		changed(feed);
	}
	look_for_end(feed);
}

static void send_settings(struct feed *feed, struct peer *peer)
{
	const struct message message = {
		.type = MESSAGE_SETTINGS,
		.threads = feed->config.threads,
		.drain_ms = feed->config.drain_ms,
		.text = feed->settings,
		.fd = feed->config.access_log,
	};

	peer_send(peer, &message);
}

static void take_charge(struct feed *feed, struct peer *peer)
{
	feed->current = peer;
	feed->wanted = true;
	feed->starting = false;
	feed->hello_ms = clock_ms();
	stop_timer(&feed->deadline);
	stop_timer(&feed->restart);
	stop_timer(&feed->adopting);
	pulse_start(&feed->pulse, feed->config.loop, on_pulse, feed);
	send_settings(feed, peer);
	sync_all(feed);
	for (struct peer *other = feed->peers; other; other = other->next)
		if (other->outdated)
			peer_drain(other);
	changed(feed);
}

/* Its sockets stay in use, by itself until the next one is in charge. */
static void replace(struct feed *feed, struct peer *peer)
{
	peer->outdated = true;
	stop_timer(&feed->adopting);
	feed->wanted = true;
	sync_all(feed);
	consider(feed);
}

static void on_hello(struct feed *feed, struct peer *peer, const struct message *hello)
{
	bool fresh = !*hello->more;
	bool fits = !strcmp(hello->text, feed->config.version) &&
		    (fresh || !strcmp(hello->more, feed->settings));

	log_info("naru-proxy pid=%d version=%s connected%s", (int)peer->pid, hello->text,
		 hello->flag ? ", draining"
		 : fresh     ? ""
			     : ", serving");
	peer->draining = hello->flag;
	if (feed->draining || (feed->current && !hello->flag)) {
		peer_drain(peer);
		return;
	}
	if (hello->flag)
		return;
	if (peer_adopt(peer, &feed->sockets))
		feed->led = false;
	if (fits)
		take_charge(feed, peer);
	else if (fresh)
		peer_drain(peer);
	else
		replace(feed, peer);
}

static void on_ack(struct feed *feed, const struct message *ack)
{
	mem_freep(&feed->refusal);
	feed->refusal = mem_strdup(ack->flag ? "" : *ack->text ? ack->text : "no reason given");
	if (!ack->flag)
		log_error("naru-proxy refuses generation %llu: %s",
			  (unsigned long long)feed->generation, feed->refusal);
	if (ack->flag)
		feed->acked = ack->generation;
	if (ack->flag && feed->acked == feed->snapshot.serial)
		feed->acked_generation = feed->generation;
	changed(feed);
}

static void on_report(struct feed *feed, const struct message *message)
{
	_cleanup_(mem_freep) char *data = NULL;
	struct report report;
	size_t len;
	int r = memory_read(message->fd, REPORT_MAX, &data, &len);

	if (!r)
		r = report_decode(data, len, &report);
	if (r < 0) {
		log_err(r, "report of naru-proxy");
		return;
	}
	report_fini(&feed->report);
	feed->report = report;
	feed->reported = true;
	if (pulse_beat(&feed->pulse, &report))
		on_pulse(feed);
}

static void on_draining(struct feed *feed, struct peer *peer)
{
	peer->draining = true;
	if (peer != feed->current)
		return;
	log_info("naru-proxy pid=%d was told to end", (int)peer->pid);
	forget_current(feed);
	feed->backoff_ms = 0;
	consider(feed);
	changed(feed);
}

static void on_message(void *arg, struct peer *peer, struct message *message)
{
	struct feed *feed = arg;

	if (message->type == MESSAGE_HELLO)
		on_hello(feed, peer, message);
	else if (message->type == MESSAGE_DRAINING)
		on_draining(feed, peer);
	else if (peer != feed->current)
		return; /* it is told no more and asked no more */
	else if (message->type == MESSAGE_ACK)
		on_ack(feed, message);
	else if (message->type == MESSAGE_REPORT)
		on_report(feed, message);
}

static bool may_connect(const struct feed *feed, int fd, pid_t *ret_process)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	*ret_process = peer.pid;
	return !peer.uid || peer.uid == geteuid() || peer.uid == feed->config.uid;
}

static size_t count_peers(const struct feed *feed)
{
	size_t n = 0;

	for (const struct peer *peer = feed->peers; peer; peer = peer->next)
		n++;
	return n;
}

static void on_connection(void *arg, unsigned events)
{
	struct feed *feed = arg;
	const struct peer_handlers handlers = { on_message, on_closed, feed };
	_cleanup_(mem_closep) int fd = accept4(feed->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct peer *peer;
	pid_t process;

	(void)events;
	if (fd < 0 || !may_connect(feed, fd, &process) || count_peers(feed) >= PEERS_MAX)
		return;
	if (peer_new(feed->config.loop, fd, &handlers, &peer) < 0)
		return;
	TAKE_FD(fd);
	peer->process = process;
	peer->next = feed->peers;
	feed->peers = peer;
}

void feed_started(struct feed *feed, pid_t pid)
{
	feed->started = pid;
}

/* Of a proxy that had connected its connection tells. */
void feed_ended(struct feed *feed, pid_t pid)
{
	if (!feed->starting || pid != feed->started)
		return;
	feed->starting = false;
	stop_timer(&feed->deadline);
	back_off(feed, 0, false);
	look_for_end(feed);
}

/* ---- start and end ------------------------------------------------------------------------- */

int feed_open(const struct feed_config *config, struct feed **ret_feed)
{
	struct feed *feed = mem_new(sizeof(*feed));
	uint32_t first = 0;
	int r;

	feed->config = *config;
	feed->fd = -1;
	feed->path = mem_printf("%s/%s", config->run_dir, NARU_PROXY_SOCKET);
	feed->refusal = mem_strdup("");
	feed->settings = mem_printf("threads=%u drain=%ums log=%s", config->threads,
				    config->drain_ms, config->access_log < 0 ? "off" : "on");
	/* Sockets and snapshots of an earlier life, which a proxy remembers, have other ones. */
	(void)!getrandom(&first, sizeof(first), GRND_NONBLOCK);
	feed->sockets.next_id = first & INT32_MAX;
	feed->first_serial = ((uint64_t)first << 24) + 1;
	r = channel_listen(feed->path, PEERS_MAX, &feed->fd);
	if (!r) {
		feed->accepting =
			loop_fd_add(config->loop, feed->fd, LOOP_READ, on_connection, feed);
		r = feed->accepting ? 0 : -EIO;
	}
	if (r < 0) {
		log_err(r, "socket %s", feed->path);
		feed_close(feed);
		return r;
	}
	feed->adopting = loop_timer_add(config->loop, ADOPT_MS, 0, on_adopted, feed);
	*ret_feed = feed;
	return 0;
}

void feed_close(struct feed *feed)
{
	struct loop_timer **const timers[] = { &feed->adopting, &feed->restart, &feed->deadline,
					       &feed->rebind, &feed->done_timer };

	if (!feed)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		stop_timer(timers[i]);
	pulse_stop(&feed->pulse);
	loop_fd_remove(feed->accepting);
	if (feed->fd >= 0) {
		close(feed->fd);
		unlink(feed->path);
	}
	while (feed->peers) {
		struct peer *peer = feed->peers;

		feed->peers = peer->next;
		peer_free(peer);
	}
	sockets_fini(&feed->sockets);
	diag_fini(&feed->diags);
	str_fini(&feed->snapshot.bytes);
	l7_fini(&feed->snapshot.l7);
	report_fini(&feed->report);
	free(feed->refusal);
	free(feed->settings);
	free(feed->path);
	free(feed);
}

void feed_drain(struct feed *feed, void (*done)(void *arg), void *arg)
{
	feed->draining = true;
	feed->done = done;
	feed->done_arg = arg;
	stop_timer(&feed->adopting);
	stop_timer(&feed->restart);
	stop_timer(&feed->rebind);
	for (struct peer *peer = feed->peers; peer; peer = peer->next)
		peer_drain(peer);
	/* The proxy's are the last ones now: when it closes them, nobody can wait in vain. */
	sockets_fini(&feed->sockets);
	look_for_end(feed);
}

void feed_lead(struct feed *feed)
{
	if (feed->led && !feed->draining)
		lead_on(feed);
}

void feed_kill(struct feed *feed)
{
	/* Not the one it names: that may be anybody's. */
	for (const struct peer *peer = feed->peers; peer; peer = peer->next)
		if (peer->pid && peer->process)
			feed->config.handlers.kill(feed->config.handlers.arg, peer->process);
	if (feed->starting && feed->started)
		feed->config.handlers.kill(feed->config.handlers.arg, feed->started);
}

void feed_status(const struct feed *feed, struct feed_status *ret_status)
{
	*ret_status = (struct feed_status){
		.wanted = feed->wanted,
		.steered = feed->config.steered,
		.pid = feed->current ? feed->current->pid : 0,
		.generation = feed->acked_generation,
		.current = feed->current && feed->acked == feed->snapshot.serial,
		.silent = feed->pulse.silent,
		.stalled = pulse_stalled(&feed->pulse, feed->config.threads),
		.refusal = feed->refusal,
		.starts = feed->starts,
		.report = feed->reported ? &feed->report : NULL,
		.diags = &feed->diags,
	};
}
