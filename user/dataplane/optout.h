/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods whose sockets are not translated: from their UIDs to the entries of `sock_off`. A pod's
 * object comes before its cgroup, and no event tells of that, so who is missing is looked for again
 * and again. l4.c has one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

struct optout_pod {
	char *uid;
	uint64_t cgroup; /* 0: not found */
};

struct optout {
	int map;
	struct naru_state *state; /* mapped */
	char *dir;		  /* the cgroup tree; NULL: sockets are not translated at all */
	struct optout_pod *pods;  /* sorted by UID */
	size_t n_pods;
	uint64_t due_ms;     /* of the next look */
	uint64_t changed_ms; /* when the list did */
};

void optout_fini(struct optout *optout);

/* The pods of a plan, sorted: looked for at once when they are others than before. 0 or -errno. */
int optout_apply(struct optout *optout, char *const *uids, size_t n, uint64_t now_ms);
/* Looks again when it is time. */
void optout_tick(struct optout *optout, uint64_t now_ms);
/* How many there are in the map. */
size_t optout_count(const struct optout *optout);
