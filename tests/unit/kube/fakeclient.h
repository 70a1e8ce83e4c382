/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server's side of client.h for unit tests, by script: the test sees each request and says
 * what is answered, piece by piece. Time and chance are the test's, too. For one file of a program.
 */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/backoff.h"
#include "kube/client.h"

#define FAKE_CALLS_MAX 64

struct client_call {
	struct client_ops ops;
	void *arg;
	char *method;
	char *path;
	char *accept;
	char *body;    /* "" when there is none */
	bool answered; /* for who answers by himself */
};

struct client {
	struct client_call *calls[FAKE_CALLS_MAX]; /* that are open, in the order of their start */
	size_t n;
	uint64_t now_ms;
	uint32_t random;
};

static struct client fake;

static uint64_t fake_now(void *arg)
{
	(void)arg;
	return fake.now_ms;
}

static uint32_t fake_random(void *arg)
{
	(void)arg;
	return fake.random;
}

static const struct timing fake_timing = { .now_ms = fake_now, .random = fake_random };

struct client_call *client_start(struct client *client, const struct client_request *request,
				 const struct client_ops *ops, void *arg)
{
	struct client_call *call = mem_new(sizeof(*call));

	assert_ptr_equal(client, &fake);
	assert_true(fake.n < FAKE_CALLS_MAX);
	call->ops = *ops;
	call->arg = arg;
	call->method = mem_strdup(request->method);
	call->path = mem_strdup(request->path);
	call->body = mem_strdup(request->body ? request->body : "");
	call->accept = mem_strdup(request->accept ? request->accept : "");
	fake.calls[fake.n++] = call;
	return call;
}

static void fake_free(struct client_call *call)
{
	free(call->method);
	free(call->path);
	free(call->body);
	free(call->accept);
	free(call);
}

static void fake_forget(struct client_call *call)
{
	size_t i = 0;

	while (fake.calls[i] != call)
		i++;
	fake.n--;
	memmove(&fake.calls[i], &fake.calls[i + 1], (fake.n - i) * sizeof(*fake.calls));
}

void client_cancel(struct client_call *call)
{
	if (!call)
		return;
	fake_forget(call);
	fake_free(call);
}

/* ---- what tests do -------------------------------------------------------------------------- */

static inline void fake_reset(void)
{
	while (fake.n)
		client_cancel(fake.calls[0]);
	fake = (struct client){ .now_ms = 1000000 };
}

/* The open call whose path begins so, NULL if there is none. */
static inline struct client_call *fake_find(const char *path)
{
	for (size_t i = 0; i < fake.n; i++)
		if (!strncmp(fake.calls[i]->path, path, strlen(path)))
			return fake.calls[i];
	return NULL;
}

static inline void fake_head(struct client_call *call, int status, unsigned retry_after_s)
{
	call->ops.head(call->arg, status, retry_after_s);
}

/* Exactly as long as said, so that sanitizers see who looks beyond. */
static inline void fake_bytes(struct client_call *call, const char *data, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data, len);
	call->ops.data(call->arg, copy, len);
	free(copy);
}

static inline void fake_data(struct client_call *call, const char *text)
{
	fake_bytes(call, text, strlen(text));
}

static inline void fake_end(struct client_call *call, int error)
{
	struct client_call ended = *call;

	fake_forget(call);
	ended.ops.end(ended.arg, error);
	fake_free(call);
}

/* The whole answer at once. */
static inline void fake_answer(struct client_call *call, int status, const char *body)
{
	fake_head(call, status, 0);
	fake_data(call, body);
	fake_end(call, 0);
}
