/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the access log: an entry as JSON. Pure. */
#pragma once
#include "base/str.h"
#include "proxy/accesslog.h"

/* Appends the line with its newline. Whatever is in the entry, the line is valid JSON. */
void logline_format(const struct accesslog_entry *entry, struct str *out);
