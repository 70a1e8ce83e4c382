/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet path counts by service. */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"

/* Services for which nothing has been counted are left out. 0 or -errno. */
int stats_traffic(const struct inforce *in, traffic_fn fn, void *arg);
int stats_losses(const struct inforce *in, loss_fn fn, void *arg);

/* Entries of a hash map, counted: 0 when it cannot be read. */
size_t stats_entries(int map);

/* The next services with these ids, which it sorts, begin at zero. One walk, so call it once. */
void stats_forget(const struct maps *maps, uint32_t *ids, size_t n);
