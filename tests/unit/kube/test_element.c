// SPDX-License-Identifier: Apache-2.0
/* Values of what is read alone: the same objects as from all of it, and nothing else there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/element.h"
#include "kube/kind.h"
#include "kube/partial.h"
#include "kube/store.h"
#include "same.h"

#define MANAGED                                                                                    \
	"\"managedFields\":[{\"manager\":\"kubectl\",\"fieldsV1\":{\"f:spec\":{"                   \
	"\"k:{\\\"port\\\":80}\":{\".\":{},\"f:x\":[1,-2.5,null,true,false,\"\\u003c\\n\"]}}}}]"
#define METADATA                                                                                   \
	"\"metadata\":{" MANAGED ",\"name\":\"cart\",\"namespace\":\"shop\",\"uid\":\"u\","        \
	"\"resourceVersion\":\"7\",\"generation\":3,\"ownerReferences\":[{\"name\":\"x\"}],"       \
	"\"labels\":{\"kubernetes.io/service-name\":\"cart\",\"app\":\"cart\"},\"annotations\":{"  \
	"\"kubectl.kubernetes.io/last-applied-configuration\":\"{\\\"a\\\":1}\\n\"}}"
#define SERVICE                                                                                    \
	"{\"kind\":\"Service\"," METADATA ",\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":"    \
	"\"10.0.0.1\",\"selector\":{\"app\":\"cart\"},\"ports\":[ {\"port\":80,\"targetPort\":"    \
	"\"web\"} , {\"name\":\"b\",\"port\":81}]},\"status\":{\"loadBalancer\":{\"ingress\":[{"   \
	"\"ip\":\"10.9.9.9\"}]},\"conditions\":[{\"type\":\"x\",\"status\":\"True\"}]}}"
#define ENDPOINT(addr)                                                                             \
	"{\"addresses\":[\"" addr "\"],\"conditions\":{\"ready\":true,\"serving\":null},"          \
	"\"targetRef\":{\"kind\":\"Pod\",\"name\":\"p\"},\"nodeName\":\"n\",\"zone\":\"z\","       \
	"\"hints\":{\"forZones\":[{\"name\":\"z\",\"odd\":1}]}}"
#define SLICE(endpoints)                                                                           \
	"{" METADATA ",\"addressType\":\"IPv4\",\"endpoints\":" endpoints ",\"ports\":[{"          \
	"\"port\":8080,\"appProtocol\":\"http\"}]}"
#define POD                                                                                        \
	"{" METADATA ",\"spec\":{\"nodeName\":\"n\",\"volumes\":[{\"name\":\"v\"}],"               \
	"\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"value\":\"\\t\"}],\"ports\":[" \
	"{\"containerPort\":80,\"hostPort\":8080,\"name\":\"w\"}]}],\"initContainers\":[{"         \
	"\"restartPolicy\":\"Always\",\"ports\":[{\"containerPort\":81,\"hostPort\":8081}]}]},"    \
	"\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.1.1.1\"}]}}"
#define NODE                                                                                       \
	"{" METADATA ",\"spec\":{\"podCIDR\":\"10.1.0.0/24\",\"taints\":[{\"key\":\"k\","          \
	"\"effect\":\"NoSchedule\"}]},\"status\":{\"images\":[{\"names\":[\"i\"]}],\"addresses\":" \
	"[{\"type\":\"InternalIP\",\"address\":\"192.0.2.1\"}]}}"
#define ROUTE                                                                                      \
	"{" METADATA ",\"spec\":{\"rules\":[{\"matches\":[{\"path\":{\"type\":\"Exact\","          \
	"\"value\":\"/a\"}}],\"backendRefs\":[{\"name\":\"b\",\"port\":80}]}]}}"

/* ---- both ways ------------------------------------------------------------------------------ */

static struct store *new_store(const char *version, const char *kind)
{
	return store_new(kind_find(version, kind), "/list");
}

/* What the store's sink reads of the text. */
static struct json_object *parse(struct store *store, const char *text)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value =
		element_parse(tokener, &store_sink, store, false, text, strlen(text));

	json_tokener_free(tokener);
	return value;
}

static struct json_object *parse_all(const char *text)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value = apijson_parse(tokener, text, strlen(text));

	json_tokener_free(tokener);
	return value;
}

static struct json_object *at(struct json_object *value, const char *const *path)
{
	for (; *path; path++)
		value = apijson_member(value, *path);
	return value;
}

#define AT(value, ...) at(value, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_same(const char *version, const char *name, const char *text)
{
	const struct kind *kind = kind_find(version, name);
	struct store *store = new_store(version, name);
	struct json_object *part = parse(store, text), *all = parse_all(text);
	struct load a, b;

	assert_true((part != NULL) == (all != NULL));
	if (all) {
		load_value(kind, "/list", part, &a);
		load_value(kind, "/list", all, &b);
		assert_true(same_load(&a, &b));
		load_fini(&a);
		load_fini(&b);
	}
	json_object_put(part);
	json_object_put(all);
	store_free(store);
}

static bool has_managers(const char *version, const char *kind, const char *text)
{
	struct store *store = new_store(version, kind);
	struct json_object *value = parse(store, text);
	bool has = AT(value, "metadata", "managedFields") != NULL;

	assert_non_null(value);
	json_object_put(value);
	store_free(store);
	return has;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static const struct {
	const char *version, *kind, *text;
} objects[] = {
	{ "v1", "Service", SERVICE },
	{ "discovery.k8s.io/v1", "EndpointSlice", SLICE("[]") },
	{ "discovery.k8s.io/v1", "EndpointSlice",
	  SLICE("[" ENDPOINT("10.1.1.1") "," ENDPOINT("10.1.1.2") "]") },
	{ "v1", "Pod", POD },
	{ "v1", "Node", NODE },
	{ "gateway.networking.k8s.io/v1", "HTTPRoute", ROUTE },
};

static void test_objects_are_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		assert_same(objects[i].version, objects[i].kind, objects[i].text);
		assert_false(has_managers(objects[i].version, objects[i].kind, objects[i].text));
	}
}

static void test_nothing_else_is_there(void **state)
{
	struct store *store = new_store("discovery.k8s.io/v1", "EndpointSlice");
	struct json_object *slice = parse(store, SLICE("[" ENDPOINT("10.1.1.1") "]"));
	struct json_object *endpoint =
		json_object_array_get_idx(apijson_member(slice, "endpoints"), 0);

	(void)state;
	assert_null(AT(slice, "metadata", "ownerReferences"));
	assert_null(AT(slice, "metadata", "labels", "app"));
	assert_string_equal(apijson_text(AT(slice, "metadata", "labels"),
					 "kubernetes.io/service-name"),
			    "cart");
	assert_string_equal(apijson_version(slice), "7");
	assert_non_null(AT(endpoint, "addresses"));
	assert_non_null(AT(endpoint, "conditions", "ready"));
	assert_null(AT(endpoint, "targetRef"));
	assert_null(AT(endpoint, "zone"));
	json_object_put(slice);
	store_free(store);
}

/* Wrong objects are wrong in the same words. */
static void test_diagnostics_are_the_same(void **state)
{
	static const char *const slices[] = {
		SLICE("{\"a\":1}"),
		SLICE("[1,\"x\",null,[],{\"addresses\":{\"a\":[2]}}]"),
		SLICE("[" ENDPOINT("10.1.1.1") "," ENDPOINT("300.1.1.1") "]"),
		"{\"metadata\":[],\"addressType\":\"IPv4\"}",
		"{\"metadata\":{\"name\":[\"x\"]}}",
		"{\"metadata\":{\"name\":\"a\",\"labels\":\"x\"},\"addressType\":{}}",
		"{\"metadata\":{\"name\":\"a\"},\"addressType\":\"IPv4\",\"ports\":[{\"port\":"
		"{\"a\":1}},{\"port\":70000},{\"port\":-1},{\"port\":1.5},{\"port\":1e9}]}",
		/* The last one of a name counts. */
		"{\"metadata\":{\"name\":\"a\"},\"metadata\":{\"name\":\"b\",\"name\":\"c\"},"
		"\"addressType\":\"IPv4\",\"ports\":[{\"port\":1}],\"ports\":[{\"port\":\"\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++)
		assert_same("discovery.k8s.io/v1", "EndpointSlice", slices[i]);
}

/* In a place that nobody reads, too. json-c alone says what is valid. */
static void test_what_is_not_understood_is_left_to_the_parser(void **state)
{
	static const char *const odd[] = {
		"1e3",
		"1E-3",
		"9999999999999999",
		"1.2345678901234567",
		"\"\\ud83d\\ude00\"",
		"\"\\ud83d\"",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};
	const struct decode_field *const tables[] = { apijson_reads, NULL };
	static const char *const invalid[] = {
		"01",	       "1.",	  ".5",	      "-",     "+1",	     "tru",
		"nul",	       "True",	  "[1,]",     "[,1]",  "{,}",	     "{1:2}",
		"{a:1}",       "{\"a\"}", "{\"a\":}", "[1 2]", "[",	     "\"\\x\"",
		"\"\\u12g4\"", "\"",	  "",	      "}",     "{\"a\":1,}", "// x\n1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		_cleanup_(mem_freep) char *text =
			mem_printf("{\"metadata\":{\"managedFields\":%s,\"name\":\"a\"}}", odd[i]);

		assert_same("v1", "Service", text);
		assert_true(has_managers("v1", "Service", text));
	}
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		_cleanup_(mem_freep) char *text =
			mem_printf("{\"metadata\":{\"managedFields\":%s,\"name\":\"a\"}}",
				   invalid[i]);

		assert_null(partial_parse(text, strlen(text), tables));
		assert_same("v1", "Service", text);
	}
}

/* Texts of every length around what is looked at in one step, with each end. */
static void test_texts_end_where_they_end(void **state)
{
	static const char *const ends[] = { "", "\\\"", "\\\\", "\x7f", "\xc3\xa4", "\x01", "\n" };

	(void)state;
	for (int len = 0; len < 20; len++)
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
			_cleanup_(mem_freep) char *text =
				mem_printf("{\"metadata\":{\"x\":\"%.*s%s\",\"name\":\"%.*s%s\"}}",
					   len, "abcdefghijklmnopqrst", ends[i], len,
					   "abcdefghijklmnopqrst", ends[i]);

			assert_same("v1", "Namespace", text);
		}
}

static void seen(void *arg, enum object_kind kind, const char *namespace, const char *name)
{
	(void)arg;
	(void)kind;
	(void)namespace;
	(void)name;
}

static void test_statuses_are_there_for_who_keeps_them(void **state)
{
	struct store *store = new_store("v1", "Service");
	struct json_object *value = parse(store, SERVICE), *all = parse_all(SERVICE);

	(void)state;
	assert_non_null(AT(value, "status", "loadBalancer", "ingress"));
	json_object_put(value);
	store_keep_statuses(store, "LoadBalancer", seen, NULL);
	value = parse(store, SERVICE);
	assert_true(json_object_equal(AT(value, "status"), AT(all, "status")));
	assert_string_equal(apijson_text(AT(value, "spec"), "type"), "LoadBalancer");
	json_object_put(value);
	json_object_put(all);
	store_free(store);
}

/* A Secret is parsed as a whole, and wiped as a whole. */
static void test_secrets_are_whole(void **state)
{
	static const char text[] = "{\"metadata\":{\"name\":\"a\",\"managedFields\":[]}}";

	(void)state;
	assert_true(has_managers("v1", "Secret", text));
}

static void test_events(void **state)
{
	static const char bookmark[] =
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\","
		"\"annotations\":{\"k8s.io/initial-events-end\":\"true\",\"x\":\"y\"}}}}";
	static const char error[] =
		"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":"
		"\"Expired\",\"message\":\"too old\",\"details\":{\"causes\":[{\"a\":\"x\"}]}}}";
	static const char *const change = "{\"object\":" SERVICE ",\"type\":\"ADDED\"}";
	const char *const texts[] = { bookmark, error, change };
	struct store *store = new_store("v1", "Service");
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *events[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		events[i] = element_parse(tokener, &store_sink, store, true, texts[i],
					  strlen(texts[i]));
	assert_true(apijson_ends_initial(AT(events[0], "object")));
	assert_string_equal(apijson_version(AT(events[0], "object")), "9");
	assert_null(AT(events[0], "object", "metadata", "annotations", "x"));
	assert_int_equal(apijson_number(AT(events[1], "object"), "code"), 410);
	assert_string_equal(apijson_text(AT(events[1], "object"), "message"), "too old");
	assert_non_null(AT(events[1], "object", "details", "causes"));
	assert_string_equal(apijson_text(events[2], "type"), "ADDED");
	assert_null(AT(events[2], "object", "metadata", "managedFields"));
	assert_non_null(AT(events[2], "object", "spec", "ports"));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_put(events[i]);
	json_tokener_free(tokener);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_are_the_same),
		cmocka_unit_test(test_nothing_else_is_there),
		cmocka_unit_test(test_diagnostics_are_the_same),
		cmocka_unit_test(test_what_is_not_understood_is_left_to_the_parser),
		cmocka_unit_test(test_texts_end_where_they_end),
		cmocka_unit_test(test_statuses_are_there_for_who_keeps_them),
		cmocka_unit_test(test_secrets_are_whole),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
