/* SPDX-License-Identifier: Apache-2.0 */
/* What heads of requests and responses have in common: where they end, and their fields. */
#pragma once
#include "http/h1.h"

/* The fields of a head, those that decide about framing and routing set apart. */
struct h1_head {
	struct http_fields fields; /* the rest */
	struct http_text host;	   /* at NULL: there was none, so below */
	struct http_text length;
	struct http_text coding;
	struct http_text expect;
	bool close, keep_alive; /* tokens of Connection */
};

/* Fills the error; returns -EBADMSG. */
int h1_head_refuse(struct h1_error *ret_error, unsigned status, const char *reason);

/* The head's bytes [start, end) with the empty line, or as h1_parse_request(). */
ssize_t h1_head_find(struct h1_input *input, bool request, size_t *ret_start,
		     struct h1_error *ret_error);

/* Reads the fields from at up to the empty line at the end of the head. 0 or -EBADMSG. */
int h1_head_fields(const struct h1_input *input, char *at, char *end, bool request,
		   struct h1_head *ret_head, struct h1_error *ret_error);

/* Reads one line, with its CR LF; the name becomes lower case. Returns where the next line begins;
 * NULL: refused for *ret_reason. */
char *h1_head_line(char *at, const char *end, struct http_field *ret_field,
		   const char **ret_reason);

/* A name with '_' for '-' means a field of routing, framing or identity to who maps both to the
 * same variable, as CGI does. */
bool h1_head_is_disguised(struct http_text name);
