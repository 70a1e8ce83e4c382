/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the maps hold what narud believes that it has written: frontends, names, endpoints, lists
 * and tables. Reads, or puts right what it finds; see verify.h for who asks for that.
 */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"

/* 0, or -errno when a map cannot be read. */
int audit_run(const struct inforce *in, audit_fn fn, void *arg);

/* The same for a part, with repairs, each of which is told as the difference that it was. */
void audit_repair_fronts(const struct inforce *in, audit_fn fn, void *arg);
void audit_repair_service(const struct inforce *in, const struct live_service *service, audit_fn fn,
			  void *arg);
