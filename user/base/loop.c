// SPDX-License-Identifier: Apache-2.0
/*
 * libuv behind three kinds of handles. narud.c and admin/ call it. Invariants: a removed handle
 * never calls back; its memory goes in libuv's close callback, so that a handle may be removed
 * from inside any callback, its own too; loop_free() leaves no open handle.
 */
#include "base/loop.h"

#include <assert.h>
#include <signal.h>

#include "base/io_loop.h"
#include "base/mem.h"

_Static_assert(LOOP_READ == UV_READABLE && LOOP_WRITE == UV_WRITABLE, "masks are libuv's");

struct loop {
	uv_loop_t uv;
};

struct loop_fd {
	uv_poll_t poll;
	unsigned events;
	loop_fd_fn fn;
	void *arg;
};

struct loop_timer {
	uv_timer_t timer;
	loop_fn fn;
	void *arg;
};

struct stop_signal {
	uv_signal_t signal;
	loop_fn fn;
	void *arg;
};

/* Every handle's data points to the allocation that holds it. */
static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_walked(uv_handle_t *handle, void *arg)
{
	(void)arg;
	close_handle(handle);
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_new(sizeof(*loop));

	if (uv_loop_init(&loop->uv)) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	int r;

	if (!loop)
		return;
	uv_walk(&loop->uv, close_walked, NULL);
	/* A loop that was stopped runs one turn less: go on until every close callback has run. */
	while (uv_run(&loop->uv, UV_RUN_DEFAULT))
		;
	r = uv_loop_close(&loop->uv);
	assert(r == 0);
	(void)r;
	free(loop);
}

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* libuv refuses only descriptors that it does not know, which is a bug of the caller. */
static void start_poll(struct loop_fd *handle)
{
	if (handle->events)
		uv_poll_start(&handle->poll, (int)handle->events, on_poll);
	else
		uv_poll_stop(&handle->poll);
}

/*
 * On an error condition libuv stops polling and passes no events. The owner finds the error by
 * reading, and polling goes on unless it removed the handle: an overrun of a netlink socket is an
 * error of this kind and must not make it deaf.
 */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct loop_fd *handle = poll->data;

	handle->fn(handle->arg, status < 0 ? handle->events : (unsigned)events);
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		start_poll(handle);
}

struct loop_fd *loop_fd_add(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *arg)
{
	struct loop_fd *handle = mem_new(sizeof(*handle));

	if (uv_poll_init(&loop->uv, &handle->poll, fd)) {
		free(handle);
		return NULL;
	}
	handle->poll.data = handle;
	handle->events = events;
	handle->fn = fn;
	handle->arg = arg;
	start_poll(handle);
	return handle;
}

void loop_fd_events(struct loop_fd *handle, unsigned events)
{
	handle->events = events;
	start_poll(handle);
}

void loop_fd_remove(struct loop_fd *handle)
{
	if (handle)
		close_handle((uv_handle_t *)&handle->poll);
}

static void on_timer(uv_timer_t *timer)
{
	struct loop_timer *handle = timer->data;

	handle->fn(handle->arg);
}

struct loop_timer *loop_timer_add(struct loop *loop, uint64_t delay_ms, uint64_t period_ms,
				  loop_fn fn, void *arg)
{
	struct loop_timer *handle = mem_new(sizeof(*handle));

	uv_timer_init(&loop->uv, &handle->timer);
	handle->timer.data = handle;
	handle->fn = fn;
	handle->arg = arg;
	/* libuv counts from its cached time, which is old after a long callback. */
	uv_update_time(&loop->uv);
	uv_timer_start(&handle->timer, on_timer, delay_ms, period_ms);
	return handle;
}

void loop_timer_remove(struct loop_timer *handle)
{
	if (handle)
		close_handle((uv_handle_t *)&handle->timer);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct stop_signal *handle = signal->data;

	(void)number;
	handle->fn(handle->arg);
}

void loop_on_stop(struct loop *loop, loop_fn fn, void *arg)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct stop_signal *handle = mem_new(sizeof(*handle));

		uv_signal_init(&loop->uv, &handle->signal);
		handle->signal.data = handle;
		handle->fn = fn;
		handle->arg = arg;
		uv_signal_start(&handle->signal, on_signal, numbers[i]);
	}
}
