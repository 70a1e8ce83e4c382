// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what an API server sends. The first byte says how: its low three bits how many bytes
 * come at a time, the next bit whether the server knows watches that begin with all objects, the
 * upper four bits the status. Each line "---" ends an answer. No bytes may crash, leave a call
 * behind, or make the model anything but what the store has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/client.h"
#include "kube/kind.h"
#include "kube/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client_call {
	struct client_ops ops;
	void *arg;
	bool watch;
};

static struct client_call *open_call;
static uint64_t now_ms;

static void require(bool truth)
{
	if (!truth)
		abort();
}

struct client_call *client_start(struct client *client, const struct client_request *request,
				 const struct client_ops *ops, void *arg)
{
	(void)client;
	require(!open_call);
	open_call = mem_new(sizeof(*open_call));
	*open_call = (struct client_call){
		.ops = *ops,
		.arg = arg,
		.watch = strstr(request->path, "&sendInitialEvents=true") != NULL,
	};
	return open_call;
}

void client_cancel(struct client_call *call)
{
	require(!call || call == open_call);
	if (call)
		free(TAKE_PTR(open_call));
}

static uint64_t get_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static uint32_t get_random(void *arg)
{
	(void)arg;
	return 0;
}

static void on_changed(void *arg)
{
	(void)arg;
}

static void end_call(int error)
{
	struct client_call call;

	if (!open_call)
		return;
	call = *open_call;
	free(TAKE_PTR(open_call));
	call.ops.end(call.arg, error);
}

static void send_pieces(const char *data, size_t len, size_t piece)
{
	for (size_t at = 0; at < len && open_call; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);

		memcpy(copy, data + at, n);
		open_call->ops.data(open_call->arg, copy, n);
		free(copy);
	}
}

/* One call, answered with these bytes. */
static void answer(struct reflector *reflector, uint8_t how, const char *data, size_t len)
{
	static const int statuses[16] = { 200, 200, 200, 200, 200, 200, 200, 200,
					  400, 401, 403, 404, 410, 429, 500, 504 };

	if (reflector_due_ms(reflector) != UINT64_MAX)
		now_ms = reflector_due_ms(reflector);
	if (!open_call)
		reflector_run(reflector);
	require(open_call != NULL);
	if (open_call->watch && !(how & 8)) {
		open_call->ops.head(open_call->arg, 422, 0);
		end_call(0);
		reflector_run(reflector);
		require(open_call != NULL);
	}
	open_call->ops.head(open_call->arg, statuses[how >> 4], 0);
	send_pieces(data, len, how & 7 ? how & 7 : 4096);
	end_call(0);
}

static void count(void *arg, const struct object *object)
{
	size_t *n = arg;

	require(object->name && object->namespace && object->origin.uid);
	(*n)++;
}

static void run(struct reflector *reflector, const uint8_t *data, size_t size)
{
	const char *at = (const char *)data + 1, *end = (const char *)data + size;

	while (at < end) {
		const char *next = memmem(at, (size_t)(end - at), "---\n", 4);
		size_t len = (size_t)((next ? next : end) - at);

		answer(reflector, data[0], at, len);
		at = next ? next + 4 : end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct timing timing = { .now_ms = get_now, .random = get_random };
	struct reflector_config config = {
		.path = "/api/v1/services",
		.selectors = "",
		.sink = &store_sink,
		.timing = &timing,
		.changed = on_changed,
	};
	const struct object *const *objects;
	struct reflector *reflector;
	struct diag_list diags = { 0 };
	struct model *model;
	struct store *store;
	size_t n = 0;

	if (!size)
		return 0;
	now_ms = 1000;
	model = model_new();
	store = store_new(kind_find("v1", "Service"), config.path);
	store_publish(store, model);
	config.sink_arg = store;
	reflector = reflector_new(&config);
	run(reflector, data, size);
	store_each(store, count, &n);
	require(n == model_list(model, OBJECT_SERVICE, &objects));
	store_report(store, &diags);
	diag_fini(&diags);
	reflector_free(reflector);
	require(!open_call);
	store_free(store);
	model_free(model);
	return 0;
}
