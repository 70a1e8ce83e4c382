/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop, a narrow front over libuv: readable descriptors, periodic timers, signals. All
 * callbacks run on the thread of loop_run().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

typedef void (*loop_fn)(void *arg);
/* events is a mask of LOOP_READ and LOOP_WRITE. */
typedef void (*loop_fd_fn)(void *arg, unsigned events);

#define LOOP_READ  1u
#define LOOP_WRITE 2u

/* NULL when the kernel gives no descriptor for it. */
struct loop *loop_new(void);
/* Closes what is still registered; handles are invalid after. NULL is legal. */
void loop_free(struct loop *loop);

/* Runs until loop_stop(), or until nothing is registered any more. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/*
 * Calls fn while fd is ready; an error condition counts as ready for everything asked for. The
 * caller keeps the descriptor and removes the handle before closing it. NULL when fd cannot be
 * polled (a regular file, or registered already).
 */
struct loop_fd *loop_fd_add(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *arg);
void loop_fd_events(struct loop_fd *handle, unsigned events);
/* fn is not called again. Legal inside callbacks; NULL is legal. */
void loop_fd_remove(struct loop_fd *handle);

/* First call after delay_ms, then every period_ms (0: once). */
struct loop_timer *loop_timer_add(struct loop *loop, uint64_t delay_ms, uint64_t period_ms,
				  loop_fn fn, void *arg);
void loop_timer_remove(struct loop_timer *handle);

/* Calls fn on SIGTERM and SIGINT. */
void loop_on_stop(struct loop *loop, loop_fn fn, void *arg);
