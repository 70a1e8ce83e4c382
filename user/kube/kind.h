/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects that naru reads: one row a kind. A new one is a row here, a file
 * decode_<kind>.c with its table, and a struct in model/object.h.
 */
#pragma once
#include "kube/decode.h"
#include "model/object.h"

/* Versions of one kind that differ in nothing that naru reads. */
#define KIND_VERSIONS_MAX 3

struct kind {
	const char *api_versions[KIND_VERSIONS_MAX];
	const char *name;
	enum object_kind object;
	bool namespaced;
	bool confidential;   /* no value of it may be shown, or stay in memory */
	decode_fn name_type; /* field_label or field_subdomain */
	const char *type;    /* of several that the member "type" tells apart; NULL: any */
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
extern const struct decode_field decode_secret_fields[];
void decode_secret_finish(struct decode *d, struct object *object);
extern const struct decode_field decode_class_fields[];
extern const struct decode_field decode_gateway_fields[];
extern const struct decode_field decode_route_fields[];
extern const struct decode_field decode_grant_fields[];
extern const struct decode_field decode_destination_fields[];
extern const struct decode_field decode_pool_fields[];

extern const struct decode_field decode_pod_fields[];
void decode_pod_finish(struct decode *d, struct object *object);

/* Elements of lists that have files of their own: rows' functions. */
void decode_listener(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target);
void decode_filter(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target);
void decode_match(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target);
void decode_rule(struct decode *d, const struct decode_field *field, struct json_object *value,
		 void *target);
