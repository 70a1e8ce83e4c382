/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects that naru reads: one row a kind. A new one is a row here, a file
 * decode_<kind>.c with its table, and a struct in model/object.h.
 */
#pragma once
#include "kube/decode.h"
#include "model/object.h"

struct kind {
	const char *api_version;
	const char *name;
	enum object_kind object;
	bool namespaced;
	decode_fn name_type; /* field_label or field_subdomain */
	const struct decode_field *fields;
	/* What follows from several fields; NULL when nothing does. */
	void (*finish)(struct decode *d, struct object *object);
};

/* NULL for a kind that naru does not read. */
const struct kind *kind_find(const char *api_version, const char *name);

extern const struct decode_field decode_service_fields[];
void decode_service_finish(struct decode *d, struct object *object);
extern const struct decode_field decode_slice_fields[];
void decode_slice_finish(struct decode *d, struct object *object);
extern const struct decode_field decode_node_fields[];
