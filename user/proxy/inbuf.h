/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a peer that nobody has used yet, in buffers of the loop; and pieces of bodies, which
 * are such buffers handed on. {0} is a valid empty one, and an empty one holds no buffer.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/io.h"
#include "http/h1.h"

/* Content of a body. Whoever has it frees buf (piece_free()); without a buffer the bytes are an
 * arena's or static. */
struct piece {
	struct io_buf *buf;
	const char *at;
	size_t len;
};

struct inbuf {
	struct io_buf *buf; /* NULL: empty */
	size_t at;	    /* of the first unused byte */
	struct io_buf *more;
	size_t scanned; /* bytes behind at in which no head ends */
	size_t checked; /* by the parser, of a head that is not complete */
};

void inbuf_fini(struct inbuf *in, struct io *io);
bool inbuf_empty(const struct inbuf *in);
/* Takes over a buffer that was received. While a head is awaited: bytes become contiguous. */
void inbuf_add(struct inbuf *in, struct io *io, struct io_buf *buf);
/* Is a head that is not complete yet as long as a buffer? */
bool inbuf_full(const struct inbuf *in);
/* The length of the head at the beginning; 0: it is not complete. */
size_t inbuf_find_head(struct inbuf *in, struct io *io);
/* Copies the head to the arena and uses it up. */
void inbuf_take_head(struct inbuf *in, struct io *io, size_t len, struct h1_input *input);
/* A head that is not complete, for the parser to see whether it ever will be. */
void inbuf_partial(struct inbuf *in, struct h1_input *input);
/* What the parser has seen of it. */
void inbuf_checked(struct inbuf *in, const struct h1_input *input);

/*
 * The content of the body in what is here, as one piece: 1, or 0 when there is none yet (or the
 * body is done, see there); -EBADMSG. Bytes behind the body's end stay.
 */
int inbuf_body(struct inbuf *in, struct io *io, struct h1_body *body, struct piece *ret_piece);

void inbuf_piece_free(struct piece *piece, struct io *io);
