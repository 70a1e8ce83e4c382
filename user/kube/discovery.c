// SPDX-License-Identifier: Apache-2.0
/*
 * The aggregated discovery document, for apisource.c. Invariant: only a document that was read
 * whole says that something is absent; a group that the server calls stale says so of nothing.
 */
#include "kube/discovery.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/answer.h"
#include "kube/apijson.h"
#include "kube/client.h"
#include "kube/jsonstream.h"

#define ACCEPT                                                                                     \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                    \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
#define GROUP_BYTES_MAX (8u << 20)
#define TIMEOUT_S	30

struct discovery {
	struct discovery_config config;
	struct client_call *call;
	struct backoff backoff;
	uint64_t due_ms;
	uint64_t wanted_ms; /* asked for while a call was open; UINT64_MAX: not */
	int status;
	struct jsonstream *stream;
	struct json_tokener *tokener;
	struct str body;
	struct discovery_found found[RESOURCES_N];
	char *problem;
};

static uint64_t now(const struct discovery *d)
{
	return d->config.timing->now_ms(d->config.timing->arg);
}

/* ---- the document -------------------------------------------------------------------------- */

static size_t length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static bool has_resource(struct json_object *version, const char *name)
{
	struct json_object *list = apijson_member(version, "resources");

	for (size_t i = 0; i < length(list); i++)
		if (!strcmp(apijson_text(json_object_array_get_idx(list, i), "resource"), name))
			return true;
	return false;
}

/* Its place in the table's order, KIND_VERSIONS_MAX if it is not there. */
static size_t rank(const struct resource *resource, const char *version)
{
	size_t i = 0;

	while (i < KIND_VERSIONS_MAX &&
	       (!resource->versions[i] || strcmp(resource->versions[i], version) != 0))
		i++;
	return i;
}

static void look_for(const struct resource *resource, struct json_object *versions,
		     struct discovery_found *found)
{
	size_t best = KIND_VERSIONS_MAX;
	bool stale = false, other = false;

	for (size_t i = 0; i < length(versions); i++) {
		struct json_object *version = json_object_array_get_idx(versions, i);
		size_t at = rank(resource, apijson_text(version, "version"));

		stale |= !strcmp(apijson_text(version, "freshness"), "Stale");
		if (!has_resource(version, resource->name))
			continue;
		other = true;
		if (at < best)
			best = at;
	}
	if (best < KIND_VERSIONS_MAX)
		*found = (struct discovery_found){ .state = DISCOVERY_SERVED,
						   .version = resource->versions[best] };
	else if (stale)
		found->state = DISCOVERY_UNKNOWN;
	else if (other)
		found->state = DISCOVERY_OTHER;
}

/* Of a group that cannot be read nobody knows the name. */
static void doubt_all(struct discovery *d)
{
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (d->found[i].state == DISCOVERY_ABSENT)
			d->found[i].state = DISCOVERY_UNKNOWN;
}

static bool on_group(void *arg, const char *text, size_t len)
{
	struct discovery *d = arg;
	struct json_object *group = apijson_parse(d->tokener, text, len);
	const char *name = apijson_text(apijson_member(group, "metadata"), "name");

	if (!*name)
		doubt_all(d);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (*name && !strcmp(resources_table[i].group, name))
			look_for(&resources_table[i], apijson_member(group, "versions"),
				 &d->found[i]);
	json_object_put(group);
	return true;
}

static bool on_lost(void *arg, const char *reason)
{
	(void)reason;
	doubt_all(arg);
	return true;
}

static const struct jsonstream_ops stream_ops = { .object = on_group, .lost = on_lost };

/* ---- the call ------------------------------------------------------------------------------ */

static void complain(struct discovery *d, const char *problem)
{
	char *copy = problem ? mem_strdup(problem) : NULL;

	free(d->problem);
	d->problem = copy;
}

static void fail(struct discovery *d, const char *problem)
{
	complain(d, problem);
	d->due_ms = now(d) + backoff_next(&d->backoff, d->config.timing);
}

static void drop_call(struct discovery *d)
{
	client_cancel(TAKE_PTR(d->call));
	jsonstream_free(TAKE_PTR(d->stream));
	str_fini(&d->body);
}

static void on_head(void *arg, int status, unsigned retry_after_s)
{
	struct discovery *d = arg;

	(void)retry_after_s;
	d->status = status;
	if (status == 200)
		d->stream = jsonstream_new(JSONSTREAM_LIST, GROUP_BYTES_MAX, &stream_ops, d);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct discovery *d = arg;

	if (!d->stream && d->body.len + len <= ANSWER_MAX)
		str_add(&d->body, data, len);
	if (!d->stream || jsonstream_feed(d->stream, data, len) >= 0)
		return;
	drop_call(d);
	fail(d, "the answer is not JSON of the API");
	d->config.changed(d->config.arg);
}

static void take_document(struct discovery *d)
{
	const char *text = jsonstream_envelope(d->stream);
	struct json_object *list = apijson_parse(d->tokener, text, strlen(text));

	if (!strcmp(apijson_text(list, "kind"), "APIGroupDiscoveryList") &&
	    apijson_member(list, "items")) {
		complain(d, NULL);
		d->config.found(d->config.arg, d->found);
	} else {
		fail(d, "the answer is no aggregated discovery document");
	}
	json_object_put(list);
}

static void on_end(void *arg, int error)
{
	struct discovery *d = arg;
	struct answer answer;

	d->call = NULL;
	d->due_ms = d->wanted_ms;
	if (error) {
		fail(d, strerror(-error));
	} else if (d->stream) {
		take_document(d);
	} else {
		answer_parse(d->status, d->body.buf ? d->body.buf : "", d->body.len, &answer);
		fail(d, answer.text);
		answer_fini(&answer);
	}
	drop_call(d);
	d->config.changed(d->config.arg);
}

static const struct client_ops client_ops = {
	.head = on_head,
	.data = on_data,
	.end = on_end,
};

/* ---- from outside -------------------------------------------------------------------------- */

struct discovery *discovery_new(const struct discovery_config *config)
{
	struct discovery *d = mem_new(sizeof(*d));

	d->config = *config;
	d->tokener = apijson_tokener();
	d->due_ms = now(d) + config->delay_ms;
	return d;
}

void discovery_free(struct discovery *discovery)
{
	if (!discovery)
		return;
	drop_call(discovery);
	json_tokener_free(discovery->tokener);
	free(discovery->problem);
	free(discovery);
}

uint64_t discovery_due_ms(const struct discovery *discovery)
{
	return discovery->due_ms;
}

void discovery_run(struct discovery *discovery)
{
	static const struct client_request request = {
		.lane = CLIENT_REST,
		.method = "GET",
		.path = "/apis",
		.accept = ACCEPT,
		.timeout_s = TIMEOUT_S,
	};

	if (now(discovery) < discovery->due_ms)
		return;
	for (size_t i = 0; i < RESOURCES_N; i++)
		discovery->found[i] = (struct discovery_found){ .state = DISCOVERY_ABSENT };
	discovery->due_ms = discovery->wanted_ms = UINT64_MAX;
	discovery->status = 0;
	discovery->call = client_start(discovery->config.client, &request, &client_ops, discovery);
}

void discovery_ask(struct discovery *discovery, uint64_t delay_ms)
{
	uint64_t *when = discovery->call ? &discovery->wanted_ms : &discovery->due_ms;

	if (now(discovery) + delay_ms < *when)
		*when = now(discovery) + delay_ms;
}

const char *discovery_problem(const struct discovery *discovery)
{
	return discovery->problem;
}
