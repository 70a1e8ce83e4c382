/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses the node's BGP engine is to tell its peers (--bgp-engine). NULL is legal in each
 * call: there is none. */
#pragma once
#include "base/diag.h"
#include "base/json.h"

struct advertising;
struct daemon;

/* changed: diagnostics are others. */
struct advertising *advertising_open(struct daemon *daemon, void (*changed)(void *arg));
/* The engine keeps what it has. */
void advertising_close(struct advertising *advertising);

/* There is a new plan. */
void advertising_plan(struct advertising *advertising);

/* Takes all of them back, then calls done; also when the engine does not do so in time. */
void advertising_end(struct advertising *advertising, void (*done)(void *arg), void *arg);

void advertising_report(const struct advertising *advertising, struct diag_list *diags);
void advertising_show(const struct advertising *advertising, struct json *json);
