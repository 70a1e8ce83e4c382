/* SPDX-License-Identifier: Apache-2.0 */
/* East-west: routes whose parent is a Service, which the proxy then serves on its ClusterIPs. */
#pragma once
#include "compile/layer7.h"

/* Follows one parentRef, to a Service, of a route. */
void mesh_attach(struct layer7 *l7, size_t route, size_t index);

/* Says, when all are attached, what of the Services that routes are served on has no effect. */
void mesh_check(const struct layer7 *l7);
