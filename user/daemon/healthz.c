// SPDX-License-Identifier: Apache-2.0
/* The texts are kube-proxy's: who watches it can watch naru. */
#include "daemon/healthz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/server.h"
#include "admin/socket.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sockaddr.h"

#define RETRY_MS 1000

struct healthz {
	struct loop *loop;
	const char *listen;
	void (*look)(void *arg, struct healthz_state *ret_state);
	void *arg;
	struct server *server;
	struct server_listener *listener;
	struct loop_timer *retry;
	int error;
	struct healthz_counts counts;
};

#define TIME_LEN 40

static const char *format_time(int64_t us, char buf[static TIME_LEN])
{
	const time_t seconds = us / 1000000;
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(buf, TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, TIME_LEN - len, ".%06dZ", (int)(us % 1000000));
	return buf;
}

/* One apply is that of both families. */
static void add_families(const struct healthz_state *state, struct json *json)
{
	static const char *const names[] = { "IPv4", "IPv6" };
	char text[TIME_LEN];

	json_object_begin(json, "status");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_object_begin(json, names[i]);
		json_string(json, "lastUpdated", format_time(state->updated_us, text));
		json_bool(json, "healthy", state->healthy);
		json_object_end(json);
	}
	json_object_end(json);
}

/* As kube-proxy has it, lastUpdated is "now" while all is well, and no family has a status before
 * it was in force once. */
static void compose(bool fine, const struct healthz_state *state, bool with_node,
		    struct server_answer *ret_answer)
{
	struct json json = { .out = &ret_answer->body };
	int64_t now = clock_wall_us();
	char text[TIME_LEN];

	ret_answer->status = fine ? 200 : 503;
	ret_answer->type = "application/json";
	str_addf(&ret_answer->headers, "X-Content-Type-Options: nosniff\r\n");
	json_object_begin(&json, NULL);
	json_string(&json, "lastUpdated", format_time(fine ? now : state->updated_us, text));
	json_string(&json, "currentTime", format_time(now, text));
	if (with_node)
		json_bool(&json, "nodeEligible", state->eligible);
	json_bool(&json, "healthy", state->healthy);
	if (state->updated_us)
		add_families(state, &json);
	json_object_end(&json);
}

static void answer(void *arg, const char *path, struct server_answer *ret_answer)
{
	struct healthz *healthz = arg;
	struct healthz_counts *counts = &healthz->counts;
	struct healthz_state state;
	bool fine;

	healthz->look(healthz->arg, &state);
	if (!strcmp(path, "/healthz")) {
		fine = state.healthy && state.eligible;
		compose(fine, &state, true, ret_answer);
		++*(fine ? &counts->healthz_200 : &counts->healthz_503);
	} else if (!strcmp(path, "/livez")) {
		fine = state.healthy;
		compose(fine, &state, false, ret_answer);
		++*(fine ? &counts->livez_200 : &counts->livez_503);
	} else if (!strcmp(path, "/readyz")) {
		compose(state.healthy && state.eligible && state.fresh, &state, true, ret_answer);
	} else {
		server_error(404, ret_answer);
	}
}

static int start(struct healthz *healthz)
{
	const struct server_handler handler = { .answer = answer, .arg = healthz };
	_cleanup_(mem_closep) int fd = -1;
	struct addr addr;
	uint16_t port;
	int r = sockaddr_parse(healthz->listen, &addr, &port) == 1 ? 0 : -EINVAL;

	if (!r)
		r = addr_family(&addr) == 6 && addr_is_zero(&addr) ? socket_tcp_any(port, &fd)
								   : socket_tcp(&addr, port, &fd);
	if (!r)
		r = server_listen(healthz->server, fd, &handler, &healthz->listener);
	if (!r)
		TAKE_FD(fd);
	return r;
}

static void on_retry(void *arg)
{
	struct healthz *healthz = arg;

	healthz->error = start(healthz);
	if (healthz->error)
		return;
	loop_timer_remove(TAKE_PTR(healthz->retry));
	log_info("answers /healthz at %s", healthz->listen);
}

struct healthz *healthz_open(struct loop *loop, const char *listen,
			     void (*look)(void *arg, struct healthz_state *ret_state), void *arg)
{
	struct healthz *healthz = mem_new(sizeof(*healthz));

	healthz->loop = loop;
	healthz->listen = listen;
	healthz->look = look;
	healthz->arg = arg;
	healthz->server = server_new(loop);
	healthz->error = start(healthz);
	if (healthz->error) {
		log_warn("--healthz %s: %s; it is tried again every second", listen,
			 strerror(-healthz->error));
		healthz->retry = loop_timer_add(loop, RETRY_MS, RETRY_MS, on_retry, healthz);
	}
	return healthz;
}

void healthz_close(struct healthz *healthz)
{
	if (!healthz)
		return;
	loop_timer_remove(healthz->retry);
	server_free(healthz->server);
	free(healthz);
}

int healthz_error(const struct healthz *healthz)
{
	return healthz ? healthz->error : 0;
}

struct healthz_counts healthz_count(const struct healthz *healthz)
{
	return healthz ? healthz->counts : (struct healthz_counts){ 0 };
}
