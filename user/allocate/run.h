/* SPDX-License-Identifier: Apache-2.0 */
/* An allocation in the making: what its steps hand to each other. */
#pragma once
#include "allocate/owners.h"
#include "allocate/places.h"

struct sharing;

struct run {
	struct model *model;
	struct pools *pools;
	struct owners owners;
	struct places places;
	struct sharing *sharings; /* by number: sharing.h */
	size_t n_sharings;
};
