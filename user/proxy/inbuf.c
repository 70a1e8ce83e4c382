// SPDX-License-Identifier: Apache-2.0
/*
 * Received bytes on their way to a head or a body. downstream.c and upstream.c have one each.
 * Invariants: bytes are used in order; a head is copied out whole, so that no message holds on to
 * a buffer; a piece is a buffer of its own, compacted in place when chunk lines stood between.
 */
#include "proxy/inbuf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

void inbuf_fini(struct inbuf *in, struct io *io)
{
	if (in->buf)
		io_buf_free(io, in->buf);
	if (in->more)
		io_buf_free(io, in->more);
	*in = (struct inbuf){ 0 };
}

bool inbuf_empty(const struct inbuf *in)
{
	return !in->buf;
}

static void use(struct inbuf *in, struct io *io, size_t n)
{
	in->at += n;
	in->scanned = in->checked = 0;
	if (in->at < in->buf->len)
		return;
	io_buf_free(io, in->buf);
	in->buf = TAKE_PTR(in->more);
	in->at = 0;
}

void inbuf_add(struct inbuf *in, struct io *io, struct io_buf *buf)
{
	struct io_buf *head = in->buf;
	size_t room, n;

	if (!head) {
		in->buf = buf;
		in->at = 0;
		return;
	}
	assert(!in->more);
	memmove(head->data, head->data + in->at, head->len - in->at);
	head->len -= in->at;
	in->at = 0;
	room = sizeof(head->data) - head->len;
	n = buf->len < room ? buf->len : room;
	memcpy(head->data + head->len, buf->data, n);
	head->len += n;
	if (n == buf->len) {
		io_buf_free(io, buf);
		return;
	}
	memmove(buf->data, buf->data + n, buf->len - n);
	buf->len -= n;
	in->more = buf;
}

bool inbuf_full(const struct inbuf *in)
{
	return in->buf && in->buf->len - in->at == sizeof(in->buf->data);
}

static size_t find_end(struct inbuf *in)
{
	static const char end[] = { '\r', '\n', '\r', '\n' };
	const char *start = in->buf->data + in->at;
	size_t len = in->buf->len - in->at;
	size_t from = in->scanned > sizeof(end) - 1 ? in->scanned - (sizeof(end) - 1) : 0;
	const char *found = memmem(start + from, len - from, end, sizeof(end));

	in->scanned = len;
	return found ? (size_t)(found - start) + sizeof(end) : 0;
}

size_t inbuf_find_head(struct inbuf *in, struct io *io)
{
	size_t len = find_end(in);

	if (len || !in->more)
		return len;
	/* There was no room for it before heads in front of this one were used up. */
	inbuf_add(in, io, TAKE_PTR(in->more));
	return find_end(in);
}

void inbuf_take_head(struct inbuf *in, struct io *io, size_t len, struct h1_input *input)
{
	input->buf = arena_copy(input->arena, in->buf->data + in->at, len);
	input->len = len;
	use(in, io, len);
}

void inbuf_partial(struct inbuf *in, struct h1_input *input)
{
	input->buf = in->buf->data + in->at;
	input->len = in->buf->len - in->at;
	input->scanned = in->checked;
}

void inbuf_checked(struct inbuf *in, const struct h1_input *input)
{
	in->checked = input->scanned;
}

/* Bytes behind a piece that is handed on move to a buffer of their own. */
static void keep_rest(struct inbuf *in, struct io *io)
{
	struct io_buf *rest;

	if (in->at == in->buf->len) {
		in->buf = TAKE_PTR(in->more);
		in->at = 0;
		return;
	}
	rest = io_buf_new(io);
	rest->len = in->buf->len - in->at;
	memcpy(rest->data, in->buf->data + in->at, rest->len);
	in->buf = rest;
	in->at = 0;
}

int inbuf_body(struct inbuf *in, struct io *io, struct h1_body *body, struct piece *ret_piece)
{
	struct io_buf *buf = in->buf;
	char *content = NULL;
	size_t len = 0;

	while (!body->done && in->at < buf->len) {
		struct http_text next = { 0 };
		ssize_t n = h1_body_next(body, buf->data + in->at, buf->len - in->at, &next);

		if (n < 0)
			return (int)n;
		if (next.len && !content)
			content = buf->data + (next.at - buf->data);
		else if (next.len)
			memmove(content + len, next.at, next.len);
		len += next.len;
		in->at += (size_t)n;
	}
	if (!len) {
		use(in, io, 0);
		return 0;
	}
	keep_rest(in, io);
	*ret_piece = (struct piece){ buf, content, len };
	return 1;
}

void inbuf_piece_free(struct piece *piece, struct io *io)
{
	if (piece->buf)
		io_buf_free(io, piece->buf);
	*piece = (struct piece){ 0 };
}
