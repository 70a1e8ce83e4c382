// SPDX-License-Identifier: Apache-2.0
/*
 * getaddrinfo() in libuv's threads, for who connects by name. Invariant: memory stays until libuv
 * has given the request back, which may be after the loop's struct io has gone; nothing of that is
 * touched then.
 */
#include "base/io_resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/io_loop.h"
#include "base/mem.h"
#include "base/sockaddr.h"

struct io_resolve {
	uv_getaddrinfo_t request;
	struct io *io;
	io_resolve_fn fn; /* NULL: cancelled */
	void *arg;
};

static int errno_of(int status)
{
	switch (status) {
	case UV_EAI_NONAME:
	case UV_EAI_NODATA:
	case UV_EAI_ADDRFAMILY:
		return -ENOENT;
	case UV_EAI_AGAIN:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

static size_t take(const struct addrinfo *info, struct addr addrs[static IO_RESOLVE_MAX])
{
	size_t n = 0;

	for (; info && n < IO_RESOLVE_MAX; info = info->ai_next) {
		struct sockaddr_storage sockaddr = { 0 };
		uint16_t port;

		if (info->ai_addrlen > sizeof(sockaddr))
			continue;
		memcpy(&sockaddr, info->ai_addr, info->ai_addrlen);
		if (!sockaddr_to_addr(&sockaddr, &addrs[n], &port))
			n++;
	}
	return n;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *info)
{
	_cleanup_(mem_freep) struct io_resolve *resolve = request->data;
	struct addr addrs[IO_RESOLVE_MAX];
	size_t n = status ? 0 : take(info, addrs);
	int error = status ? errno_of(status) : 0;

	uv_freeaddrinfo(info);
	if (!resolve->fn)
		return;
	resolve->fn(resolve->arg, addrs, n, n || error ? error : -ENOENT);
	io_drain(resolve->io);
}

struct io_resolve *io_resolve_start(struct io *io, const char *name, io_resolve_fn fn, void *arg)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					       .ai_flags = AI_ADDRCONFIG };
	_cleanup_(mem_freep) struct io_resolve *resolve = mem_new(sizeof(*resolve));

	resolve->request.data = resolve;
	resolve->io = io;
	resolve->fn = fn;
	resolve->arg = arg;
	if (uv_getaddrinfo(io->uv, &resolve->request, on_resolved, name, NULL, &hints))
		return NULL;
	return TAKE_PTR(resolve);
}

/* A thread that asks already cannot be stopped. */
void io_resolve_cancel(struct io_resolve *resolve)
{
	if (!resolve)
		return;
	resolve->fn = NULL;
	(void)uv_cancel((uv_req_t *)&resolve->request);
}
