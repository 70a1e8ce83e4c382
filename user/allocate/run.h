/* SPDX-License-Identifier: Apache-2.0 */
/* An allocation in the making: what its steps hand to each other. */
#pragma once
#include "allocate/owners.h"
#include "allocate/places.h"

struct run {
	struct model *model;
	struct pools *pools;
	struct owners owners;
	struct places places;
	size_t *by_key; /* owners that have one, by namespace and key, then by order */
	size_t n_by_key;
};
