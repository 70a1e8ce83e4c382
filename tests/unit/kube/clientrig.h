/* SPDX-License-Identifier: Apache-2.0 */
/* A client in a loop, a server beside it, and files for both in a folder that is gone after. */
#pragma once
#include "apiserver.h"

#include "base/loop.h"
#include "base/str.h"
#include "kube/backoff.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"

struct rig {
	char dir[32];
	char *ca_file, *token_file;
	struct authority authority;
	struct issued issued;
	struct server *server;
	struct loop *loop;
	struct kubeconfig access;
	struct client *client;
	uint64_t now_ms; /* of credentials and waits */
	unsigned open;	 /* calls that have not ended */
};

struct call {
	struct rig *rig;
	struct client_call *call;
	int status, error, ends;
	unsigned retry_after_s;
	struct str body;
	bool cancel_at_head, cancel_at_data;
	struct call *next; /* started at the end of this one */
	const char *next_path;
};

static inline void rig_put(const char *path, const char *text)
{
	char *other = mem_printf("%s.new", path);
	FILE *file = fopen(other, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(rename(other, path), 0);
	free(other);
}

static inline uint64_t rig_now(void *arg)
{
	return ((struct rig *)arg)->now_ms;
}

/* The shortest waits. */
static inline uint32_t rig_random(void *arg)
{
	(void)arg;
	return 0;
}

static inline int rig_setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	strcpy(rig->dir, "/tmp/naru-client-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	rig->ca_file = mem_printf("%s/ca", rig->dir);
	rig->token_file = mem_printf("%s/token", rig->dir);
	rig->authority = authority_make("naru test");
	rig->issued = authority_issue(&rig->authority, "server", "IP:127.0.0.1,DNS:kubernetes");
	rig_put(rig->ca_file, rig->authority.pem);
	rig->now_ms = 1000000;
	rig->loop = loop_new();
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;

	client_close(rig->client);
	if (rig->server)
		server_stop(rig->server);
	loop_free(rig->loop);
	kubeconfig_fini(&rig->access);
	authority_forget(&rig->issued);
	authority_fini(&rig->authority);
	unlink(rig->ca_file);
	unlink(rig->token_file);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig->ca_file);
	free(rig->token_file);
	free(rig);
	return 0;
}

static inline void rig_serve(struct rig *rig, struct server with)
{
	rig->server = server_start(with, &rig->issued, NULL);
}

/* Access that believes the authority. token NULL: none is needed. */
static inline void rig_access(struct rig *rig, const char *token)
{
	rig->access = (struct kubeconfig){
		.server = { mem_strdup("127.0.0.1"), rig->server->port, mem_strdup("") },
		.tls_name = mem_strdup(""),
		.ca_file = mem_strdup(rig->ca_file),
		.ca = mem_strdup(""),
		.token_file = mem_strdup(token ? rig->token_file : ""),
		.cert_file = mem_strdup(""),
		.cert = mem_strdup(""),
		.key_file = mem_strdup(""),
		.namespace = mem_strdup(""),
	};
	if (token)
		rig_put(rig->token_file, token);
}

static inline void rig_open(struct rig *rig, struct client_times times)
{
	static struct timing timing = { .now_ms = rig_now, .random = rig_random };
	struct client_config config = {
		.loop = rig->loop,
		.access = &rig->access,
		.agent = "naru-test",
		.times = times,
		.timing = &timing,
	};
	char *error;

	timing.arg = rig;
	assert_int_equal(client_open(&config, &rig->client, &error), 0);
}

/* All that most tests need. */
static inline void rig_begin(struct rig *rig, const char *token)
{
	rig_serve(rig, (struct server){ .protocol = "\2h2" });
	rig_access(rig, token);
	rig_open(rig, (struct client_times){ 0 });
}

/* ---- calls ---- */

static inline void call_start(struct rig *rig, struct call *call, const char *path,
			      struct client_request request);

static inline void call_over(struct call *call)
{
	call->call = NULL;
	if (!--call->rig->open)
		loop_stop(call->rig->loop);
}

static inline void call_head(void *arg, int status, unsigned retry_after_s)
{
	struct call *call = arg;

	assert_int_equal(call->status, 0);
	call->status = status;
	call->retry_after_s = retry_after_s;
	if (call->cancel_at_head) {
		client_cancel(call->call);
		call_over(call);
	}
}

static inline void call_data(void *arg, const char *data, size_t len)
{
	struct call *call = arg;

	str_add(&call->body, data, len);
	if (call->cancel_at_data) {
		client_cancel(call->call);
		call_over(call);
	}
}

static inline void call_end(void *arg, int error)
{
	struct call *call = arg;

	call->ends++;
	call->error = error;
	if (call->next)
		call_start(call->rig, call->next, call->next_path,
			   (struct client_request){ .lane = CLIENT_REST });
	call_over(call);
}

static const struct client_ops call_ops = { call_head, call_data, call_end };

static inline void call_start(struct rig *rig, struct call *call, const char *path,
			      struct client_request request)
{
	call->rig = rig;
	request.path = path;
	request.method = request.method ? request.method : "GET";
	rig->open++;
	call->call = client_start(rig->client, &request, &call_ops, call);
	assert_non_null(call->call);
	assert_int_equal(call->ends, 0);
}

static inline void call_get(struct rig *rig, struct call *call, const char *path)
{
	call_start(rig, call, path, (struct client_request){ .lane = CLIENT_REST });
}

/* One call, to its end. */
static inline struct call call_once(struct rig *rig, const char *path)
{
	struct call call = { 0 };

	call_get(rig, &call, path);
	loop_run(rig->loop);
	return call;
}

/* The same, which must end so. */
static inline void call_expect(struct rig *rig, const char *path, int status, int error)
{
	struct call call = call_once(rig, path);

	assert_int_equal(call.ends, 1);
	assert_int_equal(call.error, error);
	assert_int_equal(call.status, status);
	str_fini(&call.body);
}
