// SPDX-License-Identifier: Apache-2.0
/*
 * Two ways to the same values: what partial.c does not understand json-c reads, so that nobody else
 * judges what is valid.
 */
#include "kube/element.h"

#include "kube/answer.h"
#include "kube/apijson.h"
#include "kube/partial.h"
#include "kube/reflector.h"

/* The object is a member, of which the reflector, too, reads something. */
static struct json_object *parse_event(const char *text, size_t len,
				       const struct decode_field *const *reads)
{
	struct decode_field event[PARTIAL_TABLES_MAX + 1] = {
		{ .name = "type" },
		{ .name = "object", .fn = decode_object, .arg = apijson_reads },
		{ .name = "object", .fn = decode_object, .arg = answer_reads },
	};
	const struct decode_field *const tables[] = { event, NULL };

	for (size_t n = 3; *reads; n++, reads++) {
		if (n == PARTIAL_TABLES_MAX)
			return NULL;
		event[n] = event[1];
		event[n].arg = *reads;
	}
	return partial_parse(text, len, tables);
}

struct json_object *element_parse(struct json_tokener *tokener, const struct reflector_sink *sink,
				  void *arg, bool event, const char *text, size_t len)
{
	const struct decode_field *const *reads = sink->reads ? sink->reads(arg) : NULL;
	struct json_object *value = NULL;

	if (reads)
		value = (event ? parse_event : partial_parse)(text, len, reads);
	return value ? value : apijson_parse(tokener, text, len);
}
