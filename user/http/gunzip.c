// SPDX-License-Identifier: Apache-2.0
/*
 * zlib over pieces. The client of the API server calls it. Invariant: bytes behind the end of a
 * stream begin another one, as the API server makes one of each event of a watch (1.37); what does
 * not, and more than RATIO_MAX bytes for one, are errors.
 */
#include "http/gunzip.h"

#include <errno.h>
#include <stdint.h>
#include <zlib.h>

#include "base/mem.h"

#define PIECE 32768
/* Lists of objects come to 10, hardly any text to 100; zeros to a thousand. */
#define RATIO_MAX 200
/* So much is never too much. */
#define FREE_BYTES 1048576
#define GZIP_ONLY  (16 + MAX_WBITS)

struct gunzip {
	z_stream stream;
	bool ended;
	uint64_t in, out;
};

struct gunzip *gunzip_new(void)
{
	struct gunzip *gunzip = mem_new(sizeof(*gunzip));

	if (inflateInit2(&gunzip->stream, GZIP_ONLY) == Z_OK)
		return gunzip;
	gunzip_free(gunzip);
	return NULL;
}

static int inflate_piece(struct gunzip *gunzip, char piece[static PIECE], size_t *ret_len)
{
	int r;

	gunzip->stream.next_out = (Bytef *)piece;
	gunzip->stream.avail_out = PIECE;
	r = inflate(&gunzip->stream, Z_NO_FLUSH);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return -EPROTO;
	gunzip->ended = r == Z_STREAM_END;
	*ret_len = PIECE - gunzip->stream.avail_out;
	gunzip->out += *ret_len;
	if (gunzip->out > FREE_BYTES && gunzip->out / RATIO_MAX > gunzip->in)
		return -EPROTO;
	return 0;
}

int gunzip_push(struct gunzip *gunzip, const char *data, size_t len, gunzip_fn fn, void *arg)
{
	char piece[PIECE];
	size_t n = PIECE;

	if (len > UINT32_MAX)
		return -EPROTO;
	gunzip->in += len;
	gunzip->stream.next_in = (Bytef *)data;
	gunzip->stream.avail_in = (uInt)len;
	/* A piece that was full may have more behind it. */
	while (gunzip->stream.avail_in || (!gunzip->ended && n == PIECE)) {
		int error = 0;

		if (gunzip->ended && inflateReset(&gunzip->stream) != Z_OK)
			error = -EPROTO;
		if (!error)
			error = inflate_piece(gunzip, piece, &n);
		if (error)
			return error;
		if (n && !fn(arg, piece, n))
			return -ECANCELED;
	}
	return 0;
}

bool gunzip_is_whole(const struct gunzip *gunzip)
{
	return gunzip->ended || !gunzip->in;
}

void gunzip_free(struct gunzip *gunzip)
{
	if (!gunzip)
		return;
	inflateEnd(&gunzip->stream);
	free(gunzip);
}
