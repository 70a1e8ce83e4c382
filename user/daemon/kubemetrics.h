/* SPDX-License-Identifier: Apache-2.0 */
/* What kube-proxy tells of itself, where it means the same here, under the same names, so that its
 * dashboards and alerts keep working. metrics.c calls it. */
#pragma once
#include "base/str.h"

struct daemon;

void kubemetrics_write(const struct daemon *daemon, struct str *ret_body);
