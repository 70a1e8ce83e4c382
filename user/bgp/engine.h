/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BGP engine of this node (BIRD 2 or FRR's bgpd) that is to tell its peers which addresses are
 * served here. It is spoken to at its control socket, when something changed and when it was
 * started anew; what it does not take is tried again. Nothing else waits for it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/loop.h"

enum engine_kind {
	ENGINE_OFF,
	ENGINE_BIRD,
	ENGINE_FRR,
};

struct engine_config {
	struct loop *loop;
	enum engine_kind kind;
	const char *socket;	    /* of bird, or of bgpd's vty; "": where Debian has it */
	const char *file;	    /* that bird's configuration includes; "": ENGINE_BIRD_FILE */
	void (*changed)(void *arg); /* another diagnostic */
	void *arg;
};

#define ENGINE_BIRD_SOCKET "/run/bird/bird.ctl"
#define ENGINE_BIRD_FILE   "/etc/bird/naru.conf"
#define ENGINE_FRR_SOCKET  "/run/frr/bgpd.vty"

struct engine;

/* Borrows the strings. NULL for ENGINE_OFF, which is legal for all below. */
struct engine *engine_new(const struct engine_config *config);
void engine_free(struct engine *engine);

/* Sorted. */
void engine_set(struct engine *engine, const struct addr *addrs, size_t n);

/* Does the engine have what was set last? */
bool engine_is_current(const struct engine *engine);
/* Why not, or NULL. */
const char *engine_problem(const struct engine *engine);
void engine_report(const struct engine *engine, struct diag_list *diags);
