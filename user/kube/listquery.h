/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of lists and watches with their queries. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct str;

struct listquery {
	const char *path;
	const char *selectors; /* percent-encoded already, or "" */
	const char *version;   /* resourceVersion; NULL: not given, so that the answer is newest */
	const char *next;      /* continue, or NULL */
	unsigned limit;	       /* 0: none */
	unsigned watch_s;      /* timeoutSeconds of a watch; 0: this is a list */
	bool initial;	       /* the watch begins with all objects that there are */
};

/* A new string, to be freed. */
char *listquery_format(const struct listquery *query);

/* Adds text to a percent-encoded query value: everything but letters, digits and "-._~". */

void listquery_encode(struct str *out, const char *text);

/* What a client asks to have of objects: all (NULL), or their metadata alone. Static. */
const char *listquery_accept(bool metadata, bool list);
