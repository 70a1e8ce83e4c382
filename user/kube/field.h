/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of fields: functions for rows of decode tables. Each checks all that can be said about
 * one field alone: type, range, set of words, form.
 */
#pragma once
#include <stdint.h>

#include "kube/decode.h"

/* char *: any text, "" when absent. */
void field_string(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target);
/* char *: a DNS label (RFC 1123, at most 63 characters) or "" when absent or empty. */
void field_label(struct decode *d, const struct decode_field *field, struct json_object *value,
		 void *target);
/* char *: DNS labels with dots between, at most 253 characters, or "" when absent or empty. */
void field_subdomain(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target);
/* bool: left alone when absent. */
void field_bool(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);
/* bool: true when the field is there with anything in it. */
void field_present(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target);
/* uint16_t from 1 to 65535, left alone when absent. */
void field_port(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);
/* The same, where 0 is another way of writing "none". */
void field_port_or_zero(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target);

/* uint32_t and uint16_t: whole numbers, left alone when absent; arg is one of these. */
struct field_range {
	uint32_t min, max;
};
void field_number(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target);
void field_number16(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target);

/* An enum; arg is a table of these, of which the first is the default; text NULL ends it. */
struct field_word {
	const char *text;
	int value;
};
void field_enum(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);
/* bool: the same with words of which those with a value other than 0 are true. */
void field_flag(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);
/* enum l4_proto, TCP by default. */
extern const struct field_word field_protocols[];

/* struct addr that a client can dial: not unspecified, loopback or multicast. */
void field_addr(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);
/*
 * struct addr of an endpoint: not unspecified, link-local or multicast, which would lead tenants'
 * traffic astray. Loopback is fine for some Services only, which is known when all objects are.
 */
void field_endpoint_addr(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target);
/* struct addr of this node or one it shall make its own: loopback is fine here. */
void field_own_addr(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target);
/* struct cidr. */
void field_cidr(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target);

/* Text of a string value, or NULL after a report: not a string, or a NUL byte inside. */
const char *field_text(struct decode *d, struct json_object *value);
