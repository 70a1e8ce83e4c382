/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and label selectors, for rows of decode tables. */
#pragma once
#include "kube/decode.h"
#include "model/gateway.h"

/* struct label, an array with its number beside it as struct namespace has them: sorted by key. */
void labels_map(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);

/* struct labels_selector. Left alone when absent. */
struct labels_selector {
	struct selector_requirement *items;
	size_t n;
};
void labels_take_selector(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target);
