/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Surroundings for tests of user/dataplane against the real kernel: a network namespace with one
 * NIC, a pin directory and a cgroup of this process alone, and plans to apply.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/dataplane.h"

extern char dpworld_bpffs[64], dpworld_cgroup[160];

/* Fails the test when the command does. */
void dpworld_sh(const char *command);

/* Whether a pin exists, by name below the pin directory, or of a device's link. */
bool dpworld_pinned(const char *name);
bool dpworld_linked(unsigned ifindex, const char *what);
/* How the kernel takes TC programs: "tcx", or "clsact" before Linux 6.6. */
const char *dpworld_tc(void);
/* Has narud noted down that its TC programs are at the device? */
bool dpworld_attached(unsigned ifindex);
/* TC programs for what comes in there: all of tcx, with clsact those of naru. */
unsigned dpworld_programs(unsigned ifindex);
int dpworld_pin_fd(const char *name);
/* Entries of a pinned map. */
size_t dpworld_entries(const char *map, size_t key_size);

/* Flows of the pinned maps, from here on for flows.h; dpworld_clean() closes them. */
void dpworld_open_flows(void);

/* NIC nic0, pods' devices pod*, no XDP. */
struct dataplane_config dpworld_config(void);
struct dataplane *dpworld_open_with(const struct dataplane_config *c);
struct dataplane *dpworld_open(void);
void dpworld_close(struct dataplane *d);
void dpworld_apply(struct dataplane *d, const struct plan *plan);
/* Ticks until a whole sweep that began now is over, and the grace period. */
void dpworld_settle(struct dataplane *d);

struct addr dpworld_addr(const char *text);
/* n services test/svcNNNNN:http at 10.96.x.x:80 with endpoints of their own, 10.244.x.x:8080. */
struct plan *dpworld_plan(size_t n, uint8_t proto, unsigned endpoints);
/* Service i of such a plan with n endpoints from number first on. */
void dpworld_fill(struct plan_service *s, unsigned i, uint8_t proto, unsigned first, unsigned n);
int dpworld_read_svc(const struct plan_service *s, size_t front, struct naru_svc *ret);

/* For cmocka; dpworld_clean() is the tear-down of each test. */
int dpworld_group_setup(void **state);
int dpworld_group_teardown(void **state);
int dpworld_clean(void **state);
