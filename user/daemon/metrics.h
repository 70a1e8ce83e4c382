/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus. */
#pragma once
#include "base/str.h"

struct daemon;

void metrics_write(struct daemon *daemon, struct str *ret_body);
