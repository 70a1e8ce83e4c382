/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that reads slowly costs narud no more than a bounded buffer: flows are read as they are
 * taken, and of events those that find no room are lost, counted and told.
 */
#include "daemon/seen.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <naru/counters.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/match.h"
#include "daemon/status.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

#define PENDING_MAX ((size_t)1 << 20) /* bytes of events that a watcher has not taken */

/* The status; who asks is told why. */
static int refuse(int r, const char *what, struct str *ret_text)
{
	if (r == -EOPNOTSUPP)
		str_addf(ret_text, "Services are not served here\n");
	else
		str_addf(ret_text, "%s cannot be read: %s\n", what, strerror(-r));
	return 503;
}

/* Of a service that is not there nothing can be seen: its name was mistyped, or it comes later. */
static bool has_service(const struct daemon *daemon, const struct match *match)
{
	bool found = !*match->service;

	for (size_t i = 0; i < daemon->plan->n_services && !found; i++)
		found = match_fits_service(match, daemon->plan->services[i].name);
	return found;
}

/* 200, or the status after a reason. */
static int take_query(const struct daemon *daemon, const char *query, struct match *ret_match,
		      struct str *ret_text)
{
	if (match_parse(query, ret_match, ret_text) < 0)
		return 400;
	if (!daemon->l4 || has_service(daemon, ret_match))
		return 200;
	str_addf(ret_text, "no service \"%s\" is served here\n", ret_match->service);
	return 404;
}

/* ---- flows --------------------------------------------------------------------------------- */

struct flows {
	struct listing *walk;
	struct match match;
	uint64_t n;
	struct str *out; /* of the piece under way */
};

static void add_addr(struct json *json, const char *name, const struct addr *addr)
{
	char text[ADDR_STR_LEN];

	json_string(json, name, addr_is_zero(addr) ? "*" : addr_format(addr, text));
}

static void add_end(struct json *json, const char *name, const char *port_name,
		    const struct addr *addr, uint16_t port)
{
	if (addr_is_zero(addr))
		return;
	add_addr(json, name, addr);
	json_uint(json, port_name, port);
}

static bool add_flow(void *arg, const struct flow_info *flow)
{
	struct flows *flows = arg;
	const struct match *match = &flows->match;
	struct json json = { .out = flows->out };

	if ((match->proto && match->proto != flow->proto) ||
	    !match_fits_service(match, flow->service) ||
	    !match_fits_end(&match->client, &flow->client, flow->client_port) ||
	    !match_fits_end(&match->backend, &flow->endpoint, flow->endpoint_port))
		return true;
	json_object_begin(&json, NULL);
	json_string(&json, "protocol", plan_proto_name(flow->proto));
	add_addr(&json, "client", &flow->client);
	json_uint(&json, "client_port", flow->client_port);
	add_addr(&json, "address", &flow->vip);
	json_uint(&json, "port", flow->vip_port);
	json_string(&json, "service", flow->service);
	add_addr(&json, "endpoint", &flow->endpoint);
	json_uint(&json, "endpoint_port", flow->endpoint_port);
	add_end(&json, "snat", "snat_port", &flow->snat, flow->snat_port);
	json_string(&json, "road", flow->road);
	json_string(&json, "state", flow->state);
	json_uint(&json, "idle_seconds", flow->idle_s);
	json_object_end(&json);
	str_add(flows->out, "\n", 1);
	return !match->limit || ++flows->n < match->limit;
}

static int open_flows(void *arg, const char *query, struct server_stream *stream, void **ret_state,
		      struct str *ret_text)
{
	const struct daemon *daemon = arg;
	struct match match;
	_cleanup_(mem_freep) struct flows *flows = NULL;
	int r = take_query(daemon, query, &match, ret_text);

	(void)stream;
	if (r != 200)
		return r;
	flows = mem_new(sizeof(*flows));
	flows->match = match;
	r = daemon->l4 ? dataplane_flows_begin(daemon->dataplane, &flows->walk) : -EOPNOTSUPP;
	if (r)
		return refuse(r, "flows", ret_text);
	*ret_state = TAKE_PTR(flows);
	return 200;
}

static enum server_fill fill_flows(void *state, struct str *ret_piece)
{
	struct flows *flows = state;
	int r;

	flows->out = ret_piece;
	r = dataplane_flows_next(flows->walk, add_flow, flows);
	if (r < 0)
		log_err(r, "a list of flows is cut");
	return r < 0 ? SERVER_FAIL : r ? SERVER_MORE : SERVER_END;
}

static void close_flows(void *state)
{
	struct flows *flows = state;

	dataplane_flows_end(flows->walk);
	free(flows);
}

/* ---- events -------------------------------------------------------------------------------- */

struct watcher {
	struct watcher *next;
	struct seen *seen;
	struct server_stream *stream;
	struct match match;
	struct str pending;
	uint64_t lost; /* not told yet */
	uint64_t n;
};

/* All watchers; the ring is on while there is one. */
struct seen {
	struct daemon *daemon;
	struct watcher *watchers;
	struct loop_fd *handle;
	uint64_t ring_lost; /* as the counter was last read */
};

static bool fits(const struct match *match, const struct event_info *event)
{
	if ((match->proto && match->proto != event->proto) ||
	    (*match->event && strcmp(match->event, event->kind) != 0))
		return false;
	return match_fits_service(match, event->service) &&
	       match_fits_end(&match->client, &event->client, event->client_port) &&
	       match_fits_end(&match->backend, &event->endpoint, event->endpoint_port);
}

static void add_time(struct json *json, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	json_printf(json, "time", "%s.%06uZ", text, (unsigned)(ns % 1000000000 / 1000));
}

static void format_event(const struct event_info *event, struct str *out)
{
	struct json json = { .out = out };
	char device[IF_NAMESIZE];

	json_object_begin(&json, NULL);
	add_time(&json, event->time_ns);
	json_string(&json, "event", event->kind);
	if (event->reason >= 0)
		json_string(&json, "reason", status_counter_name((unsigned)event->reason));
	json_string(&json, "protocol", plan_proto_name(event->proto));
	add_end(&json, "client", "client_port", &event->client, event->client_port);
	add_addr(&json, "address", &event->vip);
	json_uint(&json, "port", event->vip_port);
	json_string(&json, "service", event->service);
	add_end(&json, "endpoint", "endpoint_port", &event->endpoint, event->endpoint_port);
	add_end(&json, "snat", "snat_port", &event->snat, event->snat_port);
	if (event->road)
		json_string(&json, "road", event->road);
	if (event->ifindex && if_indextoname(event->ifindex, device))
		json_string(&json, "device", device);
	json_object_end(&json);
	str_add(out, "\n", 1);
}

static void on_event(void *arg, const struct event_info *event)
{
	const struct seen *seen = arg;
	struct str text = { 0 };

	for (struct watcher *w = seen->watchers; w; w = w->next) {
		if (!fits(&w->match, event) || (w->match.limit && w->n >= w->match.limit))
			continue;
		if (w->pending.len > PENDING_MAX) {
			w->lost++;
			continue;
		}
		w->n++;
		/* Once for all who want it. */
		if (!text.len)
			format_event(event, &text);
		str_add(&w->pending, text.buf, text.len);
	}
	str_fini(&text);
}

static uint64_t read_ring_lost(const struct seen *seen)
{
	uint64_t values[NARU_C_MAX];

	return dataplane_counters(seen->daemon->dataplane, values, NARU_C_MAX)
		       ? seen->ring_lost
		       : values[NARU_C_EVENTS_LOST];
}

static void on_ring(void *arg, unsigned events)
{
	struct seen *seen = arg;
	uint64_t lost = read_ring_lost(seen);

	(void)events;
	dataplane_watch_read(seen->daemon->dataplane, on_event, seen);
	for (struct watcher *w = seen->watchers; w; w = w->next) {
		w->lost += lost - seen->ring_lost;
		if (w->pending.len || w->lost)
			server_wake(w->stream);
	}
	seen->ring_lost = lost;
}

static int turn_on(struct seen *seen)
{
	struct daemon *daemon = seen->daemon;
	int r = daemon->l4 ? dataplane_watch(daemon->dataplane, true) : -EOPNOTSUPP;

	if (r)
		return r;
	seen->ring_lost = read_ring_lost(seen);
	seen->handle = loop_fd_add(daemon->loop, dataplane_watch_fd(daemon->dataplane), LOOP_READ,
				   on_ring, seen);
	if (seen->handle)
		return 0;
	dataplane_watch(daemon->dataplane, false);
	return -EIO;
}

static void turn_off(struct seen *seen)
{
	loop_fd_remove(TAKE_PTR(seen->handle));
	dataplane_watch(seen->daemon->dataplane, false);
}

static int open_events(void *arg, const char *query, struct server_stream *stream, void **ret_state,
		       struct str *ret_text)
{
	const struct daemon *daemon = arg;
	struct seen *seen = daemon->seen;
	struct watcher *watcher;
	struct match match;
	int r = take_query(daemon, query, &match, ret_text);

	if (r != 200)
		return r;
	r = seen->watchers ? 0 : turn_on(seen);
	if (r)
		return refuse(r, "events", ret_text);
	watcher = mem_new(sizeof(*watcher));
	*watcher = (struct watcher){
		.next = seen->watchers,
		.seen = seen,
		.stream = stream,
		.match = match,
	};
	seen->watchers = watcher;
	*ret_state = watcher;
	return 200;
}

static enum server_fill fill_events(void *state, struct str *ret_piece)
{
	struct watcher *w = state;

	*ret_piece = w->pending;
	w->pending = (struct str){ 0 };
	if (w->lost) {
		str_addf(ret_piece, "{\"event\":\"lost\",\"count\":%llu}\n",
			 (unsigned long long)w->lost);
		w->lost = 0;
	}
	return w->match.limit && w->n >= w->match.limit ? SERVER_END : SERVER_WAIT;
}

static void close_events(void *state)
{
	struct watcher *w = state, **at = &w->seen->watchers;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->seen->watchers)
		turn_off(w->seen);
	str_fini(&w->pending);
	free(w);
}

#define LINES "application/x-ndjson"

const struct admin_source seen_sources[] = {
	{ "/v1/flows", { LINES, fill_flows, close_flows }, open_flows },
	{ "/v1/events", { LINES, fill_events, close_events }, open_events },
	{ NULL, { NULL, NULL, NULL }, NULL },
};

struct seen *seen_new(struct daemon *daemon)
{
	struct seen *seen = mem_new(sizeof(*seen));

	seen->daemon = daemon;
	return seen;
}

void seen_free(struct seen *seen)
{
	free(seen);
}
