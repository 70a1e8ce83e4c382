/* SPDX-License-Identifier: Apache-2.0 */
/* East-west: routes whose parent is a Service, which the proxy then serves on its ClusterIPs. */
#pragma once
#include "compile/layer7.h"

/* Follows one parentRef, to a Service, of a route. */
void mesh_attach(struct layer7 *l7, size_t route, size_t index);
