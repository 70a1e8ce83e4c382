/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of events. It is written while `state` says so, which is renewed by every tick while
 * somebody watches; so whoever dies leaves it off.
 */
#pragma once
#include <stdbool.h>

#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"

struct watch;

/* state: the mapped value of the map. */
struct watch *watch_new(const struct inforce *in, struct naru_state *state);
void watch_free(struct watch *watch);

/* On: forgets what an earlier watcher left unread. 0 or -errno. */
int watch_set(struct watch *watch, bool on);
/* To be called every DATAPLANE_TICK_MS; tick is the packet path's clock. */
void watch_tick(struct watch *watch, uint32_t tick);

/* Readable when there are events; -1 while off. */
int watch_fd(const struct watch *watch);
/* Calls fn for the events that there are, DATAPLANE_WATCH_MAX at most. */
void watch_read(struct watch *watch, event_fn fn, void *arg);
