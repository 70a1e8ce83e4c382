/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 as narud speaks it: one request, an answer with a length, the end of the connection.
 * narud may be stuck, and something else may listen at its place: every wait has an end, and what
 * is kept of an answer a bound.
 */
#include "client.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sockaddr.h"

#define TIMEOUT_S  20	  /* for a piece of an answer */
#define WHOLE_MS   120000 /* for all of them together */
#define ANSWER_MAX (256u << 20)
#define LINE_MAX   (1u << 20)
#define STREAM_MAX (8ull << 30) /* nothing of it is kept */
#define FIELDS_MAX 100		/* of a head */

void client_complain(const char *format, ...)
{
	_cleanup_(mem_freep) char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	fputs("naructl: ", stderr);
	fputs(text, stderr);
	fputc('\n', stderr);
}

static int connect_to(const char *path, int *ret_fd)
{
	_cleanup_(mem_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un name;
	int r = sockaddr_from_path(path, &name);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Bytes, 0 at the end, or -errno. *waited_ms grows by what it took: who reads the output may take
 * as long as he likes. NULL: and narud, too. */
static ssize_t receive(int fd, char *piece, size_t size, uint64_t *waited_ms)
{
	const uint64_t begun_ms = clock_ms();
	ssize_t n = recv(fd, piece, size, 0);
	int error = n < 0 ? errno : 0;

	if (waited_ms)
		*waited_ms += clock_ms() - begun_ms;
	if (error == EAGAIN || (waited_ms && *waited_ms > WHOLE_MS))
		return -ETIMEDOUT;
	return error ? -error : n;
}

static int exchange(int fd, const char *path, struct str *answer)
{
	_cleanup_(mem_freep) char *request =
		mem_printf("GET %s HTTP/1.1\r\nHost: narud\r\nConnection: close\r\n\r\n", path);
	uint64_t waited_ms = 0;
	char piece[65536];
	ssize_t n;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while ((n = receive(fd, piece, sizeof(piece), &waited_ms)) > 0) {
		if (answer->len + (size_t)n > ANSWER_MAX)
			return -EFBIG;
		str_add(answer, piece, (size_t)n);
	}
	/* What came before a reset is an answer like any other; its length tells if it is whole. */
	return n == -ECONNRESET ? 0 : (int)n;
}

/* Status and length from the head, then the body. */
static int take_body(const struct str *answer, int *ret_status, struct str *ret_body)
{
	const char *end = answer->len ? strstr(answer->buf, "\r\n\r\n") : NULL;
	const char *length = answer->len ? strstr(answer->buf, "\r\nContent-Length: ") : NULL;
	size_t head, len;

	if (!end || !length || length > end || strncmp(answer->buf, "HTTP/1.1 ", 9) != 0)
		return -EPROTO;
	head = (size_t)(end - answer->buf) + 4;
	len = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
	if (answer->len - head < len)
		return -EPROTO;
	*ret_status = (int)strtol(answer->buf + 9, NULL, 10);
	if (len)
		str_add(ret_body, answer->buf + head, len);
	return 0;
}

/* ---- streams ---- */

struct stream {
	int fd;
	bool patient;
	bool begun; /* its head was read */
	uint64_t waited_ms, received;
	char piece[65536];
	size_t at, n; /* of piece */
	bool chunked;
	size_t left; /* of the chunk or of the body */
	struct str line;
	client_line_fn fn;
	void *arg;
	bool enough;
};

/* 0 or -errno; -EPROTO: the answer ends too early. */
static int next_byte(struct stream *s, char *ret_byte)
{
	if (s->at == s->n) {
		ssize_t n = receive(s->fd, s->piece, sizeof(s->piece),
				    s->patient && s->begun ? NULL : &s->waited_ms);

		if (n <= 0)
			return n && n != -ECONNRESET ? (int)n : -EPROTO;
		s->at = 0;
		s->n = (size_t)n;
		s->received += s->n;
		if (!s->patient && s->received > STREAM_MAX)
			return -EFBIG;
	}
	*ret_byte = s->piece[s->at++];
	return 0;
}

/* A line of the protocol, without CR LF. */
static int protocol_line(struct stream *s, char *line, size_t size)
{
	size_t n = 0;
	char byte = 0;

	for (;;) {
		int r = next_byte(s, &byte);

		if (r)
			return r;
		if (byte == '\n')
			break;
		if (n + 1 >= size)
			return -EPROTO;
		line[n++] = byte;
	}
	line[n && line[n - 1] == '\r' ? n - 1 : n] = 0;
	return 0;
}

static int read_head(struct stream *s, int *ret_status)
{
	char line[1024];
	int r = protocol_line(s, line, sizeof(line));

	if (!r && strncmp(line, "HTTP/1.1 ", 9) != 0)
		r = -EPROTO;
	if (r)
		return r;
	*ret_status = (int)strtol(line + 9, NULL, 10);
	for (int n = 0; !(r = protocol_line(s, line, sizeof(line))) && *line; n++) {
		if (n == FIELDS_MAX)
			return -EPROTO;
		if (!strcmp(line, "Transfer-Encoding: chunked"))
			s->chunked = true;
		if (!strncmp(line, "Content-Length: ", 16))
			s->left = strtoul(line + 16, NULL, 10);
	}
	return r;
}

static void take_line(struct stream *s)
{
	if (s->line.len && !s->fn(s->arg, s->line.buf))
		s->enough = true;
	s->line.len = 0;
}

/* s->left bytes, line by line. */
static int read_lines(struct stream *s)
{
	char byte = 0;

	for (; s->left && !s->enough; s->left--) {
		int r = next_byte(s, &byte);

		if (r)
			return r;
		if (byte == '\n')
			take_line(s);
		else if (s->line.len == LINE_MAX)
			return -EFBIG;
		else
			str_add(&s->line, &byte, 1);
	}
	return 0;
}

static int read_body(struct stream *s)
{
	char line[64];
	int r = 0;

	if (!s->chunked)
		r = read_lines(s);
	while (s->chunked && !r && !s->enough) {
		r = protocol_line(s, line, sizeof(line));
		if (r)
			break;
		s->left = strtoul(line, NULL, 16);
		if (!s->left)
			break;
		r = read_lines(s);
		if (!r && !s->enough)
			r = protocol_line(s, line, sizeof(line));
	}
	if (!r && !s->enough)
		take_line(s);
	return r;
}

static bool complain_line(void *arg, const char *line)
{
	client_complain("narud at %s: %s", (const char *)arg, line);
	return false;
}

static int stream(struct stream *s, const char *socket_path, const char *path)
{
	_cleanup_(mem_freep) char *request =
		mem_printf("GET %s HTTP/1.1\r\nHost: narud\r\n\r\n", path);
	const struct timeval forever = { .tv_sec = 0 };
	int status, r = 0;

	if (send(s->fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		r = -errno;
	if (!r)
		r = read_head(s, &status);
	if (!r && status != 200) {
		s->fn = complain_line;
		s->arg = (void *)socket_path;
		read_body(s);
		return -EINVAL;
	}
	if (!r && s->patient)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	s->begun = true;
	if (!r)
		r = read_body(s);
	if (r)
		client_complain("narud at %s: %s", socket_path,
				r == -EPROTO ? "the answer is not whole" : strerror(-r));
	return r;
}

int client_lines(const char *socket_path, const char *path, bool patient, client_line_fn fn,
		 void *arg)
{
	_cleanup_(mem_freep) struct stream *s = mem_new(sizeof(*s));
	int r = connect_to(socket_path, &s->fd);

	if (r < 0) {
		client_complain("no narud answers at %s: %s", socket_path, strerror(-r));
		return r;
	}
	s->patient = patient;
	s->fn = fn;
	s->arg = arg;
	r = stream(s, socket_path, path);
	str_fini(&s->line);
	close(s->fd);
	return r;
}

void client_add_query(struct str *path, const char *name, const char *value)
{
	static const char plain[] = "-._~/:[],";

	str_addf(path, "%c%s=", strchr(path->buf, '?') ? '&' : '?', name);
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr(plain, *value))
			str_add(path, value, 1);
		else
			str_addf(path, "%%%02X", (unsigned char)*value);
	}
}

/* ---- answers as a whole ---- */

static int get(const char *socket_path, const char *path, int *ret_status, struct str *ret_body)
{
	_cleanup_(str_fini) struct str answer = { 0 };
	_cleanup_(mem_closep) int fd = -1;
	int r = connect_to(socket_path, &fd);

	if (r < 0)
		return r;
	r = exchange(fd, path, &answer);
	return r ? r : take_body(&answer, ret_status, ret_body);
}

int client_get(const char *socket_path, const char *path, struct str *ret_body)
{
	int status = 0, r = get(socket_path, path, &status, ret_body);

	if (r == -EPROTO)
		client_complain("narud at %s: the answer is not whole", socket_path);
	else if (r < 0)
		client_complain("no narud answers at %s: %s", socket_path, strerror(-r));
	else if (status != 200 && ret_body->len)
		client_complain("narud at %s: %.*s", socket_path, (int)strcspn(ret_body->buf, "\n"),
				ret_body->buf);
	else if (status != 200)
		client_complain("narud at %s: status %d for %s", socket_path, status, path);
	return r < 0 ? r : status == 200 ? 0 : -EPROTO;
}

bool client_try(const char *socket_path, const char *path, struct str *ret_body)
{
	int status = 0;

	return !get(socket_path, path, &status, ret_body) && status == 200;
}

bool client_sees(const char *socket_path)
{
	_cleanup_(mem_closep) int fd = -1;
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !connect_to(socket_path, &fd) &&
	       !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && peer.pid > 0;
}

void client_remove_dead(const char *socket_path)
{
	_cleanup_(mem_closep) int fd = -1;

	if (connect_to(socket_path, &fd) == -ECONNREFUSED)
		unlink(socket_path);
}
