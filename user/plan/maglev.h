/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maglev consistent hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4. A table is a pure function of the endpoint set: every node
 * builds the same one, and a change of one endpoint moves few of the others' slots.
 */
#pragma once
#include <stdint.h>

#include "plan/plan.h"

/*
 * Length of the table for n endpoints: the smallest prime of a fixed ladder (251 … 131071) that
 * is at least 100 n, the last one if none is; 0 for n < 2, where no table is needed.
 */
uint32_t maglev_len(size_t n);

/*
 * Fills table[0 … maglev_len(set->n)) with indices into set->endpoints. The caller provides the
 * room. set->n is at most NARU_SET_MAX, and the set is sorted.
 */
void maglev_build(const struct plan_set *set, uint16_t *table);
