/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows as tests see them, whichever body of flow.h keeps them: tables of cache lines, or with
 * NARU_FLOW_TABLE=hash in the environment hash maps. Families are AF_INET and AF_INET6.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/flowstore.h"

bool flows_in_hash(void);

/* The flows in these maps; a test has one store at a time. Fails the test when it cannot. */
void flows_open(const struct maps *maps, const struct naru_config *config);
void flows_close(void);

size_t flows_count(int family);
/* Returns how many entries there were. */
size_t flows_clear(void);
/* Looks a key (struct naru_flow4_key or naru_flow6_key) up; `now` is the tick. */
bool flows_find(int family, const void *key, uint32_t now, struct flow_copy *ret_copy);
void flows_remove(const struct flow_copy *copy);
/* All entries of a family; `now` is the tick. At most max; returns how many. */
size_t flows_all(int family, uint32_t now, struct flow_copy *ret_copies, size_t max);
/* Makes entries that were used older by so many ticks. */
void flows_age(int family, uint32_t ticks);
/* Puts a pair in, or one half alone (the other one NULL): keys and values of IPv4. */
void flows_put(const struct naru_flow4_key *fwd_key, const struct naru_flow4 *fwd,
	       const struct naru_flow4_key *rev_key, const struct naru_flow4 *rev);
