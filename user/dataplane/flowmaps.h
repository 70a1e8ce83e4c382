/* SPDX-License-Identifier: Apache-2.0 */
/* The maps that flows are kept in, by either body of bpf/lib/flow.h: how large they are. */
#pragma once
#include <naru/abi.h>

struct bpf_object;

/* Of the tables of cache lines: what an earlier process chose, or seeds that nobody guesses. */
struct naru_table_config flowmaps_config(const struct naru_meta *meta);
/* Before the load: maps of the other body are as small as can be. 0 or -errno. */
int flowmaps_size(struct bpf_object *object, const struct naru_config *cfg);
