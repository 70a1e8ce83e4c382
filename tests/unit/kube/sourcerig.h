/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API source in front of a little API server: what each path answers is in a table that the test
 * changes. Watches stay open, so that the test can send events.
 */
#pragma once
#include <sys/stat.h>
#include <unistd.h>

#include "fakeclient.h"
#include "kube/apisource.h"

#define GROUP "/apis/gateway.networking.k8s.io/v1/"
#define CRDS  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
/* Slices of headless Services, too: routes may have such a Service for a backend. */
#define SERVED_SERVICES                                                                            \
	"labelSelector=%21service.kubernetes.io%2Fheadless"                                        \
	"%2C%21service.kubernetes.io%2Fservice-proxy-name"
#define SERVED_SLICES "labelSelector=%21service.kubernetes.io%2Fservice-proxy-name"

struct answer_row {
	const char *path; /* the request's, up to '?' or "&" */
	int status;	  /* 0: none comes; -1: no connection */
	char *body;
};

struct rig {
	struct answer_row rows[32];
	size_t n;
	struct model *model;
	struct apisource *source;
	unsigned changed;
	char state_file[64];
	uint64_t spread_ms;
};

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changed++;
}

static inline struct answer_row *find_row(struct rig *rig, const char *path)
{
	for (size_t i = 0; i < rig->n; i++) {
		size_t len = strlen(rig->rows[i].path);

		if (!strncmp(rig->rows[i].path, path, len) && (path[len] == '?' || !path[len]))
			return &rig->rows[i];
	}
	return NULL;
}

/* Takes the body. */
static inline void answers(struct rig *rig, const char *path, int status, char *body)
{
	struct answer_row *row = find_row(rig, path);

	if (!row) {
		assert_true(rig->n < ARRAY_SIZE(rig->rows));
		row = &rig->rows[rig->n++];
		row->path = path;
	}
	free(row->body);
	row->status = status;
	row->body = body;
}

/* Objects that a watch begins with, as JSON texts one after the other; version 10. */
static inline char *initial(const char *const *objects)
{
	struct str out = { 0 };

	for (; *objects; objects++)
		str_addf(&out, "{\"type\":\"ADDED\",\"object\":%s}\n", *objects);
	str_addf(&out, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":"
		       "\"10\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n");
	return out.buf;
}

#define OBJECTS(...) initial((const char *const[]){ __VA_ARGS__, NULL })

#define SERVICE(name, port)                                                                        \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"resourceVersion\":\"5\"},"  \
	"\"spec\":{\"clusterIP\":\"10.0.0.1\",\"ports\":[{\"port\":" port "}]}}"
#define NAMED(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"5\"}}"
#define CLASS                                                                                      \
	"{\"metadata\":{\"name\":\"naru\",\"resourceVersion\":\"5\"},\"spec\":{"                   \
	"\"controllerName\":\"naru.io/gateway\"}}"
#define GATEWAY(class, secret)                                                                     \
	"{\"metadata\":{\"name\":\"gw\",\"namespace\":\"shop\",\"resourceVersion\":\"5\"},"        \
	"\"spec\":{\"gatewayClassName\":\"" class                                                  \
		"\",\"listeners\":[{\"name\":\"l\",\"port\":443,"                                  \
		"\"protocol\":\"HTTPS\",\"tls\":{\"certificateRefs\":[{\"name\":\"" secret         \
		"\"}]}}]}}"

#define RESOURCE(name) "{\"resource\":\"" name "\",\"scope\":\"Namespaced\"}"
#define VERSION(name, list)                                                                        \
	"{\"version\":\"" name "\",\"freshness\":\"Current\",\"resources\":[" list "]}"
#define GATEWAY_KINDS                                                                              \
	RESOURCE("gatewayclasses")                                                                 \
	"," RESOURCE("gateways") "," RESOURCE("httproutes") "," RESOURCE("referencegrants")
#define DISCOVERY(groups)                                                                          \
	"{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\","           \
	"\"metadata\":{},\"items\":[" groups "]}"
#define DISCOVERED(group, versions)                                                                \
	"{\"metadata\":{\"name\":\"" group "\"},\"versions\":[" versions "]}"

static inline void answer_call(struct rig *rig, struct client_call *call)
{
	struct answer_row *row = find_row(rig, call->path);
	bool stays;

	if (!row)
		fail_msg("nobody expected %s", call->path);
	if (!row || !row->status)
		return;
	call->answered = true;
	if (row->status < 0)
		return fake_end(call, -ECONNREFUSED);
	fake_head(call, row->status, 0);
	/* Who does not like it may cancel the call meanwhile. */
	stays = row->status == 200 && strstr(call->path, "watch=true");
	fake_data(call, row->body);
	if (!stays)
		fake_end(call, 0);
}

/* Lets time go by, with everything that is due and answered on the way. */
static inline void pass(struct rig *rig, uint64_t ms)
{
	uint64_t end_ms = fake.now_ms + ms;

	for (;;) {
		for (size_t i = 0; i < fake.n; i++) {
			if (!fake.calls[i]->answered && find_row(rig, fake.calls[i]->path) &&
			    find_row(rig, fake.calls[i]->path)->status) {
				answer_call(rig, fake.calls[i]);
				i = (size_t)-1;
			} else if (!fake.calls[i]->answered) {
				answer_call(rig, fake.calls[i]);
			}
		}
		if (apisource_due_ms(rig->source) > end_ms)
			break;
		if (apisource_due_ms(rig->source) > fake.now_ms)
			fake.now_ms = apisource_due_ms(rig->source);
		apisource_tick(rig->source);
	}
	fake.now_ms = end_ms;
}

static inline void event(const char *path, const char *type, const char *object)
{
	_cleanup_(mem_freep) char *text =
		mem_printf("{\"type\":\"%s\",\"object\":%s}\n", type, object);
	struct client_call *call = fake_find(path);

	assert_non_null(call);
	fake_data(call, text);
}

/* A cluster of Services alone. */
static inline void small_cluster(struct rig *rig)
{
	answers(rig, "/api/v1/services", 200, OBJECTS(SERVICE("a", "80"), SERVICE("b", "80")));
	answers(rig, "/apis/discovery.k8s.io/v1/endpointslices", 200, OBJECTS(NULL));
	answers(rig, "/api/v1/nodes", 200, OBJECTS(NAMED("n1")));
	answers(rig, "/api/v1/namespaces", 200, OBJECTS(NAMED("shop")));
	answers(rig, "/api/v1/pods", 200, OBJECTS(NULL));
	answers(rig, CRDS, 200, OBJECTS(NULL));
	answers(rig, "/apis", 200, mem_strdup(DISCOVERY("")));
}

/* The same with Gateway API. */
static inline void gateway_cluster(struct rig *rig)
{
	small_cluster(rig);
	answers(rig, CRDS, 200,
		OBJECTS(NAMED("gatewayclasses.gateway.networking.k8s.io"),
			NAMED("gateways.gateway.networking.k8s.io"),
			NAMED("httproutes.gateway.networking.k8s.io"),
			NAMED("referencegrants.gateway.networking.k8s.io")));
	answers(rig, "/apis", 200,
		mem_strdup(DISCOVERY(
			DISCOVERED("gateway.networking.k8s.io", VERSION("v1", GATEWAY_KINDS)))));
	answers(rig, GROUP "gatewayclasses", 200, OBJECTS(CLASS));
	answers(rig, GROUP "gateways", 200, OBJECTS(NULL));
	answers(rig, GROUP "httproutes", 200, OBJECTS(NULL));
	answers(rig, GROUP "referencegrants", 200, OBJECTS(NULL));
}

static inline void open_rig(struct rig *rig)
{
	const struct apisource_config config = {
		.client = &fake,
		.model = rig->model,
		.node_name = "n1",
		.controller = "naru.io/gateway",
		.state_file = *rig->state_file ? rig->state_file : NULL,
		.timing = &fake_timing,
		.spread_ms = rig->spread_ms,
		.changed = on_changed,
		.arg = rig,
	};

	rig->source = apisource_open(&config);
}

static inline int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	fake_reset();
	rig->model = model_new();
	*state = rig;
	return 0;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	apisource_close(rig->source);
	assert_int_equal(fake.n, 0);
	model_free(rig->model);
	for (size_t i = 0; i < rig->n; i++)
		free(rig->rows[i].body);
	if (*rig->state_file)
		remove(rig->state_file);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline size_t count(const struct rig *rig, enum object_kind kind)
{
	const struct object *const *objects;

	return model_list(rig->model, kind, &objects);
}

/* Port of a service of the namespace shop, 0 when there is no such service. */
static inline int port_of(const struct rig *rig, const char *name)
{
	const struct object *object = model_get(rig->model, OBJECT_SERVICE, "shop", name);

	return object ? ((const struct service *)object)->ports[0].port : 0;
}

static inline bool is_synced(const struct rig *rig)
{
	struct apisource_status status;

	apisource_status(rig->source, &status);
	return status.synced;
}
