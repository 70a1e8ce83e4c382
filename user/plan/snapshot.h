/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer 7 half of a plan as bytes: what narud hands to the proxy. Both are of one version
 * (NARU_SNAPSHOT_VERSION is checked); every length is checked as if a stranger had written it.
 * Binds' addresses and VIPs are in it; keys are not.
 */
#pragma once
#include "base/str.h"
#include "plan/l7.h"

#define NARU_SNAPSHOT_VERSION 3

/* Appends. */
void snapshot_encode(const struct plan_l7 *l7, struct str *out);

/* -EPROTO: another version; -EBADMSG: broken, or an index points nowhere. *ret_l7 is for
 * l7_fini(). */
int snapshot_decode(const void *data, size_t len, struct plan_l7 *ret_l7);
