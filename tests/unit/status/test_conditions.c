// SPDX-License-Identifier: Apache-2.0
/*
 * Whole statuses: from the objects of golden cases to JSON, as statuses.txt of the case has it, one
 * object after the other. NARU_UPDATE=1 writes these files; look at the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "compile/compile.h"
#include "http/regex.h"
#include "kube/load.h"
#include "status/conditions.h"
#include "status/merge.h"

#include <json-c/json.h>

#define GOLDEN "tests/golden/"

/* ---- from objects to wants ----------------------------------------------------------------- */

static char *read_text(const char *path, size_t *ret_len)
{
	char *text;

	assert_int_equal(file_read(path, 1u << 20, &text, ret_len), 0);
	return text;
}

static struct model *model_of(enum load_format format, const char *text, size_t len)
{
	struct model *model = model_new();
	struct load load;

	load_text(format, "f", text, len, &load);
	for (size_t i = 0; i < load.n; i++)
		model_put(model, load.objects[i]);
	load.n = 0;
	load_fini(&load);
	return model;
}

static bool always(void *arg, const struct verdict_gateway *gateway)
{
	(void)arg;
	(void)gateway;
	return true;
}

static const char *full(void *arg, const struct verdict_gateway *gateway)
{
	(void)arg;
	(void)gateway;
	return "node n: full";
}

static bool never(void *arg, const struct verdict_gateway *gateway)
{
	(void)arg;
	(void)gateway;
	return false;
}

/* Only that Gateway, and only at generation 7. */
static bool by_name(void *arg, const struct verdict_gateway *gateway)
{
	return !strcmp(gateway->name, arg) && gateway->generation == 7;
}

struct scene {
	const char *file;
	const char *node; /* that compiles; NULL: alpha */
	const char *cidr; /* of Gateways' addresses */
	struct conditions_ack ack;
};

/* What the scene's objects should be told. */
static void want(const struct scene *scene, struct wants *ret_wants)
{
	static const uint16_t ports[] = { 80, 8081 };
	struct cidr cidr = { 0 };
	const struct compile_config config = {
		.node_name = scene->node ? scene->node : "alpha",
		.gateway_cidrs = &cidr,
		.n_gateway_cidrs = scene->cidr ? 1 : 0,
		.gateway_node_ports = ports,
		.n_gateway_node_ports = ARRAY_SIZE(ports),
		.l4 = true,
		.check_regex = regex_check,
	};
	_cleanup_(mem_freep) char *path = mem_printf(GOLDEN "%s", scene->file), *text = NULL;
	struct model *model;
	struct plan *plan;
	size_t len;

	if (scene->cidr)
		assert_int_equal(cidr_parse(scene->cidr, &cidr), 0);
	text = read_text(path, &len);
	model = model_of(strstr(path, ".json") ? LOAD_JSON : LOAD_YAML, text, len);
	plan = compile(model, &config);
	conditions_want(&plan->verdicts, &scene->ack, ret_wants);
	plan_free(plan);
	model_free(model);
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* An object of a list a line. */
static void print_json(struct json_object *value, struct str *out)
{
	const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);

	for (; *text; text++) {
		str_add(out, text, 1);
		if ((*text == ',' || *text == '[') && text[1] == '{')
			str_add(out, "\n", 1);
	}
	str_add(out, "\n\n", 2);
}

/* Features are no matter of the scene. */
static void print_wants(const struct wants *wants, struct str *out)
{
	for (size_t i = 0; i < wants->n; i++) {
		const struct want *one = &wants->items[i];

		if (one->kind == OBJECT_GATEWAY_CLASS)
			json_object_object_del(one->status, "supportedFeatures");
		str_addf(out, "%s %s/%s generation %lld\n", object_kind_name(one->kind),
			 one->namespace, one->name, (long long)one->generation);
		print_json(one->status, out);
	}
}

static void assert_file(const char *scene, const char *name, const struct str *text)
{
	_cleanup_(mem_freep) char *folder = mem_strdup(scene), *path = NULL, *expected = NULL;
	size_t len;

	*strchr(folder, '/') = 0;
	path = mem_printf(GOLDEN "%s/%s", folder, name);
	if (getenv("NARU_UPDATE")) {
		_cleanup_(mem_closefilep) FILE *out = fopen(path, "we");

		assert_non_null(out);
		assert_int_equal(fwrite(text->buf, 1, text->len, out), text->len);
		return;
	}
	expected = read_text(path, &len);
	assert_string_equal(text->buf, expected);
}

static void test_whole_statuses(void **state)
{
	static char edge[] = "edge";
	static const struct scene scenes[] = {
		{ "market/market.json", NULL, NULL, { .programmed = always } },
		{ "l7-addresses/objects.yaml", NULL, "203.0.113.0/24", { .programmed = always } },
		{ "l7-broken/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-conflicts/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-east-west/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-filters/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-grants/objects.yaml", NULL, NULL, { .programmed = never } },
		{ "l7-hostnames/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-precedence/objects.yaml", NULL, NULL, { .programmed = never } },
		{ "l7-quick-start/objects.yaml", NULL, NULL, { .programmed = never } },
		{ "l7-tls/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-unserved/objects.yaml", NULL, NULL, { .programmed = always } },
		{ "l7-verdicts/objects.yaml",
		  NULL,
		  "203.0.113.0/24",
		  { .programmed = by_name, .arg = edge } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		_cleanup_(str_fini) struct str text = { 0 };
		struct wants wants = { 0 };

		print_message("%s\n", scenes[i].file);
		want(&scenes[i], &wants);
		print_wants(&wants, &text);
		assert_file(scenes[i].file, "statuses.txt", &text);
		wants_fini(&wants);
	}
}

/* Whoever writes statuses, they are the same. */
static void test_same_on_every_node(void **state)
{
	static const struct scene scenes[][2] = {
		{ { "market/market.json", "alpha", NULL, { .programmed = always } },
		  { "market/market.json", "gamma", NULL, { .programmed = always } } },
		{ { "l7-addresses/objects.yaml", "alpha", NULL, { .programmed = always } },
		  { "l7-addresses/objects.yaml", "beta", NULL, { .programmed = always } } },
		{ { "l7-unserved/objects.yaml", "alpha", NULL, { .programmed = always } },
		  { "l7-unserved/objects.yaml", "beta", NULL, { .programmed = always } } },
		{ { "l7-verdicts/objects.yaml", "alpha", NULL, { .programmed = always } },
		  { "l7-verdicts/objects.yaml", "beta", NULL, { .programmed = always } } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		_cleanup_(str_fini) struct str here = { 0 }, there = { 0 };
		struct wants wants[2] = { { 0 }, { 0 } };

		want(&scenes[i][0], &wants[0]);
		print_wants(&wants[0], &here);
		want(&scenes[i][1], &wants[1]);
		print_wants(&wants[1], &there);
		assert_string_equal(here.buf, there.buf);
		wants_fini(&wants[0]);
		wants_fini(&wants[1]);
	}
}

/* ---- what follows from it for the object ----------------------------------------------------- */

static struct json_object *condition(struct json_object *owner, const char *type)
{
	struct json_object *all = NULL, *found = NULL;

	json_object_object_get_ex(owner, "conditions", &all);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i), *name;

		json_object_object_get_ex(one, "type", &name);
		if (!strcmp(json_object_get_string(name), type))
			found = one;
	}
	assert_non_null(found);
	return found;
}

static const char *member(struct json_object *owner, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(owner, name, &value);
	return json_object_get_string(value);
}

/* By a node that serves it in spite of another one's full map, it is programmed. */
static void test_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct scene scene = { "l7-broken/objects.yaml",
					     NULL,
					     NULL,
					     { .programmed = i ? always : never,
					       .no_room = full } };
		struct wants wants = { 0 };
		struct json_object *status;

		want(&scene, &wants);
		status = wants_find(&wants, OBJECT_GATEWAY, "shop", "edge")->status;
		assert_string_equal(member(condition(status, "Programmed"), "reason"),
				    i ? "Programmed" : "NoResources");
		if (!i)
			assert_string_equal(member(condition(status, "Programmed"), "message"),
					    "node n: full");
		wants_fini(&wants);
	}
}

/* Nothing is programmed before a node says so, and then only what can be. */
static void test_programmed_by_the_nodes(void **state)
{
	const struct scene before = {
		"l7-broken/objects.yaml", NULL, NULL, { .programmed = never }
	};
	const struct scene after = {
		"l7-broken/objects.yaml", NULL, NULL, { .programmed = always }
	};
	static const char *const listeners[][2] = {
		{ "Pending", "Programmed" }, { "Invalid", "Invalid" }, { "Invalid", "Invalid" },
		{ "Invalid", "Invalid" },    { "Invalid", "Invalid" }, { "Invalid", "Invalid" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct wants wants = { 0 };
		struct json_object *status, *list;

		want(i ? &after : &before, &wants);
		status = wants_find(&wants, OBJECT_GATEWAY, "shop", "edge")->status;
		assert_string_equal(member(condition(status, "Programmed"), "status"),
				    i ? "True" : "False");
		assert_string_equal(member(condition(status, "Programmed"), "reason"),
				    i ? "Programmed" : "Pending");
		assert_string_equal(member(condition(status, "Accepted"), "status"), "True");
		json_object_object_get_ex(status, "listeners", &list);
		assert_int_equal(json_object_array_length(list), ARRAY_SIZE(listeners));
		for (size_t j = 0; j < ARRAY_SIZE(listeners); j++) {
			struct json_object *listener = json_object_array_get_idx(list, j);

			assert_string_equal(member(condition(listener, "Programmed"), "reason"),
					    listeners[j][i]);
		}
		wants_fini(&wants);
	}
}

/* What naru wants, once written, is wanted again without a write; foreign routes are left alone. */
static void test_settles(void **state)
{
	const struct scene scene = {
		"l7-verdicts/objects.yaml", NULL, NULL, { .programmed = always }
	};
	struct wants wants = { 0 };

	(void)state;
	want(&scene, &wants);
	for (size_t i = 0; i < wants.n; i++) {
		const struct want *one = &wants.items[i];
		struct json_object *written, *again;

		written = merge_status(one, NULL, VERDICT_CONTROLLER, "2026-01-01T00:00:00Z");
		if (written) {
			again = merge_status(one, written, VERDICT_CONTROLLER,
					     "2026-01-02T00:00:00Z");
			assert_null(again);
		}
		json_object_put(written);
	}
	wants_fini(&wants);
}

static void test_features_are_sorted(void **state)
{
	const struct scene scene = {
		"l7-quick-start/objects.yaml", NULL, NULL, { .programmed = always }
	};
	struct wants wants = { 0 };
	struct json_object *list;

	(void)state;
	want(&scene, &wants);
	json_object_object_get_ex(wants_find(&wants, OBJECT_GATEWAY_CLASS, "", "naru")->status,
				  "supportedFeatures", &list);
	assert_true(json_object_array_length(list) > 1);
	for (size_t i = 1; i < json_object_array_length(list); i++)
		assert_true(strcmp(member(json_object_array_get_idx(list, i - 1), "name"),
				   member(json_object_array_get_idx(list, i), "name")) < 0);
	wants_fini(&wants);
}

/* Of versions that are not known nothing is said; of odd ones that they are not known ones. */
static void test_versions_of_the_definitions(void **state)
{
	static const struct {
		const char *definitions;
		const char *reason; /* NULL: no condition */
	} rows[] = {
		{ NULL, NULL },
		{ "", NULL },
		{ "v1.6.3", "SupportedVersion" },
		{ "v1.0.0", "SupportedVersion" },
		{ "v1.5.1, v1.6.3", "SupportedVersion" },
		{ "v1.7.0", "UnsupportedVersion" },
		{ "v1.6.3, v1.7.0", "UnsupportedVersion" },
		{ "v1.6.3, none", "UnsupportedVersion" },
		{ "none", "UnsupportedVersion" },
		{ "v2.0.0", "UnsupportedVersion" },
		{ "v0.8.1", "UnsupportedVersion" },
		{ "v1.6.3-rc1", "UnsupportedVersion" },
		{ "v1.6.", "UnsupportedVersion" },
		{ "v1.6.3, ", "UnsupportedVersion" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scene scene = { "l7-quick-start/objects.yaml",
					     NULL,
					     NULL,
					     { .programmed = always,
					       .definitions = rows[i].definitions } };
		struct wants wants = { 0 };
		struct json_object *status, *list;

		want(&scene, &wants);
		status = wants_find(&wants, OBJECT_GATEWAY_CLASS, "", "naru")->status;
		json_object_object_get_ex(status, "conditions", &list);
		assert_int_equal(json_object_array_length(list), rows[i].reason ? 2 : 1);
		if (rows[i].reason)
			assert_string_equal(member(condition(status, "SupportedVersion"), "reason"),
					    rows[i].reason);
		wants_fini(&wants);
	}
}

static void test_routes_of_others(void **state)
{
	static const char route[] =
		"{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\","
		"\"metadata\": {\"name\": \"r\", \"namespace\": \"n\"},"
		"\"spec\": {\"parentRefs\": [{\"name\": \"theirs\"}]}}";
	static const char left[] =
		"{\"parents\": [{\"controllerName\": \"naru.io/gateway\", \"parentRef\": "
		"{\"name\": \"ours\"}, \"conditions\": []}]}";
	const struct compile_config config = { .node_name = "alpha", .l4 = true };
	const struct conditions_ack ack = { .programmed = always };
	struct model *model = model_of(LOAD_JSON, route, strlen(route));
	struct plan *plan = compile(model, &config);
	struct json_object *former = json_tokener_parse(left), *merged, *parents;
	struct wants wants = { 0 };

	(void)state;
	conditions_want(&plan->verdicts, &ack, &wants);
	assert_int_equal(wants.n, 1);
	assert_null(merge_status(&wants.items[0], NULL, VERDICT_CONTROLLER, "now"));
	merged = merge_status(&wants.items[0], former, VERDICT_CONTROLLER, "now");
	assert_non_null(merged);
	json_object_object_get_ex(merged, "parents", &parents);
	assert_int_equal(json_object_array_length(parents), 0);
	json_object_put(merged);
	json_object_put(former);
	wants_fini(&wants);
	plan_free(plan);
	model_free(model);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_statuses),
		cmocka_unit_test(test_same_on_every_node),
		cmocka_unit_test(test_programmed_by_the_nodes),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_settles),
		cmocka_unit_test(test_features_are_sorted),
		cmocka_unit_test(test_versions_of_the_definitions),
		cmocka_unit_test(test_routes_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
