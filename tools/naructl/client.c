/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 as narud speaks it: one request, an answer with a length, the end of the connection.
 * narud is trusted, but may be stuck: every wait has an end.
 */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"

#define TIMEOUT_S 20

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

static int exchange(int fd, const char *path, struct str *answer)
{
	_cleanup_(mem_freep) char *request =
		mem_printf("GET %s HTTP/1.1\r\nHost: narud\r\nConnection: close\r\n\r\n", path);
	char piece[65536];
	ssize_t n;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		str_add(answer, piece, (size_t)n);
	/* What came before a reset is an answer like any other; its length tells if it is whole. */
	return n < 0 && errno != ECONNRESET ? -errno : 0;
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

int client_get(const char *socket_path, const char *path, struct str *ret_body)
{
	_cleanup_(str_fini) struct str answer = { 0 };
	_cleanup_(mem_closep) int fd = -1;
	int status = 0, r = connect_to(socket_path, &fd);

	if (r < 0) {
		client_complain("no narud answers at %s: %s", socket_path, strerror(-r));
		return r;
	}
	r = exchange(fd, path, &answer);
	if (!r)
		r = take_body(&answer, &status, ret_body);
	if (r < 0)
		client_complain("narud at %s: %s", socket_path,
				r == -EPROTO ? "the answer is not whole" : strerror(-r));
	else if (status != 200)
		client_complain("narud at %s: status %d for %s", socket_path, status, path);
	return r < 0 ? r : status == 200 ? 0 : -EPROTO;
}

void client_remove_dead(const char *socket_path)
{
	_cleanup_(mem_closep) int fd = -1;

	if (connect_to(socket_path, &fd) == -ECONNREFUSED)
		unlink(socket_path);
}
