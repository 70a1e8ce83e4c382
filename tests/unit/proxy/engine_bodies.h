/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of any length with a content that shows where a byte belongs, in both framings. */
#pragma once
#include "engine.h"

static inline char pattern_at(size_t at)
{
	return (char)('!' + at % 89);
}

/* Appends to what is there; the whole is a message's body so far. */
static inline void fill_pattern(char *buf, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern_at(from + i);
}

static inline bool is_pattern(const char *buf, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != pattern_at(from + i))
			return false;
	return true;
}

/* Sends a body; in chunks of that size, unless it is 0: then as it is. */
static inline bool put_pattern(int fd, size_t len, size_t chunk)
{
	char buf[16384 + 64];
	size_t piece = chunk && chunk < 16384 ? chunk : 16384;

	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		size_t room = chunk ? (size_t)snprintf(buf, 64, "%zX\r\n", n) : 0;

		fill_pattern(buf + room, at, n);
		buf[room + n] = '\r';
		buf[room + n + 1] = '\n';
		if (!put(fd, buf, room + n + (chunk ? 2 : 0)))
			return false;
	}
	return !chunk || put_text(fd, "0\r\n\r\n");
}

/* Reads a body to its end and looks at every byte; its length, or -1. */
static inline long long get_pattern(int fd, const char *head, size_t most)
{
	char *buf = mem_new(most + 1);
	long long len = get_body(fd, head, buf, most + 1);
	bool same = len >= 0 && (size_t)len <= most && is_pattern(buf, 0, (size_t)len);

	free(buf);
	return same ? len : -1;
}

#define BODY_MOST ((size_t)8 << 20)

/* Answers as the path says: "/length/N", "/chunked/N", "/close/N": a body of that length; the
 * body of the request is looked at, and its length told in x-got. */
static inline void serve_bodies(struct backend *backend, int fd, unsigned n)
{
	char head[20000], answer[256];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		long long got = is_chunked(head) || field_number(head, "\r\ncontent-length: ") > 0
					? get_pattern(fd, head, BODY_MOST)
					: 0;
		const char *path = strchr(head, '/');
		bool chunked = !strncmp(path, "/chunked/", 9);
		bool close_it = !strncmp(path, "/close/", 7);
		size_t len = strtoul(strchr(path + 1, '/') + 1, NULL, 10);

		atomic_fetch_add(&backend->requests, 1);
		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nx-got: %lld\r\nx-chunked: %d\r\n", got,
			 is_chunked(head));
		put_text(fd, answer);
		if (chunked)
			put_text(fd, "transfer-encoding: chunked\r\n\r\n");
		else if (close_it)
			put_text(fd, "connection: close\r\n\r\n");
		else
			snprintf(answer, sizeof(answer), "content-length: %zu\r\n\r\n", len),
				put_text(fd, answer);
		if (strncmp(head, "HEAD ", 5) != 0 && !put_pattern(fd, len, chunked ? 3000 : 0))
			return;
		if (close_it)
			return;
	}
}
