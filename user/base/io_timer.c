// SPDX-License-Identifier: Apache-2.0
/*
 * Timers of io.h, one handle of libuv each. Starting one costs a step in libuv's heap and no system
 * call. Memory goes in the close callback, so that a timer may be freed in its own.
 */
#include <stdlib.h>

#include "base/io_loop.h"
#include "base/mem.h"

struct io_timer {
	uv_timer_t timer;
	struct io *io;
	void (*fn)(void *arg);
	void *arg;
};

static void on_timer(uv_timer_t *uv)
{
	struct io_timer *timer = uv->data;
	struct io *io = timer->io;

	timer->fn(timer->arg);
	io_drain(io);
}

struct io_timer *io_timer_new(struct io *io, void (*fn)(void *arg), void *arg)
{
	struct io_timer *timer = mem_new(sizeof(*timer));

	uv_timer_init(io->uv, &timer->timer);
	timer->timer.data = timer;
	timer->io = io;
	timer->fn = fn;
	timer->arg = arg;
	io->n_handles++;
	return timer;
}

void io_timer_start(struct io_timer *timer, uint64_t ms)
{
	uv_timer_start(&timer->timer, on_timer, ms, 0);
}

void io_timer_stop(struct io_timer *timer)
{
	uv_timer_stop(&timer->timer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void io_timer_free(struct io_timer *timer)
{
	if (!timer)
		return;
	timer->io->n_handles--;
	uv_close((uv_handle_t *)&timer->timer, on_timer_closed);
}
