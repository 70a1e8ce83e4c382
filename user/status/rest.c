// SPDX-License-Identifier: Apache-2.0
/* Gathers the pieces of an answer. Invariant: a body beyond the limit is no body. */
#include "status/rest.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/answer.h"
#include "kube/apijson.h"

#define BODY_MAX (8u << 20)

struct rest {
	struct client_call *call;
	rest_fn fn;
	void *arg;
	int status;
	unsigned retry_after_s;
	struct str body;
	bool too_long;
};

static void on_head(void *arg, int status, unsigned retry_after_s)
{
	struct rest *rest = arg;

	rest->status = status;
	rest->retry_after_s = retry_after_s;
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct rest *rest = arg;

	rest->too_long |= len > BODY_MAX - rest->body.len;
	if (!rest->too_long)
		str_add(&rest->body, data, len);
}

static void free_rest(struct rest *rest)
{
	str_fini(&rest->body);
	free(rest);
}

bool rest_succeeded(const struct rest_answer *answer)
{
	return answer->status >= 200 && answer->status < 300;
}

bool rest_may_pass(const struct rest_answer *answer)
{
	return !answer->status || answer->status == 401 ||
	       (answer_is_for_later(answer->status) && !rest_succeeded(answer));
}

/* A server's wish to be left alone may be in the head or in the body. */
static void describe(struct rest *rest, struct rest_answer *answer)
{
	struct answer said;

	answer_parse(rest->status, rest->body.buf ? rest->body.buf : "", rest->body.len, &said);
	answer->text = said.text;
	if (said.retry_after_s > answer->retry_after_s)
		answer->retry_after_s = said.retry_after_s;
	rest->fn(rest->arg, answer);
	answer_fini(&said);
}

static void on_end(void *arg, int error)
{
	struct rest *rest = arg;
	struct json_tokener *tokener = apijson_tokener();
	struct rest_answer answer = {
		.error = error,
		.status = error ? 0 : rest->status,
		.retry_after_s = rest->retry_after_s,
		.text = error ? strerror(-error) : "",
	};

	if (!error && !rest->too_long && rest->body.len)
		answer.value = apijson_parse(tokener, rest->body.buf, rest->body.len);
	if (error || rest_succeeded(&answer))
		rest->fn(rest->arg, &answer);
	else
		describe(rest, &answer);
	json_object_put(answer.value);
	json_tokener_free(tokener);
	free_rest(rest);
}

struct rest *rest_start(struct client *client, const struct rest_request *request, rest_fn fn,
			void *arg)
{
	static const struct client_ops ops = { .head = on_head, .data = on_data, .end = on_end };
	struct rest *rest = mem_new(sizeof(*rest));
	const char *body =
		request->body
			? json_object_to_json_string_ext(request->body,
							 JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE)
			: NULL;
	const struct client_request of_client = {
		.lane = CLIENT_REST,
		.method = request->method,
		.path = request->path,
		.content_type = !body			? NULL
				: request->content_type ? request->content_type
							: "application/json",
		.body = body,
		.len = body ? strlen(body) : 0,
		.timeout_s = request->timeout_s,
	};

	rest->fn = fn;
	rest->arg = arg;
	rest->call = client_start(client, &of_client, &ops, rest);
	return rest;
}

void rest_cancel(struct rest *rest)
{
	if (!rest)
		return;
	client_cancel(rest->call);
	free_rest(rest);
}
