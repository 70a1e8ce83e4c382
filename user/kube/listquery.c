// SPDX-License-Identifier: Apache-2.0
/* Query strings, for reflector.c and resources.c. Invariant: what is not plain is encoded. */
#include "kube/listquery.h"

#include <string.h>

#include "base/chars.h"
#include "base/str.h"

void listquery_encode(struct str *out, const char *text)
{
	for (; *text; text++) {
		if (chars_is(*text, CHARS_UNRESERVED))
			str_add(out, text, 1);
		else
			str_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

static void add(struct str *out, const char *name, const char *value)
{
	if (!value)
		return;
	str_addf(out, "&%s=", name);
	listquery_encode(out, value);
}

char *listquery_format(const struct listquery *query)
{
	struct str out = { 0 };
	char *question;

	str_addf(&out, "%s", query->path);
	if (*query->selectors)
		str_addf(&out, "&%s", query->selectors);
	if (query->limit)
		str_addf(&out, "&limit=%u", query->limit);
	if (query->watch_s)
		str_addf(&out, "&watch=true&allowWatchBookmarks=true&timeoutSeconds=%u",
			 query->watch_s);
	if (query->initial)
		add(&out, "sendInitialEvents", "true");
	if (query->initial)
		add(&out, "resourceVersionMatch", "NotOlderThan");
	add(&out, "continue", query->next);
	add(&out, "resourceVersion", query->version);
	question = strchr(out.buf, '&');
	if (question)
		*question = '?';
	return out.buf;
}

#define METADATA(list) "application/json;as=PartialObjectMetadata" list ";g=meta.k8s.io;v=v1"

const char *listquery_accept(bool metadata, bool list)
{
	if (!metadata)
		return NULL;
	return list ? METADATA("List") : METADATA("");
}
