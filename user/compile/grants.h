/* SPDX-License-Identifier: Apache-2.0 */
/* References from one namespace into another, which a ReferenceGrant there must allow. */
#pragma once
#include <stdbool.h>

#include "model/gateway.h"
#include "model/model.h"

/* The namespace a reference points into: its own, or else the referrer's. */
const char *grants_namespace(const struct object *referrer, const struct object_reference *to);

/* May the referrer, of Gateway API's group, refer to that object? In its own namespace, always. */
bool grants_allow(struct model *model, const struct object *referrer,
		  const struct object_reference *to);
