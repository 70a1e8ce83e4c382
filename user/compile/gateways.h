/* SPDX-License-Identifier: Apache-2.0 */
/* From Gateways of our class to listeners, their certificates and addresses. */
#pragma once
#include "compile/layer7.h"

/* Fills gates, listeners and binds, the latter with all that is claimed, also by several. */
void gateways_draft(struct layer7 *l7);

/* The gate of a Gateway, or NULL: not ours. */
const struct gate *gateways_find(const struct layer7 *l7, const struct gateway *gateway);
