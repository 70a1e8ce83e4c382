/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the API server with its whole answer, for everything in status/ that reads or
 * writes single objects. Requests go by the lane that watches cannot block. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "kube/client.h"

struct json_object;
struct rest;

struct rest_answer {
	int error;  /* -errno: there is no answer, or half of one; status is 0 */
	int status; /* of HTTP */
	unsigned retry_after_s;
	struct json_object *value; /* the body, NULL: none, or no JSON; borrowed */
	const char *text;	   /* what is wrong, for people, one line; "" when nothing is */
};

/* Called once; the request is gone then. */
typedef void (*rest_fn)(void *arg, const struct rest_answer *answer);

struct rest_request {
	const char *method;
	const char *path;
	const char *content_type; /* of body; NULL: application/json */
	struct json_object *body; /* borrowed; NULL: none */
	unsigned timeout_s;
};

struct rest *rest_start(struct client *client, const struct rest_request *request, rest_fn fn,
			void *arg);
/* fn is not called any more. NULL is legal. */
void rest_cancel(struct rest *rest);

/* 2xx. */
bool rest_succeeded(const struct rest_answer *answer);
/* Nobody answered, or the server has no time: the same may go well later. */
bool rest_may_pass(const struct rest_answer *answer);
