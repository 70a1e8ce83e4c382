/* SPDX-License-Identifier: Apache-2.0 */
/* What a service points at, into the maps. 0 or -errno of the kernel. */
#pragma once
#include "dataplane/inforce.h"

/* Endpoints that are not there yet, then the list, then the table. */
int write_set(struct inforce *in, const struct live_set *set, uint8_t proto);
int write_name(struct inforce *in, const struct plan_service *plan, uint32_t id);
