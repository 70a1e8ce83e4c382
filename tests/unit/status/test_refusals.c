// SPDX-License-Identifier: Apache-2.0
/* Routes and Gateways that cannot be decoded, from the store to what their statuses should say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/kind.h"
#include "kube/store.h"
#include "status/refusals.h"

#include <json-c/json.h>

struct rig {
	struct store *store;
	struct model *model;
	struct verdict_class class;
	struct verdict_gateway gateway;
	struct verdicts verdicts;
	struct wants wants;
};

#define HEAD(generation)                                                                           \
	"{\"metadata\":{\"namespace\":\"shop\",\"name\":\"x\",\"uid\":\"u\",\"resourceVersion\":"  \
	"\"7\",\"generation\":" generation "},\"spec\":"

static void open_store(struct rig *rig, const char *kind)
{
	store_free(rig->store);
	rig->store = store_new(kind_find("gateway.networking.k8s.io/v1", kind), "list");
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	rig->model = model_new();
	rig->gateway.namespace = mem_strdup("shop");
	rig->gateway.name = mem_strdup("gw");
	rig->verdicts = (struct verdicts){
		.classes = &rig->class,
		.n_classes = 1,
		.gateways = &rig->gateway,
		.n_gateways = 1,
	};
	rig->class.name = mem_strdup("naru");
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	store_free(rig->store);
	model_free(rig->model);
	wants_fini(&rig->wants);
	free(rig->class.name);
	free(rig->gateway.namespace);
	free(rig->gateway.name);
	free(rig);
	return 0;
}

static void on_refused(void *arg, const struct store_entry *entry)
{
	struct rig *rig = arg;
	const struct refusals_config config = { .verdicts = &rig->verdicts, .model = rig->model };

	if (entry->refused)
		refusals_want(&config, entry, &rig->wants);
}

static void put(struct rig *rig, const char *text)
{
	struct json_object *value = json_tokener_parse(text);

	assert_non_null(value);
	store_sink.put(rig->store, value);
	json_object_put(value);
	wants_fini(&rig->wants);
	store_each_entry(rig->store, on_refused, rig);
}

static void assert_want(const struct rig *rig, int64_t generation, const char *expected)
{
	assert_int_equal(rig->wants.n, 1);
	assert_int_equal(rig->wants.items[0].generation, generation);
	assert_string_equal(rig->wants.items[0].uid, "u");
	assert_string_equal(json_object_to_json_string_ext(rig->wants.items[0].status,
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE),
			    expected);
}

#define SAID(type, reason, message)                                                                \
	"{\"type\":\"" type "\",\"status\":\"False\",\"reason\":\"" reason                         \
	"\",\"message\":\"" message "\"}"
#define NO_LIST(type) SAID(type, "Invalid", "spec.listeners: expected a list, found 5")
#define ENTRY(parent, message)                                                                     \
	"{\"parentRef\":{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"Gateway\"," parent     \
	"},\"controllerName\":\"naru.io/gateway\",\"conditions\":[" SAID("Accepted",               \
									 "UnsupportedValue",       \
									 message) "]}"

/* Those that are naru's get an entry, whatever stands beside them. */
static void a_route_tells_its_parents(void **state)
{
	struct rig *rig = *state;
	struct json_object *status;

	open_store(rig, "HTTPRoute");
	put(rig,
	    HEAD("3") "{\"hostnames\":7,\"parentRefs\":[{\"name\":\"gw\",\"sectionName\":\"a\"},"
		      "{\"name\":4},{\"name\":\"others\"},"
		      "{\"group\":\"\",\"kind\":\"Service\",\"name\":\"none\"}]}}");
	assert_int_equal(rig->wants.n, 1);
	status = rig->wants.items[0].status;
	assert_non_null(strstr(json_object_to_json_string(status), "hostnames: expected a list"));
	assert_int_equal(
		json_object_array_length(wants_list(rig->wants.items[0].status, "parents")), 1);
}

static void the_last_good_version_is_told_of(void **state)
{
	struct rig *rig = *state;

	open_store(rig, "HTTPRoute");
	put(rig, HEAD("1") "{\"parentRefs\":[{\"name\":\"gw\"}]}}");
	assert_int_equal(rig->wants.n, 0);
	assert_true(store_take_changed(rig->store));
	put(rig, HEAD("2") "{\"hostnames\":7,\"parentRefs\":[{\"name\":\"gw\"}]}}");
	assert_want(rig, 2,
		    "{\"parents\":[" ENTRY("\"name\":\"gw\"",
					   "spec.hostnames: expected a list, found 7; the "
					   "last good version stays in force") "]}");
	/* Another version with the same fault has another generation to be said of. */
	store_take_changed(rig->store);
	put(rig, HEAD("3") "{\"hostnames\":7,\"parentRefs\":[{\"name\":\"gw\"}]}}");
	assert_true(store_take_changed(rig->store));
	assert_int_equal(rig->wants.items[0].generation, 3);
	put(rig, HEAD("4") "{\"parentRefs\":[{\"name\":\"gw\"}]}}");
	assert_int_equal(rig->wants.n, 0);
}

static void a_gateway_of_our_class(void **state)
{
	struct rig *rig = *state;

	open_store(rig, "Gateway");
	put(rig, HEAD("2") "{\"gatewayClassName\":\"naru\",\"listeners\":5}}");
	assert_want(rig, 2, "{\"conditions\":[" NO_LIST("Accepted") "," NO_LIST("Programmed") "]}");
	put(rig, HEAD("3") "{\"gatewayClassName\":\"theirs\",\"listeners\":5}}");
	assert_int_equal(rig->wants.n, 0);
	put(rig, HEAD("4") "{\"gatewayClassName\":8,\"listeners\":5}}");
	assert_int_equal(rig->wants.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_route_tells_its_parents, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_good_version_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(a_gateway_of_our_class, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
