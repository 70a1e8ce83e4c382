/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of texts, as the API server's schemas have them, for rows of decode tables: the function
 * of the row is form_text(), its argument one of the forms below or one like it with another
 * default.
 */
#pragma once
#include <stdbool.h>

#include "kube/decode.h"

struct form {
	bool (*fits)(const char *text);
	const char *what;      /* for "expected WHAT, found VALUE" */
	const char *otherwise; /* when absent; NULL: "" */
};

/* char *: set in every case, so that no string of an object is NULL. */
void form_text(struct decode *d, const struct decode_field *field, struct json_object *value,
	       void *target);

/* RFC 1123: lower case letters, digits and '-', of at most 63; several with dots between. */
bool form_is_label(const char *text);
bool form_is_subdomain(const char *text);
bool form_is_hostname(const char *text); /* perhaps with "*." before it */
bool form_is_group(const char *text);	 /* a subdomain, or "" */
bool form_is_kind(const char *text);

#define FORM_GROUP_WHAT "a group such as gateway.networking.k8s.io, or \"\""
#define FORM_KIND_WHAT	"a kind such as Service"

extern const struct form form_label;
extern const struct form form_subdomain;
extern const struct form form_hostname;
extern const struct form form_precise_hostname;
extern const struct form form_group;
extern const struct form form_kind;
extern const struct form form_name; /* of any object: 1 to 253 characters */

/* Of HTTP messages. */
extern const struct form form_header_name; /* a token, of at most 256 */
extern const struct form form_header_value;
extern const struct form form_query_value;
extern const struct form form_method;
/* A path to put in place of another; "" is allowed. */
extern const struct form form_replacement;

/* Why the text is no path that a request can have, worded as the API server does, or NULL. */
const char *form_find_path_fault(const char *text);
#define FORM_PATH_MAX 1024
