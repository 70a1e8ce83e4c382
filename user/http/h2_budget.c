// SPDX-License-Identifier: Apache-2.0
/* The account of a peer's frames, for h2.c. Invariant: it never holds more than BUDGET_MAX. */
#include "http/h2_budget.h"

#define BUDGET_MAX 2000u
#define REQUEST	   8  /* frames that an answer may take */
#define ONE_MS	   10 /* for one more */

static void earn(struct h2_budget *budget, uint64_t n)
{
	n += budget->left;
	budget->left = n < BUDGET_MAX ? (unsigned)n : BUDGET_MAX;
}

void h2_budget_init(struct h2_budget *budget, uint64_t now_ms)
{
	*budget = (struct h2_budget){ BUDGET_MAX, now_ms };
}

void h2_budget_request(struct h2_budget *budget)
{
	earn(budget, REQUEST);
}

void h2_budget_data(struct h2_budget *budget)
{
	earn(budget, 1);
}

bool h2_budget_spend(struct h2_budget *budget, uint64_t now_ms)
{
	uint64_t passed = (now_ms - budget->time_ms) / ONE_MS;

	earn(budget, passed);
	budget->time_ms += passed * ONE_MS;
	if (!budget->left)
		return false;
	budget->left--;
	return true;
}
