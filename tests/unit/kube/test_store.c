// SPDX-License-Identifier: Apache-2.0
/* Objects of a list: what the model has after each event and each reading, and what is reported. */
#include <malloc.h>
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

#define BULK (1u << 20)

struct rig {
	struct model *model;
	struct store *store;
};

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	rig->model = model_new();
	rig->store = store_new(kind_find("v1", "Service"), "/api/v1/services");
	store_publish(rig->store, rig->model);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	store_free(rig->store);
	model_free(rig->model);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A Service whose port tells versions apart. */
static char *service(const char *name, int port)
{
	return mem_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"u-%s\","
			  "\"resourceVersion\":\"%d\",\"generation\":%d},\"spec\":{\"clusterIP\":"
			  "\"10.0.0.1\",\"ports\":[{\"port\":%d}]}}",
			  name, name, port, port, port);
}

static void tell(struct rig *rig, void (*fn)(void *, struct json_object *), const char *text)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value = apijson_parse(tokener, text, strlen(text));

	fn(rig->store, value);
	json_object_put(value);
	json_tokener_free(tokener);
}

static void put(struct rig *rig, const char *name, int port)
{
	_cleanup_(mem_freep) char *text = service(name, port);

	tell(rig, store_sink.put, text);
}

static void take_away(struct rig *rig, const char *name, int port)
{
	_cleanup_(mem_freep) char *text = service(name, port);

	tell(rig, store_sink.remove, text);
}

static void begin(struct rig *rig)
{
	store_sink.begin(rig->store);
}

static void commit(struct rig *rig)
{
	store_sink.commit(rig->store);
}

static const struct service *find_service(const struct rig *rig, const char *name)
{
	return (const struct service *)model_get(rig->model, OBJECT_SERVICE, "shop", name);
}

/* 0: there is none. */
static int port_of(const struct rig *rig, const char *name)
{
	const struct service *found = find_service(rig, name);

	return found ? found->ports[0].port : 0;
}

static void assert_diags(const struct rig *rig, const char *expected)
{
	struct diag_list diags = { 0 };
	struct str out = { 0 };

	str_add(&out, "", 0);
	store_report(rig->store, &diags);
	for (size_t i = 0; i < diags.n; i++) {
		_cleanup_(mem_freep) char *line = diag_format(&diags.items[i]);

		str_addf(&out, "%s%s", i ? "\n" : "", line);
	}
	assert_string_equal(out.buf, expected);
	str_fini(&out);
	diag_fini(&diags);
}

#define BAD_A                                                                                      \
	"/api/v1/services: error: Service shop/a: spec.ports[0].port: expected a number from 1 "   \
	"to 65535, found 70000"

static void events_change_single_objects(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", 1);
	put(rig, "b", 2);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_true(store_take_changed(rig->store));
	put(rig, "a", 3);
	assert_int_equal(port_of(rig, "a"), 3);
	assert_true(store_take_changed(rig->store));
	put(rig, "a", 3);
	assert_false(store_take_changed(rig->store));
	take_away(rig, "a", 9);
	assert_null(find_service(rig, "a"));
	assert_int_equal(port_of(rig, "b"), 2);
	assert_true(store_take_changed(rig->store));
	take_away(rig, "a", 9);
	assert_false(store_take_changed(rig->store));
}

static void an_object_knows_what_its_status_needs(void **state)
{
	struct rig *rig = *state;
	uint64_t generation;

	put(rig, "a", 7);
	generation = model_generation(rig->model);
	assert_string_equal(find_service(rig, "a")->object.origin.uid, "u-a");
	assert_string_equal(find_service(rig, "a")->object.origin.resource_version, "7");
	assert_int_equal(find_service(rig, "a")->object.origin.generation, 7);
	assert_string_equal(find_service(rig, "a")->object.origin.file, "/api/v1/services");
	assert_int_equal(find_service(rig, "a")->object.origin.line, 0);
	/* Kept up to date without being content. */
	tell(rig, store_sink.put,
	     "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":5,\"resourceVersion\":"
	     "\"8\",\"generation\":\"x\"},\"spec\":{\"clusterIP\":\"10.0.0.1\",\"ports\":"
	     "[{\"port\":7}]}}");
	assert_string_equal(find_service(rig, "a")->object.origin.uid, "");
	assert_string_equal(find_service(rig, "a")->object.origin.resource_version, "8");
	assert_int_equal(find_service(rig, "a")->object.origin.generation, 0);
	assert_int_equal(model_generation(rig->model), generation);
	assert_diags(rig, "");
}

static void a_reading_replaces_all_at_once(void **state)
{
	struct rig *rig = *state;
	size_t known, gone;

	put(rig, "a", 1);
	put(rig, "b", 1);
	begin(rig);
	put(rig, "b", 2);
	put(rig, "c", 2);
	put(rig, "d", 2);
	take_away(rig, "d", 2);
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 2);
	assert_null(find_service(rig, "c"));
	store_sink.weigh(rig->store, &known, &gone);
	assert_int_equal(known, 2);
	assert_int_equal(gone, 1);
	commit(rig);
	assert_null(find_service(rig, "a"));
	assert_int_equal(port_of(rig, "b"), 2);
	assert_int_equal(port_of(rig, "c"), 2);
	assert_null(find_service(rig, "d"));
	/* From here on events are for what is in force again. */
	take_away(rig, "c", 2);
	assert_null(find_service(rig, "c"));
}

/* As pages that overlap have it. */
static void an_object_that_is_read_twice_is_one(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	put(rig, "b", 2);
	put(rig, "a", 1);
	put(rig, "b", 2);
	commit(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig, "");
	take_away(rig, "b", 2);
	assert_null(find_service(rig, "b"));
}

static void a_reading_that_was_given_up_leaves_nothing(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", 1);
	begin(rig);
	put(rig, "b", 1);
	begin(rig);
	put(rig, "c", 1);
	commit(rig);
	assert_null(find_service(rig, "a"));
	assert_null(find_service(rig, "b"));
	assert_int_equal(port_of(rig, "c"), 1);
}

static void the_same_reading_again_changes_nothing(void **state)
{
	struct rig *rig = *state;
	uint64_t generation;

	put(rig, "a", 1);
	put(rig, "b", 70000);
	generation = model_generation(rig->model);
	assert_true(store_take_changed(rig->store));
	begin(rig);
	put(rig, "a", 1);
	put(rig, "b", 70000);
	commit(rig);
	assert_false(store_take_changed(rig->store));
	assert_int_equal(model_generation(rig->model), generation);
}

static void a_broken_object_keeps_its_last_good_version(void **state)
{
	struct rig *rig = *state;

	put(rig, "a", 1);
	put(rig, "b", 1);
	assert_true(store_take_changed(rig->store));
	put(rig, "a", 70000);
	assert_true(store_take_changed(rig->store));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_diags(rig, BAD_A);
	put(rig, "a", 70000);
	assert_false(store_take_changed(rig->store));
	/* Also over a reading. */
	begin(rig);
	put(rig, "a", 70000);
	commit(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_null(find_service(rig, "b"));
	assert_diags(rig, BAD_A);
	put(rig, "a", 2);
	assert_int_equal(port_of(rig, "a"), 2);
	assert_diags(rig, "");
	/* When it goes, its broken form does not hold it. */
	put(rig, "a", 70000);
	take_away(rig, "a", 70000);
	assert_null(find_service(rig, "a"));
	assert_diags(rig, "");
}

static void an_object_that_never_was_good_is_reported_only(void **state)
{
	struct rig *rig = *state;

	begin(rig);
	put(rig, "a", 70000);
	commit(rig);
	assert_null(find_service(rig, "a"));
	assert_diags(rig, BAD_A);
	begin(rig);
	commit(rig);
	assert_true(store_take_changed(rig->store));
	assert_diags(rig, "");
}

static void nothing_goes_by_a_reading_that_lost_something(void **state)
{
	struct rig *rig = *state;
	size_t known, gone;

	put(rig, "a", 1);
	put(rig, "b", 1);
	begin(rig);
	put(rig, "b", 2);
	store_sink.lost(rig->store, "an object is too long");
	store_sink.weigh(rig->store, &known, &gone);
	assert_int_equal(gone, 0);
	commit(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig, "/api/v1/services: error: an object cannot be read: an object is too "
			  "long");
	begin(rig);
	put(rig, "b", 2);
	commit(rig);
	assert_null(find_service(rig, "a"));
	assert_diags(rig, "");
}

static void what_is_no_object_of_the_kind_is_lost(void **state)
{
	static const char *const texts[] = {
		"5",
		"null",
		"[]",
		"{}",
		"{\"metadata\":{}}",
		"{\"metadata\":{\"name\":5}}",
		"{\"metadata\":{\"name\":\"../x\"}}",
		"{\"kind\":\"Table\",\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\"}}",
		"{\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\"}}",
	};
	struct rig *rig = *state;

	put(rig, "a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct diag_list diags = { 0 };

		tell(rig, i % 2 ? store_sink.put : store_sink.remove, texts[i]);
		store_report(rig->store, &diags);
		assert_int_equal(diags.n, i + 1);
		diag_fini(&diags);
	}
	/* Many of them are not all listed. */
	for (int i = 0; i < 50; i++)
		store_sink.lost(rig->store, "x");
	begin(rig);
	put(rig, "a", 2);
	commit(rig);
	assert_int_equal(port_of(rig, "a"), 2);
	assert_diags(rig, "");
}

static void a_namespace_of_metadata_alone_is_whole(void **state)
{
	struct store *store = store_new(kind_find("v1", "Namespace"), "/api/v1/namespaces");
	struct rig *rig = *state, other = { .model = rig->model, .store = store };

	store_publish(store, rig->model);
	tell(&other, store_sink.put,
	     "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"
	     "{\"name\":\"shop\",\"labels\":{\"a\":\"b\"}}}");
	assert_non_null(model_get(rig->model, OBJECT_NAMESPACE, "", "shop"));
	assert_diags(&other, "");
	store_free(store);
}

static void count(void *arg, const struct object *object)
{
	size_t *n = arg;

	assert_int_equal(object->kind, OBJECT_SERVICE);
	(*n)++;
}

static void the_model_knows_nothing_before_it_is_published(void **state)
{
	struct rig *rig = *state;
	size_t n = 0;

	store_free(rig->store);
	rig->store = store_new(kind_find("v1", "Service"), "/api/v1/services");
	begin(rig);
	put(rig, "a", 1);
	put(rig, "b", 70000);
	commit(rig);
	assert_null(find_service(rig, "a"));
	store_each(rig->store, count, &n);
	assert_int_equal(n, 1);
	store_publish(rig->store, rig->model);
	assert_int_equal(port_of(rig, "a"), 1);
	assert_non_null(store_find(rig->store, &find_service(rig, "a")->object));
	store_clear(rig->store);
	assert_null(find_service(rig, "a"));
	assert_true(store_take_changed(rig->store));
	assert_diags(rig, "");
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Who wrote which field, and what somebody applied last, is most of many an object. */
static void what_nobody_reads_takes_no_memory(void **state)
{
	_cleanup_(mem_freep) char *bulk = mem_array(BULK + 1, 1);
	_cleanup_(mem_freep) char *text = NULL;
	struct rig *rig = *state;
	size_t before;

	memset(bulk, 'x', BULK);
	text = mem_printf("{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\","
			  "\"resourceVersion\":\"1\",\"annotations\":{\"kubectl.kubernetes.io/"
			  "last-applied-configuration\":\"%s\"},\"managedFields\":[{\"manager\":"
			  "\"%s\",\"fieldsV1\":{\"f:%s\":{}}}]},\"spec\":{\"clusterIP\":"
			  "\"10.0.0.1\",\"ports\":[{\"port\":80}]},\"status\":{\"x\":\"%s\"}}",
			  bulk, bulk, bulk, bulk);
	before = allocated();
	tell(rig, store_sink.put, text);
	assert_int_equal(port_of(rig, "a"), 80);
	assert_true(allocated() < before + BULK / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_change_single_objects),
		TEST(an_object_knows_what_its_status_needs),
		TEST(a_reading_replaces_all_at_once),
		TEST(an_object_that_is_read_twice_is_one),
		TEST(a_reading_that_was_given_up_leaves_nothing),
		TEST(the_same_reading_again_changes_nothing),
		TEST(a_broken_object_keeps_its_last_good_version),
		TEST(an_object_that_never_was_good_is_reported_only),
		TEST(nothing_goes_by_a_reading_that_lost_something),
		TEST(what_is_no_object_of_the_kind_is_lost),
		TEST(a_namespace_of_metadata_alone_is_whole),
		TEST(the_model_knows_nothing_before_it_is_published),
		TEST(what_nobody_reads_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
