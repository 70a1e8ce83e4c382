// SPDX-License-Identifier: Apache-2.0
/*
 * Reads v1 Status, for reflector.c and discovery.c. Invariant: whatever the body is, there is a
 * text to show.
 */
#include "kube/answer.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "kube/apijson.h"
#include "kube/decode.h"

#define TEXT_MAX 240

const struct decode_field answer_reads[] = {
	{ .name = "code" },
	{ .name = "reason" },
	{ .name = "message" },
	{ .name = "details" },
	{ 0 },
};

bool answer_is_for_later(int status)
{
	return status == 429 || status >= 500 || status < 400;
}

bool answer_is_refusal(int status)
{
	return status == 401 || status == 403 || status == 404;
}

/* Newer servers have a cause for it, older ones only words. */
static bool is_too_large(struct json_object *status)
{
	struct json_object *causes = apijson_member(apijson_member(status, "details"), "causes");

	if (strstr(apijson_text(status, "message"), "Too large resource version"))
		return true;
	if (!json_object_is_type(causes, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(causes); i++) {
		struct json_object *cause = json_object_array_get_idx(causes, i);

		if (!strcmp(apijson_text(cause, "reason"), "ResourceVersionTooLarge"))
			return true;
	}
	return false;
}

/* Whole characters only, and no control characters: this is one line of a log. */
static void cut(char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len && at < TEXT_MAX) {
		size_t used = utf8_char_len(text + at, len - at);

		if ((unsigned char)text[at] < ' ' || !used)
			text[at] = '?';
		at += used ? used : 1;
	}
	text[at] = '\0';
}

static void describe(struct answer *answer, struct json_object *status)
{
	const char *reason = apijson_text(status, "reason"),
		   *message = apijson_text(status, "message");

	answer->text = mem_printf("HTTP %d%s%s%s%s", answer->status, *reason ? " " : "", reason,
				  *message ? ": " : "", message);
	cut(answer->text);
}

static void take(struct answer *answer, struct json_object *status)
{
	int seconds = apijson_number(apijson_member(status, "details"), "retryAfterSeconds");

	answer->too_large = is_too_large(status);
	answer->retry_after_s = seconds > 0 ? (unsigned)seconds : 0;
	describe(answer, status);
}

void answer_parse(int status, const char *body, size_t len, struct answer *ret_answer)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value = len <= ANSWER_MAX ? apijson_parse(tokener, body, len) : NULL;

	*ret_answer = (struct answer){ .status = status };
	take(ret_answer, value);
	json_object_put(value);
	json_tokener_free(tokener);
}

void answer_of_status(struct json_object *value, struct answer *ret_answer)
{
	*ret_answer = (struct answer){ .status = apijson_number(value, "code") };
	take(ret_answer, value);
}

void answer_fini(struct answer *answer)
{
	free(answer->text);
	*answer = (struct answer){ 0 };
}
