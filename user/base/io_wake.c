// SPDX-License-Identifier: Apache-2.0
/*
 * Wakes of io.h: how one thread asks for another's attention. libuv makes sending safe from any
 * thread; freeing is so only when nobody sends any more, which the owner sees to.
 */
#include <stdlib.h>

#include "base/io_loop.h"
#include "base/mem.h"

struct io_wake {
	uv_async_t async;
	struct io *io;
	void (*fn)(void *arg);
	void *arg;
};

static void on_wake(uv_async_t *async)
{
	struct io_wake *wake = async->data;
	struct io *io = wake->io;

	wake->fn(wake->arg);
	io_drain(io);
}

struct io_wake *io_wake_new(struct io *io, void (*fn)(void *arg), void *arg)
{
	struct io_wake *wake = mem_new(sizeof(*wake));

	if (uv_async_init(io->uv, &wake->async, on_wake)) {
		free(wake);
		return NULL;
	}
	wake->async.data = wake;
	wake->io = io;
	wake->fn = fn;
	wake->arg = arg;
	io->n_handles++;
	return wake;
}

void io_wake_send(struct io_wake *wake)
{
	uv_async_send(&wake->async);
}

static void on_wake_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void io_wake_free(struct io_wake *wake)
{
	if (!wake)
		return;
	wake->io->n_handles--;
	uv_close((uv_handle_t *)&wake->async, on_wake_closed);
}
