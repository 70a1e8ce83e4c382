/* SPDX-License-Identifier: Apache-2.0 */
/* Which listeners take which routes, for which hosts. */
#pragma once
#include "compile/layer7.h"

/* Fills routes and attachments, and by mesh.c the listeners of Services. */
void attach_routes(struct layer7 *l7);

/* Does a listener take HTTPRoutes, as far as allowedRoutes.kinds goes? */
bool attach_allows_kind(const struct gateway_listener *listener);

/* Adds one. */
void attach_add(struct layer7 *l7, size_t listener, const char *host, size_t route);
