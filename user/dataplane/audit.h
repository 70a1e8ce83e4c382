/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the maps hold what narud believes that it has written: frontends, names, endpoints, lists
 * and tables. Reads only; somebody asks for it, nothing hangs on it.
 */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"

/* 0, or -errno when a map cannot be read. */
int audit_run(const struct inforce *in, audit_fn fn, void *arg);
