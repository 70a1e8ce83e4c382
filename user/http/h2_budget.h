/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer may do without bringing anything: frames that carry no data cost one each of a
 * budget, to which requests, data and time add. An honest peer comes nowhere near its end.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct h2_budget {
	unsigned left;
	uint64_t time_ms; /* until which time has added to it */
};

void h2_budget_init(struct h2_budget *budget, uint64_t now_ms);
void h2_budget_request(struct h2_budget *budget);
void h2_budget_data(struct h2_budget *budget);
/* False: it is used up. */
bool h2_budget_spend(struct h2_budget *budget, uint64_t now_ms);
