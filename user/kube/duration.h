/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as texts, for rows of decode tables: durations in milliseconds, of which more than 49 days
 * count as 49 days, and points in time.
 */
#pragma once
#include <stdint.h>

#include "kube/decode.h"

/* uint32_t: "1h30m", "500ms", as Gateway API has it (GEP-2257). Left alone when absent. */
void duration_gateway(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target);
/* uint32_t: "1.5s", "1h", as Istio has it: Go's form, not negative, of whole milliseconds. */
void duration_istio(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target);
/* int64_t: "2026-01-31T12:00:00Z" (RFC 3339) as seconds since 1970. Left alone when absent. */
void duration_timestamp(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target);
/* int64_t: the same with its fraction as microseconds, of an annotation that is for measuring only:
 * what is no time counts as absent. */
void duration_moment(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target);
