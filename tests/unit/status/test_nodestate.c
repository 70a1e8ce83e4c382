// SPDX-License-Identifier: Apache-2.0
/* What a node says of itself, and who reads it of all nodes, on an API server by script. */
#include "../kube/fakeclient.h"

#include "kube/apijson.h"
#include "status/inforce.h"
#include "status/nodes.h"
#include "status/nodestate.h"

#include <json-c/json.h>

struct rig {
	struct nodestate *nodestate;
	struct nodes *nodes;
	unsigned changed;
};

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changed++;
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));
	const struct nodestate_config config = {
		.client = &fake,
		.timing = &fake_timing,
		.node = "n1",
		.changed = on_changed,
		.arg = rig,
	};

	fake_reset();
	rig->nodestate = nodestate_new(&config);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	nodestate_free(rig->nodestate);
	nodes_free(rig->nodes);
	assert_int_equal(fake.n, 0);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* One Gateway at that generation; behind: NULL or since when. */
static void say(struct rig *rig, int64_t generation, const char *behind)
{
	struct inforce_gateway gateway = { (char[]){ "shop" }, (char[]){ "web" }, generation };
	const struct inforce inforce = { .items = &gateway, .n = 1 };
	const struct nodestate_content content = {
		.version = "1",
		.gateways = &inforce,
		.behind_since = behind,
		.node_uid = "u",
	};

	nodestate_set(rig->nodestate, &content);
	nodestate_run(rig->nodestate);
}

static struct client_call *asked(const char *method, const char *path)
{
	assert_int_equal(fake.n, 1);
	assert_string_equal(fake.calls[0]->method, method);
	assert_string_equal(fake.calls[0]->path, path);
	return fake.calls[0];
}

static void passes(struct rig *rig, uint64_t ms)
{
	fake.now_ms += ms;
	nodestate_run(rig->nodestate);
}

#define OWNER                                                                                      \
	"\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\","           \
	"\"uid\":\"u\"}]"
#define STATUS(generation)                                                                         \
	"\"status\":{\"gateways\":[{\"namespace\":\"shop\",\"name\":\"web\",\"generation\":"       \
	"" generation "}],\"version\":\"1\"}"
#define STATE(version, generation)                                                                 \
	"{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"" version "\"," OWNER "},"           \
	"" STATUS(generation) "}"

static void it_is_made_and_then_left_alone(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	nodestate_run(rig->nodestate);
	assert_int_equal(fake.n, 0);
	say(rig, 3, NULL);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 404, "{}");
	passes(rig, 0);
	call = asked("POST", NODESTATE_PATH);
	assert_string_equal(call->body,
			    "{\"apiVersion\":\"naru.io/v1alpha1\",\"kind\":\"NodeState\","
			    "\"metadata\":{\"name\":\"n1\"," OWNER "}," STATUS("3") "}");
	fake_answer(call, 201, STATE("5", "3"));
	passes(rig, 100000);
	say(rig, 3, NULL);
	assert_int_equal(fake.n, 0);
	assert_int_equal(nodestate_due_ms(rig->nodestate), UINT64_MAX);
}

static void what_is_there_and_right_stays(void **state)
{
	struct rig *rig = *state;

	say(rig, 3, NULL);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, STATE("5", "3"));
	passes(rig, 100000);
	assert_int_equal(fake.n, 0);
}

static void changes_are_gathered(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	say(rig, 3, NULL);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, STATE("5", "2"));
	passes(rig, 0);
	call = asked("PUT", NODESTATE_PATH "/n1");
	assert_non_null(strstr(call->body, "\"resourceVersion\":\"5\""));
	fake_answer(call, 200, STATE("6", "3"));
	say(rig, 4, NULL);
	say(rig, 5, "2026-01-01T00:00:00Z");
	assert_int_equal(fake.n, 0);
	passes(rig, NODESTATE_GAP_MS - 1);
	assert_int_equal(fake.n, 0);
	passes(rig, 1);
	call = asked("PUT", NODESTATE_PATH "/n1");
	assert_non_null(strstr(call->body, "\"generation\":5"));
	assert_non_null(strstr(call->body, "\"behindSince\":\"2026-01-01T00:00:00Z\""));
	assert_non_null(strstr(call->body, "\"resourceVersion\":\"6\""));
}

static void after_a_conflict_it_is_read_again(void **state)
{
	struct rig *rig = *state;

	say(rig, 3, NULL);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, STATE("5", "2"));
	passes(rig, 0);
	fake_answer(asked("PUT", NODESTATE_PATH "/n1"), 409, "{}");
	assert_string_equal(nodestate_problem(rig->nodestate), "");
	passes(rig, 1600);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, STATE("9", "3"));
	passes(rig, 100000);
	assert_int_equal(fake.n, 0);
}

static void what_cannot_be_written_is_told_and_tried_slowly(void **state)
{
	struct rig *rig = *state;

	say(rig, 3, NULL);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 404, "{}");
	passes(rig, 0);
	fake_answer(asked("POST", NODESTATE_PATH), 404, "{\"message\":\"no such kind\"}");
	assert_string_equal(nodestate_problem(rig->nodestate), "HTTP 404: no such kind");
	passes(rig, 59999);
	assert_int_equal(fake.n, 0);
	passes(rig, 1);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 404, "{}");
	passes(rig, 0);
	fake_answer(asked("POST", NODESTATE_PATH), 201, STATE("5", "3"));
	assert_string_equal(nodestate_problem(rig->nodestate), "");
}

static void what_the_server_drops_is_written_once(void **state)
{
	struct rig *rig = *state;

	say(rig, 3, "2026-01-01T00:00:00Z");
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, STATE("5", "3"));
	passes(rig, 0);
	fake_answer(asked("PUT", NODESTATE_PATH "/n1"), 200, STATE("6", "3"));
	passes(rig, 100000);
	assert_int_equal(fake.n, 0);
}

/* Only while it is there, and with the time at which it came. */
static void a_kube_proxy_is_a_condition(void **state)
{
	struct rig *rig = *state;
	const struct inforce inforce = { 0 };
	struct nodestate_content content = {
		.version = "1",
		.gateways = &inforce,
		.kube_proxy = "a table",
		.node_uid = "u",
	};
	const char *there = "{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"5\"," OWNER "},"
			    "\"status\":{\"gateways\":[],\"version\":\"1\",\"conditions\":[{"
			    "\"type\":\"KubeProxyActive\",\"status\":\"True\",\"reason\":"
			    "\"KubeProxyFound\",\"message\":\"there is a table\","
			    "\"lastTransitionTime\":\"2020-01-01T00:00:00Z\"}]}}";

	nodestate_set(rig->nodestate, &content);
	nodestate_run(rig->nodestate);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, there);
	passes(rig, 2000);
	assert_int_equal(fake.n, 0);
	nodestate_set(rig->nodestate, &content);
	passes(rig, 2000);
	assert_int_equal(fake.n, 0);
	content.kube_proxy = NULL;
	nodestate_set(rig->nodestate, &content);
	passes(rig, 2000);
	assert_null(strstr(asked("PUT", NODESTATE_PATH "/n1")->body, "KubeProxy"));
}

/* Of the same name: what belongs to the former one is about to be collected. */
static void another_node_owns_it(void **state)
{
	struct rig *rig = *state;
	const struct inforce inforce = { 0 };
	struct nodestate_content content = {
		.version = "1",
		.gateways = &inforce,
		.node_uid = "u",
	};
	const char *there = "{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"5\"," OWNER "},"
			    "\"status\":{\"gateways\":[],\"version\":\"1\"}}";

	nodestate_set(rig->nodestate, &content);
	nodestate_run(rig->nodestate);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, there);
	passes(rig, 2000);
	assert_int_equal(fake.n, 0);
	content.node_uid = "u2";
	nodestate_set(rig->nodestate, &content);
	passes(rig, 2000);
	fake_answer(asked("GET", NODESTATE_PATH "/n1"), 200, there);
	passes(rig, 2000);
	assert_non_null(strstr(asked("PUT", NODESTATE_PATH "/n1")->body, "\"uid\":\"u2\""));
	fake_answer(asked("PUT", NODESTATE_PATH "/n1"), 200, there);
	passes(rig, 2000);
	assert_int_equal(fake.n, 0);
}

/* ---- all nodes ------------------------------------------------------------------------------- */

static bool is_alive(void *arg, const char *node)
{
	(void)arg;
	return strcmp(node, "dead") != 0;
}

static void open_nodes(struct rig *rig)
{
	const struct nodes_config config = {
		.client = &fake,
		.timing = &fake_timing,
		.changed = on_changed,
		.alive = is_alive,
		.arg = rig,
	};

	rig->nodes = nodes_new(&config);
	nodes_run(rig->nodes);
	assert_int_equal(fake.n, 1);
}

#define ADDED(name, generation)                                                                    \
	"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"" name                           \
	"\",\"resourceVersion\":\"5\"}," STATUS(generation) "}}\n"
#define END                                                                                        \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\","              \
	"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"

static void the_newest_generation_of_any_node_counts(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	open_nodes(rig);
	call = fake.calls[0];
	fake_head(call, 200, 0);
	fake_data(call, ADDED("n1", "3") ADDED("n2", "4") ADDED("dead", "9"));
	assert_false(nodes_settled(rig->nodes));
	assert_false(nodes_serve(rig->nodes, "shop", "web", 3));
	fake_data(call, END);
	assert_true(nodes_settled(rig->nodes));
	assert_true(nodes_take_changed(rig->nodes));
	assert_int_equal(nodes_count(rig->nodes), 3);
	assert_true(nodes_serve(rig->nodes, "shop", "web", 4));
	assert_false(nodes_serve(rig->nodes, "shop", "web", 5));
	assert_false(nodes_serve(rig->nodes, "shop", "other", 1));
	fake_data(call, "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"n2\","
			"\"resourceVersion\":\"11\"}}}\n");
	assert_true(nodes_take_changed(rig->nodes));
	assert_false(nodes_take_changed(rig->nodes));
	assert_int_equal(nodes_count(rig->nodes), 2);
	assert_false(nodes_serve(rig->nodes, "shop", "web", 4));
	assert_true(nodes_serve(rig->nodes, "shop", "web", 3));
}

static void nobody_waits_for_ever(void **state)
{
	struct rig *rig = *state;

	open_nodes(rig);
	assert_false(nodes_settled(rig->nodes));
	fake_answer(fake.calls[0], 403, "{\"message\":\"no\"}");
	assert_true(nodes_settled(rig->nodes));
	nodes_free(rig->nodes);
	open_nodes(rig);
	fake.now_ms += 9999;
	assert_false(nodes_settled(rig->nodes));
	fake.now_ms++;
	assert_true(nodes_settled(rig->nodes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_made_and_then_left_alone),
		TEST(what_is_there_and_right_stays),
		TEST(changes_are_gathered),
		TEST(after_a_conflict_it_is_read_again),
		TEST(what_cannot_be_written_is_told_and_tried_slowly),
		TEST(what_the_server_drops_is_written_once),
		TEST(a_kube_proxy_is_a_condition),
		TEST(another_node_owns_it),
		TEST(the_newest_generation_of_any_node_counts),
		TEST(nobody_waits_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
