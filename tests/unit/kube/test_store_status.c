// SPDX-License-Identifier: Apache-2.0
/* Statuses as the server has them, beside the model: what is kept, and who hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/apijson.h"
#include "kube/kind.h"
#include "kube/store.h"

#include <json-c/json.h>

struct rig {
	struct model *model;
	struct store *store;
	struct str heard; /* "shop/a shop/b" */
};

static void on_seen(void *arg, enum object_kind kind, const char *namespace, const char *name)
{
	struct rig *rig = arg;

	assert_int_equal(kind, OBJECT_SERVICE);
	str_addf(&rig->heard, "%s%s/%s", rig->heard.len ? " " : "", namespace, name);
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	rig->model = model_new();
	rig->store = store_new(kind_find("v1", "Service"), "/api/v1/services");
	store_keep_statuses(rig->store, "LoadBalancer", on_seen, rig);
	store_publish(rig->store, rig->model);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	store_free(rig->store);
	model_free(rig->model);
	str_fini(&rig->heard);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define STATUS(ip) "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"" ip "\"}]}}"

/* status may be "". */
static char *service(const char *name, const char *type, const char *version, const char *status)
{
	return mem_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"u-%s\","
			  "\"resourceVersion\":\"%s\",\"generation\":3},\"spec\":{\"type\":\"%s\","
			  "\"clusterIP\":\"10.0.0.1\",\"ports\":[{\"port\":80}]}%s%s}",
			  name, name, version, type, *status ? ",\"status\":" : "", status);
}

static void tell(struct rig *rig, void (*fn)(void *, struct json_object *), char *text)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value = apijson_parse(tokener, text, strlen(text));

	fn(rig->store, value);
	json_object_put(value);
	json_tokener_free(tokener);
	free(text);
}

static void put(struct rig *rig, const char *name, const char *version, const char *status)
{
	tell(rig, store_sink.put, service(name, "LoadBalancer", version, status));
}

static void assert_heard(struct rig *rig, const char *expected)
{
	assert_string_equal(rig->heard.len ? rig->heard.buf : "", expected);
	rig->heard.len = 0;
}

/* NULL: it is not kept. */
static void assert_status(const struct rig *rig, const char *name, const char *version,
			  const char *text)
{
	struct store_status status;
	bool found = store_find_status(rig->store, "shop", name, &status);

	assert_true(found == (text != NULL));
	if (!found)
		return;
	assert_string_equal(status.text, text);
	assert_string_equal(status.version, version);
	assert_int_equal(status.generation, 3);
	assert_int_equal(strncmp(status.uid, "u-", 2), 0);
}

static void a_status_alone_changes_no_plan(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", "5", STATUS("10.1.0.1"));
	assert_heard(rig, "shop/a");
	assert_true(store_take_changed(rig->store));
	assert_status(rig, "a", "5", STATUS("10.1.0.1"));
	tell(rig, store_sink.put,
	     service("a", "LoadBalancer", "6",
		     "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.1.0.1\"}]},\"conditions\":[]}"));
	assert_heard(rig, "shop/a");
	assert_false(store_take_changed(rig->store));
	assert_status(rig, "a", "6",
		      "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.1.0.1\"}]},\"conditions\":[]}");
	put(rig, "a", "6", STATUS("10.1.0.1"));
	assert_heard(rig, "");
}

static void only_what_naru_writes_is_kept(void **state)
{
	struct rig *rig = *state;

	tell(rig, store_sink.put, service("a", "ClusterIP", "5", "{\"loadBalancer\":{}}"));
	assert_heard(rig, "");
	assert_status(rig, "a", "", NULL);
	put(rig, "a", "6", "");
	assert_heard(rig, "shop/a");
	assert_status(rig, "a", "6", "null");
	tell(rig, store_sink.put, service("a", "ClusterIP", "7", "{}"));
	assert_heard(rig, "shop/a");
	assert_status(rig, "a", "", NULL);
	/* Where something was said once, it can be taken back. */
	tell(rig, store_sink.put, service("b", "ClusterIP", "8", "{\"conditions\":[]}"));
	assert_status(rig, "b", NULL, NULL);
	tell(rig, store_sink.put, service("b", "ClusterIP", "9", "{\"conditions\":[{}]}"));
	assert_status(rig, "b", "9", "{\"conditions\":[{}]}");
	assert_heard(rig, "shop/b");
}

static void a_broken_object_has_a_status(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", "5", "{}");
	tell(rig, store_sink.put,
	     mem_strdup("{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"u-a\","
			"\"resourceVersion\":\"6\",\"generation\":3},\"spec\":{\"type\":"
			"\"LoadBalancer\",\"ports\":7},\"status\":{\"x\":1}}"));
	assert_heard(rig, "shop/a shop/a");
	assert_status(rig, "a", "6", "{\"x\":1}");
}

static void what_is_gone_is_told(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", "5", "{}");
	put(rig, "b", "6", "{}");
	assert_heard(rig, "shop/a shop/b");
	tell(rig, store_sink.remove, service("a", "LoadBalancer", "7", "{}"));
	assert_heard(rig, "shop/a");
	assert_status(rig, "a", "", NULL);
}

static void a_whole_set_tells_what_is_another(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", "5", "{}");
	put(rig, "b", "6", "{}");
	put(rig, "c", "7", "{}");
	assert_heard(rig, "shop/a shop/b shop/c");
	store_sink.begin(rig->store);
	put(rig, "a", "5", "{}");
	put(rig, "b", "9", "{\"x\":1}");
	put(rig, "d", "8", "{}");
	assert_heard(rig, "");
	assert_status(rig, "b", "6", "{}");
	assert_status(rig, "d", "", NULL);
	store_sink.commit(rig->store);
	assert_heard(rig, "shop/b shop/d shop/c");
	assert_status(rig, "b", "9", "{\"x\":1}");
	assert_status(rig, "c", "", NULL);
	assert_status(rig, "d", "8", "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_status_alone_changes_no_plan),	 TEST(only_what_naru_writes_is_kept),
		TEST(a_broken_object_has_a_status),	 TEST(what_is_gone_is_told),
		TEST(a_whole_set_tells_what_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
