/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who answers for VIPs on the node's links, as time goes by: hears other nodes, elects, has the
 * kernel follow, and tells the links. Without BPF there is nothing to announce, and all of this
 * does nothing.
 */
#pragma once
#include "base/addr.h"
#include "base/diag.h"
#include "base/json.h"

struct announcing;
struct daemon;

/* Once there is a dataplane. changed: diagnostics are others. */
struct announcing *announcing_open(struct daemon *daemon, void (*changed)(void *arg));
/* The kernel goes on, for as long as others would wait. NULL is legal, here and below. */
void announcing_close(struct announcing *announcing);

/* Before a new plan is put in force: says in it which VIPs are this node's to announce. */
void announcing_plan(struct announcing *announcing);

/* There is a proxy, or none any more. */
void announcing_again(struct announcing *announcing);

/* The node that answers for an address as far as this one knows, or "". */
const char *announcing_who(const struct announcing *announcing, const struct addr *addr);

/* Hands over to those who live, then calls done; when there are none the kernel goes on. */
void announcing_end(struct announcing *announcing, void (*done)(void *arg), void *arg);

void announcing_report(const struct announcing *announcing, struct diag_list *diags);
/* For a view: peers, addresses, conflicts. */
void announcing_show(const struct announcing *announcing, struct json *json);
