/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners, and the requests that come to them. A connection goes through three states: it reads
 * one head, writes one answer, and waits until the peer has closed, since closing on unread bytes
 * would make the kernel throw the answer away. Each state has a deadline, the number of connections
 * is fixed, and nothing blocks: a hostile peer can waste its own time only.
 */
#include "admin/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/request.h"
#include "base/addr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sockaddr.h"

#define CONNECTIONS_MAX 64
#define REQUEST_MS	5000
#define ANSWER_MS	30000 /* for the whole answer: a reader of 20 MB may be slow, not asleep */
#define LINGER_MS	1000
#define LINGER_BYTES	(64 * 1024)
#define PAUSE_MS	100 /* of accepting, when the process is out of descriptors */

enum state {
	STATE_FREE,
	STATE_READ,
	STATE_WRITE,
	STATE_LINGER,
};

struct connection {
	struct admin *admin;
	enum state state;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *deadline;
	char request[REQUEST_MAX];
	size_t n_request;
	struct str answer;
	size_t sent;
	size_t lingered; /* bytes thrown away while waiting for the end */
};

struct listener {
	struct admin *admin;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *pause;
};

struct admin {
	struct loop *loop;
	const struct admin_route *routes;
	void *arg;
	char *socket_path; /* NULL until it is bound */
	struct listener listeners[2];
	struct connection connections[CONNECTIONS_MAX];
};

/* ---- answers ------------------------------------------------------------------------------- */

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Error";
}

static void compose(int status, const char *type, const struct str *body, struct str *ret_answer)
{
	str_addf(ret_answer,
		 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		 "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
		 status, reason_phrase(status), type, body->len,
		 status == 405 ? "Allow: GET\r\n" : "");
	if (body->len)
		str_add(ret_answer, body->buf, body->len);
}

static void compose_error(int status, struct str *ret_answer)
{
	struct str body = { 0 };

	str_addf(&body, "%s\n", reason_phrase(status));
	compose(status, "text/plain; charset=utf-8", &body, ret_answer);
	str_fini(&body);
}

static void serve(const struct admin *admin, const char *path, struct str *ret_answer)
{
	for (const struct admin_route *route = admin->routes; route->path; route++) {
		struct str body = { 0 };

		if (strcmp(route->path, path) != 0)
			continue;
		compose(route->fn(admin->arg, &body), route->content_type, &body, ret_answer);
		str_fini(&body);
		return;
	}
	compose_error(404, ret_answer);
}

/* ---- connections --------------------------------------------------------------------------- */

static void connection_close(struct connection *c)
{
	loop_fd_remove(c->handle);
	loop_timer_remove(c->deadline);
	if (c->fd >= 0)
		close(c->fd);
	str_fini(&c->answer);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void on_deadline(void *arg)
{
	connection_close(arg);
}

static void enter(struct connection *c, enum state state, uint64_t deadline_ms)
{
	c->state = state;
	loop_timer_remove(c->deadline);
	c->deadline = loop_timer_add(c->admin->loop, deadline_ms, 0, on_deadline, c);
	loop_fd_events(c->handle, state == STATE_WRITE ? LOOP_WRITE : LOOP_READ);
}

static void answer(struct connection *c)
{
	_cleanup_(mem_freep) char *path = NULL;
	int status = request_parse(c->request, c->n_request, &path);

	if (!status)
		return;
	if (status == 200)
		serve(c->admin, path, &c->answer);
	else
		compose_error(status, &c->answer);
	enter(c, STATE_WRITE, ANSWER_MS);
}

/* Errors that mean "later" for a descriptor that does not block. */
static bool is_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void on_readable(struct connection *c)
{
	ssize_t n = recv(c->fd, c->request + c->n_request, sizeof(c->request) - c->n_request, 0);

	if (n > 0) {
		c->n_request += (size_t)n;
		answer(c);
	} else if (!n || !is_later()) {
		connection_close(c);
	}
}

/* One piece a turn of the loop, so that one reader of much does not keep out the others. */
static void on_writable(struct connection *c)
{
	ssize_t n = send(c->fd, c->answer.buf + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_later())
			connection_close(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent < c->answer.len)
		return;
	str_fini(&c->answer);
	shutdown(c->fd, SHUT_WR);
	enter(c, STATE_LINGER, LINGER_MS);
}

static void on_lingering(struct connection *c)
{
	ssize_t n = recv(c->fd, c->request, sizeof(c->request), 0);

	if (n > 0)
		c->lingered += (size_t)n;
	if (!n || (n < 0 && !is_later()) || c->lingered > LINGER_BYTES)
		connection_close(c);
}

static void on_connection(void *arg, unsigned events)
{
	struct connection *c = arg;

	(void)events;
	if (c->state == STATE_READ)
		on_readable(c);
	else if (c->state == STATE_WRITE)
		on_writable(c);
	else if (c->state == STATE_LINGER)
		on_lingering(c);
}

/* Says so without waiting: who cannot be answered at once is not answered. */
static void refuse(int fd)
{
	struct str text = { 0 };

	compose_error(503, &text);
	(void)!send(fd, text.buf, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	str_fini(&text);
	close(fd);
}

static struct connection *find_free(struct admin *admin)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (admin->connections[i].state == STATE_FREE)
			return &admin->connections[i];
	return NULL;
}

static void take_in(struct admin *admin, int fd)
{
	struct connection *c = find_free(admin);

	if (!c) {
		refuse(fd);
		return;
	}
	c->handle = loop_fd_add(admin->loop, fd, LOOP_READ, on_connection, c);
	if (!c->handle) {
		refuse(fd);
		return;
	}
	c->admin = admin;
	c->fd = fd;
	enter(c, STATE_READ, REQUEST_MS);
}

/* ---- listeners ----------------------------------------------------------------------------- */

static void on_pause_over(void *arg)
{
	struct listener *listener = arg;

	loop_timer_remove(TAKE_PTR(listener->pause));
	loop_fd_events(listener->handle, LOOP_READ);
}

static void on_acceptable(void *arg, unsigned events)
{
	struct listener *listener = arg;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0) {
		take_in(listener->admin, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	/* The connection stays in the queue, readable for ever: come back later. */
	loop_fd_events(listener->handle, 0);
	listener->pause =
		loop_timer_add(listener->admin->loop, PAUSE_MS, 0, on_pause_over, listener);
}

static int listener_start(struct listener *listener, struct admin *admin, int fd)
{
	if (listen(fd, 128) < 0)
		return -errno;
	listener->handle = loop_fd_add(admin->loop, fd, LOOP_READ, on_acceptable, listener);
	if (!listener->handle)
		return -EIO;
	listener->admin = admin;
	listener->fd = fd;
	return 0;
}

/* Is somebody behind the socket file? 0: no, and the file is gone now. */
static int clear_path(const struct sockaddr_un *name)
{
	_cleanup_(mem_closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(name->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (!connect(fd, (const struct sockaddr *)name, sizeof(*name)) || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(name->sun_path) < 0 ? -errno : 0;
}

static int open_unix(struct admin *admin, const char *path)
{
	_cleanup_(mem_closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un name;
	int r;

	if (fd < 0)
		return -errno;
	r = sockaddr_from_path(path, &name);
	if (!r)
		r = clear_path(&name);
	if (r < 0)
		return r;
	/* The file takes the descriptor's mode: there is no moment in which others may connect. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	admin->socket_path = mem_strdup(path);
	r = listener_start(&admin->listeners[0], admin, fd);
	if (!r)
		TAKE_FD(fd);
	return r;
}

/* "ADDR:PORT" or "[ADDR]:PORT". */
static int parse_listen(const char *text, struct addr *ret_addr, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char host[ADDR_STR_LEN], *end;
	unsigned long port;

	if (len && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!len || len >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = 0;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return addr_parse(host, ret_addr);
}

static int bind_tcp(int fd, const struct addr *addr, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	memcpy(&v4.sin_addr, addr->byte + 12, 4);
	memcpy(&v6.sin6_addr, addr->byte, 16);
	if (addr_family(addr) == 4)
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4)) < 0 ? -errno : 0;
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6)) < 0 ? -errno : 0;
}

static int open_tcp(struct admin *admin, const char *text)
{
	_cleanup_(mem_closep) int fd = -1;
	struct addr addr;
	uint16_t port;
	int r = parse_listen(text, &addr, &port);

	if (r < 0)
		return r;
	fd = socket(addr_family(&addr) == 4 ? AF_INET : AF_INET6,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bind_tcp(fd, &addr, port);
	if (!r)
		r = listener_start(&admin->listeners[1], admin, fd);
	if (!r)
		TAKE_FD(fd);
	return r;
}

int admin_open(struct loop *loop, const char *socket_path, const char *listen,
	       const struct admin_route *routes, void *arg, struct admin **ret_admin)
{
	struct admin *admin = mem_new(sizeof(*admin));
	int r;

	admin->loop = loop;
	admin->routes = routes;
	admin->arg = arg;
	for (size_t i = 0; i < ARRAY_SIZE(admin->listeners); i++)
		admin->listeners[i].fd = -1;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		admin->connections[i].fd = -1;
	r = open_unix(admin, socket_path);
	if (r < 0)
		log_err(r, "socket %s", socket_path);
	if (!r && listen) {
		r = open_tcp(admin, listen);
		if (r < 0)
			log_err(r, "--admin %s", listen);
	}
	if (r < 0) {
		admin_close(admin);
		return r;
	}
	*ret_admin = admin;
	return 0;
}

void admin_close(struct admin *admin)
{
	if (!admin)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (admin->connections[i].state != STATE_FREE)
			connection_close(&admin->connections[i]);
	for (size_t i = 0; i < ARRAY_SIZE(admin->listeners); i++) {
		struct listener *listener = &admin->listeners[i];

		loop_timer_remove(listener->pause);
		loop_fd_remove(listener->handle);
		if (listener->fd >= 0)
			close(listener->fd);
	}
	if (admin->socket_path)
		unlink(admin->socket_path);
	free(admin->socket_path);
	free(admin);
}
