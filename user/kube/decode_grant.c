// SPDX-License-Identifier: Apache-2.0
/*
 * gateway.networking.k8s.io ReferenceGrant: who may refer to what in its namespace. kind.c has the
 * row.
 */
#include "kube/form.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* The API's own limit. */
#define GRANTS_MAX 16

#define FROM(member) offsetof(struct grant_from, member)
static const struct decode_field from_fields[] = {
	{ .name = "group",
	  .fn = form_text,
	  .offset = FROM(group),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_group },
	{ .name = "kind",
	  .fn = form_text,
	  .offset = FROM(kind),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_kind },
	{ .name = "namespace",
	  .fn = form_text,
	  .offset = FROM(namespace),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_label },
	{ 0 },
};

#define TO(member) offsetof(struct grant_to, member)
static const struct decode_field to_fields[] = {
	{ .name = "group",
	  .fn = form_text,
	  .offset = TO(group),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_group },
	{ .name = "kind",
	  .fn = form_text,
	  .offset = TO(kind),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_kind },
	{ .name = "name", .fn = form_text, .offset = TO(name), .arg = &form_name },
	{ 0 },
};

#define GRANT(member) offsetof(struct reference_grant, member)
static const struct decode_array from = {
	.size = sizeof(struct grant_from),
	.count_offset = (ptrdiff_t)(GRANT(n_from) - GRANT(from)),
	.min = 1,
	.max = GRANTS_MAX,
	.element = { .fn = decode_object, .arg = from_fields },
};

static const struct decode_array to = {
	.size = sizeof(struct grant_to),
	.count_offset = (ptrdiff_t)(GRANT(n_to) - GRANT(to)),
	.min = 1,
	.max = GRANTS_MAX,
	.element = { .fn = decode_object, .arg = to_fields },
};

static const struct decode_field grant_spec[] = {
	{ .name = "from",
	  .fn = decode_array,
	  .offset = GRANT(from),
	  .flags = DECODE_REQUIRED,
	  .arg = &from },
	{ .name = "to",
	  .fn = decode_array,
	  .offset = GRANT(to),
	  .flags = DECODE_REQUIRED,
	  .arg = &to },
	{ 0 },
};

const struct decode_field decode_grant_fields[] = {
	{ .name = "spec", .fn = decode_object, .arg = grant_spec, .flags = DECODE_REQUIRED },
	{ 0 },
};
