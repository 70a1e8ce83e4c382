/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the whole as JSON: what is in force, what is wrong, what is used. */
#pragma once
#include "base/str.h"

struct daemon;

void status_write(struct daemon *daemon, struct str *ret_body);
/* Of an enum naru_counter. */
const char *status_counter_name(unsigned id);
/* Drops by reason, and events. -errno when the counters cannot be read. */
int status_write_drops(struct daemon *daemon, struct str *ret_body);
