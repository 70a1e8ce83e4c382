/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine with real sockets on loopback: a proxy of its own for each test, backends that are
 * threads with a script, clients that are plain blocking sockets. Nothing waits longer than
 * PATIENCE_S; no test measures time.
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/proxy.h"
#include "rig.h"

#define PATIENCE_S	 20
#define BACKEND_CONNS	 4096
#define ENGINE_LISTEN_ID 7

/* ---- sockets ---- */

static inline void set_patience(int fd)
{
	struct timeval tv = { .tv_sec = PATIENCE_S };
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* A listener on any port of loopback, for both families. */
static inline int listen_any(uint16_t *ret_port, int flags)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), zero = 0;

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1024), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*ret_port = ntohs(addr.sin6_port);
	return fd;
}

static inline int dial_addr(const char *text, uint16_t port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET6, text, &addr.sin6_addr), 1);
	assert_true(fd >= 0);
	set_patience(fd);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int dial(uint16_t port)
{
	int fd = dial_addr("::ffff:127.0.0.1", port);

	assert_true(fd >= 0);
	return fd;
}

/* False: the peer is gone. */
static inline bool put(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool put_text(int fd, const char *text)
{
	return put(fd, text, strlen(text));
}

/* Up to len bytes: how many came before the end. */
static inline size_t get(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, (char *)buf + done, len - done, 0);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* A head with its empty line, byte by byte so that nothing behind it is taken. "": the end. */
static inline const char *get_head(int fd, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	while (len + 1 < size && recv(fd, buf + len, 1, 0) == 1) {
		buf[++len] = '\0';
		if (len >= 4 && !strcmp(buf + len - 4, "\r\n\r\n"))
			return buf;
	}
	buf[0] = '\0';
	return buf;
}

/* The value of a field (name in lower case, with colon and space), -1: it is not there. */
static inline long long field_number(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

static inline bool is_chunked(const char *head)
{
	return strcasestr(head, "\r\ntransfer-encoding: chunked\r\n");
}

/* Reads a chunked body to its end, trailers included; returns its length, -1: broken off. Content
 * goes to buf as far as there is room. */
static inline long long get_chunked(int fd, char *buf, size_t size)
{
	long long total = 0;
	char line[1024];

	for (;;) {
		size_t len = 0, chunk;

		while (len < 2 || line[len - 2] != '\r' || line[len - 1] != '\n') {
			if (len + 1 == sizeof(line) || recv(fd, line + len, 1, 0) != 1)
				return -1;
			len++;
		}
		line[len] = '\0';
		chunk = strtoul(line, NULL, 16);
		while (chunk) {
			char waste[16384];
			size_t n = chunk < sizeof(waste) ? chunk : sizeof(waste);

			if (get(fd, waste, n) != n)
				return -1;
			if ((size_t)total < size)
				memcpy(buf + total, waste,
				       n < size - (size_t)total ? n : size - (size_t)total);
			total += (long long)n;
			chunk -= n;
		}
		if (line[0] == '0')
			break;
		if (get(fd, line, 2) != 2)
			return -1;
	}
	/* Trailers, as a head without its first line: up to an empty one. */
	for (size_t len = 0;; len++) {
		if (len + 1 == sizeof(line) || recv(fd, line + len, 1, 0) != 1)
			return -1;
		line[len + 1] = '\0';
		if (!strcmp(line, "\r\n") || (len > 3 && !strcmp(line + len - 3, "\r\n\r\n")))
			return total;
	}
}

/* Reads the body that a head announces; -1: broken off. */
static inline long long get_body(int fd, const char *head, char *buf, size_t size)
{
	long long left = field_number(head, "\r\ncontent-length: "), total = 0;

	if (is_chunked(head))
		return get_chunked(fd, buf, size);
	if (left < 0 && !strncmp(head, "HTTP/", 5)) {
		/* Until the end. */
		left = INT64_MAX;
	}
	while (total < left) {
		char waste[16384];
		size_t want = left - total < (long long)sizeof(waste) ? (size_t)(left - total)
								      : sizeof(waste);
		ssize_t n = recv(fd, waste, want, 0);

		if (n <= 0)
			return left == INT64_MAX && !n ? total : -1;
		if ((size_t)total < size)
			memcpy(buf + total, waste,
			       (size_t)n < size - (size_t)total ? (size_t)n : size - (size_t)total);
		total += n;
	}
	return total;
}

static inline bool at_end(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ---- backends ---- */

struct backend;
/* Serves one connection; n counts them from 0. */
typedef void (*backend_fn)(struct backend *backend, int fd, unsigned n);

struct backend_conn {
	struct backend *backend;
	pthread_t thread;
	int fd;
	unsigned n;
};

struct backend {
	backend_fn fn;
	void *arg;
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct backend_conn *conns[BACKEND_CONNS];
	unsigned n_conns;
	_Atomic unsigned requests, connections, closed;
	_Atomic bool stop;
};

static inline void *backend_conn_run(void *arg)
{
	struct backend_conn *conn = arg;

	conn->backend->fn(conn->backend, conn->fd, conn->n);
	shutdown(conn->fd, SHUT_RDWR);
	pthread_mutex_lock(&conn->backend->lock);
	close(conn->fd);
	conn->fd = -1;
	pthread_mutex_unlock(&conn->backend->lock);
	atomic_fetch_add(&conn->backend->closed, 1);
	return NULL;
}

static inline void *backend_run(void *arg)
{
	struct backend *backend = arg;
	int fd;

	while ((fd = accept4(backend->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct backend_conn *conn = mem_new(sizeof(*conn));

		set_patience(fd);
		conn->backend = backend;
		conn->fd = fd;
		conn->n = atomic_fetch_add(&backend->connections, 1);
		pthread_mutex_lock(&backend->lock);
		if (backend->stop || backend->n_conns == BACKEND_CONNS ||
		    pthread_create(&conn->thread, NULL, backend_conn_run, conn)) {
			close(fd);
			free(conn);
		} else {
			backend->conns[backend->n_conns++] = conn;
		}
		pthread_mutex_unlock(&backend->lock);
	}
	return NULL;
}

static inline struct backend *backend_start(backend_fn fn, void *arg)
{
	struct backend *backend = mem_new(sizeof(*backend));

	backend->fn = fn;
	backend->arg = arg;
	backend->fd = listen_any(&backend->port, 0);
	pthread_mutex_init(&backend->lock, NULL);
	assert_int_equal(pthread_create(&backend->thread, NULL, backend_run, backend), 0);
	return backend;
}

/* Connections are refused from now on; those that stand go on. */
static inline void backend_deafen(struct backend *backend)
{
	shutdown(backend->fd, SHUT_RDWR);
	pthread_join(backend->thread, NULL);
	close(backend->fd);
	backend->fd = -1;
}

static inline void backend_stop(struct backend *backend)
{
	atomic_store(&backend->stop, true);
	if (backend->fd >= 0)
		backend_deafen(backend);
	pthread_mutex_lock(&backend->lock);
	for (unsigned i = 0; i < backend->n_conns; i++)
		if (backend->conns[i]->fd >= 0)
			shutdown(backend->conns[i]->fd, SHUT_RDWR);
	pthread_mutex_unlock(&backend->lock);
	for (unsigned i = 0; i < backend->n_conns; i++) {
		pthread_join(backend->conns[i]->thread, NULL);
		free(backend->conns[i]);
	}
	pthread_mutex_destroy(&backend->lock);
	free(backend);
}

/* The usual backend: reads requests, answers each with 200 and its own port, keeps the connection.
 */
static inline void serve_ok(struct backend *backend, int fd, unsigned n)
{
	char head[20000], answer[128];

	(void)n;
	while (*get_head(fd, head, sizeof(head)) && get_body(fd, head, NULL, 0) >= 0) {
		atomic_fetch_add(&backend->requests, 1);
		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n%05u",
			 backend->port);
		if (!put_text(fd, answer))
			return;
	}
}

/* Answers each request, once it is there, with the text that is its argument. */
static inline void serve_text(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)n;
	while (*get_head(fd, head, sizeof(head)) && get_body(fd, head, NULL, 0) >= 0) {
		atomic_fetch_add(&backend->requests, 1);
		if (!put_text(fd, backend->arg))
			return;
	}
}

/* The same, and closes. */
static inline void serve_once(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)n;
	if (!*get_head(fd, head, sizeof(head)) || get_body(fd, head, NULL, 0) < 0)
		return;
	atomic_fetch_add(&backend->requests, 1);
	put_text(fd, backend->arg);
}

/* ---- the engine ---- */

struct engine {
	struct proxy *proxy;
	struct times times;
	uint16_t port;
	uint64_t generation;
	int log; /* the reading end of the access log */
};

static inline struct engine *engine_start_with(unsigned threads, uint32_t drain_ms,
					       const struct times *times)
{
	struct engine *engine = mem_new(sizeof(*engine));
	struct proxy_config config = { .threads = threads, .drain_ms = drain_ms };
	int pipe_fds[2], fd;

	engine->times = *times;
	config.times = &engine->times;
	assert_int_equal(pipe(pipe_fds), 0);
	engine->log = pipe_fds[0];
	config.access_log = pipe_fds[1];
	assert_int_equal(proxy_start(&config, &engine->proxy), 0);
	fd = listen_any(&engine->port, SOCK_NONBLOCK);
	assert_int_equal(proxy_listen(engine->proxy, ENGINE_LISTEN_ID, -1, fd), 0);
	return engine;
}

static inline struct engine *engine_start(unsigned threads)
{
	return engine_start_with(threads, 2000, &times_default);
}

static inline void engine_stop(struct engine *engine)
{
	proxy_stop(engine->proxy);
	close(engine->log);
	free(engine);
}

/* One cluster over the backends, one rule for everything, on the engine's port. */
static inline struct plan_l7 engine_plan(const struct engine *engine,
					 struct backend *const *backends, size_t n)
{
	struct plan_l7 l7 = { 0 };
	uint32_t listener, match, rule;
	struct plan_cluster *cluster;

	RIG_APPEND(l7.clusters, l7.n_clusters,
		   (struct plan_cluster){
			   .name = mem_strdup("d/s:80"),
			   .connect_timeout_ms = 5000,
			   .breaker = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
					UINT32_MAX },
		   });
	cluster = &l7.clusters[0];
	for (size_t i = 0; i < n; i++) {
		struct plan_endpoint endpoint = { .port = backends[i]->port };
		size_t at = cluster->endpoints.n;

		assert_int_equal(addr_parse("127.0.0.1", &endpoint.addr), 0);
		RIG_APPEND(cluster->endpoints.endpoints, cluster->endpoints.n, endpoint);
		/* Sorted by port. */
		for (; at && cluster->endpoints.endpoints[at - 1].port > endpoint.port; at--)
			cluster->endpoints.endpoints[at] = cluster->endpoints.endpoints[at - 1];
		cluster->endpoints.endpoints[at] = endpoint;
	}
	rule = rig_rule(&l7, "d/r/0");
	RIG_APPEND(l7.rules[rule].backends, l7.rules[rule].n_backends,
		   (struct plan_backend){ .weight = 1, .cluster = 0 });
	match = rig_match(&l7, rule, PLAN_PREFIX, "/");
	listener = rig_listener(&l7, "d/g/l", "");
	rig_attach(&l7, listener, "", match);
	rig_bind(&l7, 0, engine->port, &listener, 1);
	return l7;
}

static inline struct tls_cert *no_cert(void *arg, const struct plan_cert *cert)
{
	(void)arg;
	(void)cert;
	return NULL;
}

static inline void engine_process(struct engine *engine)
{
	struct pollfd poller = { .fd = proxy_fd(engine->proxy), .events = POLLIN };

	assert_int_equal(poll(&poller, 1, PATIENCE_S * 1000), 1);
	proxy_process(engine->proxy);
}

/* Waits until it is in force. */
static inline void engine_apply_with(struct engine *engine, struct plan_l7 *l7, table_cert_fn certs,
				     void *arg)
{
	char *error = NULL;

	assert_int_equal(proxy_apply(engine->proxy, l7, ++engine->generation, certs, arg, &error),
			 0);
	while (proxy_generation(engine->proxy) != engine->generation)
		engine_process(engine);
}

static inline void engine_apply(struct engine *engine, struct plan_l7 *l7)
{
	engine_apply_with(engine, l7, no_cert, NULL);
}

/* The plan of one backend, in force. */
static inline void engine_serve(struct engine *engine, struct backend *backend)
{
	struct plan_l7 l7 = engine_plan(engine, &backend, 1);

	engine_apply(engine, &l7);
}

/* A line of the access log; each test has few. */
static inline const char *engine_log(struct engine *engine, char *line, size_t size)
{
	struct pollfd poller = { .fd = engine->log, .events = POLLIN };
	size_t len = 0;

	line[0] = '\0';
	while (len + 1 < size && poll(&poller, 1, PATIENCE_S * 1000) == 1 &&
	       read(engine->log, line + len, 1) == 1 && line[len] != '\n')
		line[++len] = '\0';
	line[len] = '\0';
	return line;
}

#define assert_contains(text, part)                                                                \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("\"%s\" is not in \"%s\"", part, text);                           \
	} while (0)
#define assert_lacks(text, part)                                                                   \
	do {                                                                                       \
		if (strstr(text, part))                                                            \
			fail_msg("\"%s\" is in \"%s\"", part, text);                               \
	} while (0)

/* Sends a request and reads the answer's head and body (the first bytes of it, as text). */
struct answer {
	char head[20000];
	char body[1024];
	long long len; /* of the body, -1: broken off */
	int status;
};

static inline void get_answer(int fd, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	get_head(fd, answer->head, sizeof(answer->head));
	answer->status = *answer->head ? (int)strtol(answer->head + 9, NULL, 10) : 0;
	if (answer->status >= 200 && answer->status != 204 && answer->status != 304)
		answer->len = get_body(fd, answer->head, answer->body, sizeof(answer->body) - 1);
}

/* On a connection of its own. */
static inline int ask(struct engine *engine, const char *request, struct answer *answer)
{
	int fd = dial(engine->port);

	put_text(fd, request);
	get_answer(fd, answer);
	close(fd);
	return answer->status;
}

#define GET_A "GET /a HTTP/1.1\r\nhost: a.example\r\n\r\n"
