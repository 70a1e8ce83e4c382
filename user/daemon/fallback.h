/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long there has been a proxy, or none: decides when Services with routes go back to layer
 * 4, and when the proxy gets them again. daemon.c has one.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"

struct fallback;

/* At first there is nothing to miss. after_ms 0: never falls back. The loop calls changed(). */
struct fallback *fallback_new(struct loop *loop, unsigned after_ms, void (*changed)(void *arg),
			      void *arg);
/* For one that was just made: it is done without until there is one, which counts at once. */
void fallback_presume(struct fallback *fallback);
/* NULL is legal. */
void fallback_free(struct fallback *fallback);

/* Is a proxy that is needed missing now? May be told as often as one likes. */
void fallback_note(struct fallback *fallback, bool missing);

/* Is it to be done without a proxy? */
bool fallback_active(const struct fallback *fallback);
