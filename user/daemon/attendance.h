/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this node can serve what takes a proxy, for who announces addresses. A proxy that is
 * replaced at once changes nothing: a while without one does, and a while with one again.
 */
#pragma once
#include <stdbool.h>

struct daemon;

/* Once there are dataplane and edge. */
void attendance_open(struct daemon *daemon);
void attendance_close(struct daemon *daemon);

/* Something about the proxy is another. */
void attendance_look(struct daemon *daemon);

bool attendance_lacks(const struct daemon *daemon);
