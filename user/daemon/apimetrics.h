/* SPDX-License-Identifier: Apache-2.0 */
/* What the API server as a source of objects can be measured by, for source_api.c. */
#pragma once

struct apisource_status;
struct str;

/* Id, name, type, meaning; docs/reference.md is made of it, too. */
#define APIMETRICS(X)                                                                              \
	X(SYNCED, "naru_api_synced", "gauge", "1 once every kind of objects was read")             \
	X(STATE_AGE, "naru_state_age_seconds", "gauge", "how old what is served may be")           \
	X(FILE_FAILURES, "naru_state_file_failures_total", "counter",                              \
	  "how often the file of --last-state could not be written")                               \
	X(WATCH_AGE, "naru_api_watch_age_seconds", "gauge", "of watches that are open")            \
	X(LAST_EVENT, "naru_api_last_event_seconds", "gauge",                                      \
	  "since the API server said something of the kind")                                       \
	X(RELISTS, "naru_api_relists_total", "counter", "why a kind was read anew")

void apimetrics_write(struct str *out, const struct apisource_status *status);
