// SPDX-License-Identifier: Apache-2.0
/*
 * naru-proxy.c calls it. Invariants: the threads start when narud has said how many, and the
 * sandbox is closed before the first listening socket is used; a copy of a listening socket is held
 * no longer than the socket is to live.
 */
#include "proxy/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "feed/channel.h"
#include "feed/memory.h"
#include "plan/snapshot.h"
#include "proxy/proxy.h"
#include "proxy/sandbox.h"

#define RETRY_MS       20  /* between tries to connect, */
#define RETRY_TRIES    250 /* so many times, then */
#define RETRY_LATER_MS 100
#define REPORT_MS      1000

struct held {
	uint32_t id;
	int worker;
	int fd;
};

struct key {
	uint8_t fingerprint[32];
	struct tls_cert *cert;
};

struct control {
	const struct control_config *config;
	struct loop *loop;
	struct channel *channel; /* NULL: no narud */
	struct loop_timer *retry, *reporting;
	unsigned tries;
	struct proxy *proxy; /* NULL until narud has sent settings */
	struct loop_fd *proxy_handle;
	char *settings;
	unsigned threads;
	int access_log; /* the proxy's, -1: none */
	struct held *held;
	size_t n_held, cap_held;
	struct key *keys;
	size_t n_keys, cap_keys;
	uint64_t acked;
	bool draining, stopped;
	bool told; /* by a signal to end */
	int result;
};

static void stop(struct control *control, int r)
{
	control->result = r;
	control->stopped = true;
	loop_stop(control->loop);
}

static void send_message(struct control *control, const struct message *message)
{
	int r = control->channel ? channel_send(control->channel, message) : 0;

	if (r < 0)
		log_err(r, "%s to narud", message_name(message->type));
}

/* ---- listening sockets --------------------------------------------------------------------- */

static void drop_held(struct control *control, size_t index)
{
	close(control->held[index].fd);
	control->held[index] = control->held[--control->n_held];
}

static void unlisten(struct control *control, uint32_t id)
{
	for (size_t i = control->n_held; i-- > 0;)
		if (control->held[i].id == id)
			drop_held(control, i);
	proxy_unlisten(control->proxy, id);
}

static void listen_to(struct control *control, struct message *message)
{
	struct held held = { .id = message->id, .worker = message->worker };
	int r;

	if (control->draining || held.worker >= (int)control->threads)
		return;
	held.fd = fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
	if (held.fd < 0) {
		log_err(-errno, "copy of a listening socket");
		return;
	}
	r = proxy_listen(control->proxy, held.id, held.worker, TAKE_FD(message->fd));
	if (r < 0) {
		log_err(r, "listening socket %u", held.id);
		close(held.fd);
		return;
	}
	control->held = mem_grow(control->held, control->n_held, &control->cap_held,
				 sizeof(*control->held));
	control->held[control->n_held++] = held;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static struct key *find_key(const struct control *control, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < control->n_keys; i++)
		if (!memcmp(control->keys[i].fingerprint, fingerprint, 32))
			return &control->keys[i];
	return NULL;
}

static struct tls_cert *find_cert(void *arg, const struct plan_cert *cert)
{
	const struct key *key = find_key(arg, cert->fingerprint);

	return key ? tls_cert_ref(key->cert) : NULL;
}

static void keep_key(struct control *control, const struct message *message)
{
	struct key key;
	const char *reason = "";

	if (find_key(control, message->fingerprint))
		return;
	if (tls_cert_new(message->text, &message->key, &key.cert, &reason) < 0) {
		log_error("a certificate cannot be used: %s", reason);
		return;
	}
	memcpy(key.fingerprint, message->fingerprint, sizeof(key.fingerprint));
	control->keys = mem_grow(control->keys, control->n_keys, &control->cap_keys,
				 sizeof(*control->keys));
	control->keys[control->n_keys++] = key;
}

static bool has_cert(const struct plan_l7 *l7, const uint8_t *fingerprint)
{
	for (size_t i = 0; i < l7->n_certs; i++)
		if (!memcmp(l7->certs[i].fingerprint, fingerprint, 32))
			return true;
	return false;
}

/* What is in force holds references of its own. */
static void drop_keys(struct control *control, const struct plan_l7 *l7)
{
	for (size_t i = control->n_keys; i-- > 0;) {
		if (has_cert(l7, control->keys[i].fingerprint))
			continue;
		tls_cert_unref(control->keys[i].cert);
		control->keys[i] = control->keys[--control->n_keys];
	}
}

/* ---- snapshots and reports ----------------------------------------------------------------- */

static void send_ack(struct control *control, uint64_t generation, bool fine, const char *text)
{
	const struct message ack = { .type = MESSAGE_ACK,
				     .generation = generation,
				     .flag = fine,
				     .text = (char *)text,
				     .fd = -1 };

	send_message(control, &ack);
}

static int read_snapshot(int fd, struct plan_l7 *ret_l7)
{
	const void *data;
	size_t len;
	int r = memory_map(fd, &data, &len);

	if (r < 0)
		return r;
	r = snapshot_decode(data, len, ret_l7);
	memory_unmap(data, len);
	return r;
}

static void apply(struct control *control, const struct message *message)
{
	_cleanup_(mem_freep) char *error = NULL;
	struct plan_l7 l7;
	int r = read_snapshot(message->fd, &l7);

	if (r < 0) {
		send_ack(control, message->generation, false, strerror(-r));
		return;
	}
	drop_keys(control, &l7);
	r = proxy_apply(control->proxy, &l7, message->generation, find_cert, control, &error);
	if (r < 0)
		send_ack(control, message->generation, false, error ? error : strerror(-r));
}

static void report(struct control *control)
{
	struct message message = { .type = MESSAGE_REPORT };
	struct report now = { 0 };
	struct str bytes = { 0 };
	int r;

	/* A narud that does not read gets no more to read. */
	if (!control->channel || !channel_idle(control->channel))
		return;
	proxy_report(control->proxy, &now);
	report_encode(&now, &bytes);
	report_fini(&now);
	r = memory_seal(bytes.buf, bytes.len, &message.fd);
	str_fini(&bytes);
	if (r < 0) {
		log_err(r, "report to narud");
		return;
	}
	send_message(control, &message);
	close(message.fd);
}

static void on_report(void *arg)
{
	report(arg);
}

static void on_proxy(void *arg, unsigned events)
{
	struct control *control = arg;
	uint64_t generation;

	(void)events;
	proxy_process(control->proxy);
	generation = proxy_generation(control->proxy);
	if (generation != control->acked) {
		control->acked = generation;
		send_ack(control, generation, true, "");
		report(control);
	}
	if (control->draining && proxy_drained(control->proxy))
		stop(control, 0);
}

/* ---- start and end of the threads ---------------------------------------------------------- */

static void drain(struct control *control)
{
	if (control->draining)
		return;
	control->draining = true;
	if (!control->proxy) {
		stop(control, 0);
		return;
	}
	/* From here on the proxy's own are the only ones of this process. */
	while (control->n_held)
		drop_held(control, control->n_held - 1);
	proxy_drain(control->proxy);
}

static int start(struct control *control, struct message *settings)
{
	const struct proxy_config config = {
		.threads = settings->threads ? settings->threads : 1,
		.drain_ms = settings->drain_ms,
		.access_log = settings->fd,
	};
	int r;

	control->access_log = TAKE_FD(settings->fd);
	r = sandbox_leave_files();
	if (r < 0)
		return log_err(r, "landlock");
	r = proxy_start(&config, &control->proxy);
	if (r < 0)
		return log_err(r, "threads");
	r = sandbox_enter();
	if (r < 0)
		return log_err(r, "seccomp");
	control->threads = config.threads;
	control->settings = TAKE_PTR(settings->text);
	control->proxy_handle =
		loop_fd_add(control->loop, proxy_fd(control->proxy), LOOP_READ, on_proxy, control);
	control->reporting =
		loop_timer_add(control->loop, REPORT_MS, REPORT_MS, on_report, control);
	log_info("serving threads=%u", control->threads);
	return control->proxy_handle ? 0 : log_err(-EIO, "threads");
}

/* Later settings are those it has, but the log may be another narud's standard output: it takes the
 * place of the old one under the same number. */
static void take_settings(struct control *control, struct message *settings)
{
	int r = 0;

	if (!control->proxy)
		r = start(control, settings);
	else if (control->access_log >= 0 && settings->fd >= 0 &&
		 dup3(settings->fd, control->access_log, O_CLOEXEC) < 0)
		log_err(-errno, "access log");
	if (r < 0)
		stop(control, r);
}

/* ---- narud --------------------------------------------------------------------------------- */

static void on_message(void *arg, struct message *message)
{
	struct control *control = arg;

	if (control->stopped)
		return;
	if (message->type == MESSAGE_SETTINGS)
		take_settings(control, message);
	else if (message->type == MESSAGE_DRAIN)
		drain(control);
	else if (!control->proxy)
		log_warn("narud sent %s before any settings", message_name(message->type));
	else if (message->type == MESSAGE_LISTEN)
		listen_to(control, message);
	else if (message->type == MESSAGE_UNLISTEN)
		unlisten(control, message->id);
	else if (message->type == MESSAGE_KEY)
		keep_key(control, message);
	else if (message->type == MESSAGE_SNAPSHOT)
		apply(control, message);
}

static void on_try(void *arg);

static void try_later(struct control *control)
{
	control->retry = loop_timer_add(control->loop,
					control->tries < RETRY_TRIES ? RETRY_MS : RETRY_LATER_MS, 0,
					on_try, control);
}

static void on_closed(void *arg)
{
	struct control *control = arg;

	channel_close(TAKE_PTR(control->channel));
	/* Without settings there is nothing to go on with; narud starts another one. */
	if (!control->proxy) {
		stop(control, 0);
		return;
	}
	log_warn("narud is gone; serving goes on");
	try_later(control);
}

static void introduce(struct control *control)
{
	const struct message hello = {
		.type = MESSAGE_HELLO,
		.text = (char *)control->config->version,
		.more = control->settings,
		.pid = (uint32_t)getpid(),
		.threads = control->threads,
		.generation = control->proxy ? proxy_generation(control->proxy) : 0,
		.flag = control->draining,
		.fd = -1,
	};

	for (size_t i = 0; i < control->n_held; i++) {
		const struct held *held = &control->held[i];

		send_message(control, &(struct message){ .type = MESSAGE_LISTEN,
							 .id = held->id,
							 .worker = held->worker,
							 .fd = held->fd });
	}
	send_message(control, &hello);
}

static int connect_to(const char *run_dir, int *ret_fd)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%s", run_dir, NARU_PROXY_SOCKET);
	_cleanup_(mem_closep) int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un name;
	int r = sockaddr_from_path(path, &name);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void on_try(void *arg)
{
	struct control *control = arg;
	const struct channel_handlers handlers = { on_message, on_closed, control };
	int fd = -1, r = connect_to(control->config->run_dir, &fd);

	loop_timer_remove(TAKE_PTR(control->retry));
	if (!r) {
		r = channel_open(control->loop, fd, &handlers, &control->channel);
		if (r < 0)
			close(fd);
	}
	if (r < 0) {
		if (!control->tries++)
			log_info("narud does not answer in %s: %s", control->config->run_dir,
				 strerror(-r));
		try_later(control);
		return;
	}
	if (control->proxy)
		log_info("narud is back");
	control->tries = 0;
	introduce(control);
}

static void on_stop(void *arg)
{
	struct control *control = arg;

	if (control->told) {
		stop(control, 0);
		return;
	}
	control->told = true;
	/* narud was first: what is under way has its time still. */
	if (control->draining)
		return;
	send_message(control, &(struct message){ .type = MESSAGE_DRAINING, .fd = -1 });
	drain(control);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void fini(struct control *control)
{
	channel_close(control->channel);
	loop_timer_remove(control->retry);
	loop_timer_remove(control->reporting);
	loop_fd_remove(control->proxy_handle);
	if (control->proxy)
		proxy_stop(control->proxy);
	while (control->n_held)
		drop_held(control, control->n_held - 1);
	for (size_t i = 0; i < control->n_keys; i++)
		tls_cert_unref(control->keys[i].cert);
	free(control->held);
	free(control->keys);
	free(control->settings);
	loop_free(control->loop);
}

int control_run(const struct control_config *config)
{
	struct control control = { .config = config, .access_log = -1 };

	control.loop = loop_new();
	if (!control.loop)
		return log_err(-EMFILE, "event loop");
	loop_on_stop(control.loop, on_stop, &control);
	on_try(&control);
	/* Not before the first try, whose reasons to stop are found in here. */
	if (!control.stopped)
		loop_run(control.loop);
	fini(&control);
	return control.result;
}
