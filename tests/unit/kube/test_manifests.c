// SPDX-License-Identifier: Apache-2.0
/*
 * Objects of a folder as a whole: what stays in force when something cannot be read, which of two
 * definitions counts, the dumps of a real API server, ten thousand objects.
 */
#include <time.h>

#include "rig.h"

#define MARKET "tests/golden/market/market."

static void a_broken_file_keeps_its_last_good_version(void **state)
{
	_cleanup_(mem_freep) char *a = service("a", 1);
	_cleanup_(mem_freep) char *b = service("b", 1);
	_cleanup_(mem_freep) char *both = mem_printf("%s%s", a, b);
	_cleanup_(mem_freep) char *half = mem_printf("%s---\nspec: [\n", b);
	struct rig *rig = *state;

	write_file(rig, "x.yaml", both);
	write_service(rig, "y.yaml", "yy", 1);
	open_rig(rig);
	write_file(rig, "x.yaml", "spec: [\n");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 2);
	assert_diags(rig,
		     "x.yaml:2: error: not valid YAML: while parsing a flow node, did not find "
		     "expected node content");

	/* Of a file that is readable in part nothing goes: it may be in the other part. */
	write_file(rig, "x.yaml", half);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 2);
	assert_int_equal(port_of(rig, "yy"), 1);
	write_file(rig, "x.yaml", b);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 1);
	assert_diags(rig, "");
}

static void a_broken_object_keeps_its_last_good_version(void **state)
{
	_cleanup_(mem_freep) char *a = service("a", 1);
	_cleanup_(mem_freep) char *bad_a = service("a", 70000);
	_cleanup_(mem_freep) char *b = service("b", 1);
	_cleanup_(mem_freep) char *b2 = service("b", 2);
	_cleanup_(mem_freep) char *before = mem_printf("%s%s", a, b);
	_cleanup_(mem_freep) char *after = mem_printf("%s%s", bad_a, b2);
	struct rig *rig = *state;

	write_file(rig, "x.yaml", before);
	open_rig(rig);
	write_file(rig, "x.yaml", after);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 2);
	assert_diags(rig,
		     "x.yaml:7: error: Service default/a: spec.ports[0].port: expected a number "
		     "from 1 to 65535, found 70000");

	/* The other object may go without taking the broken one along. */
	write_file(rig, "x.yaml", bad_a);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 1);
	assert_int_equal(port_of(rig, "b"), 0);
	write_file(rig, "x.yaml", b2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 2);
}

static void a_file_without_permission_keeps_its_objects(void **state)
{
	struct rig *rig = *state;
	_cleanup_(mem_freep) char *path = path_of(rig, "a.yaml");

	/* A pipe stands for what cannot be read: root may read every file. */
	write_service(rig, "a.yaml", "a", 1);
	open_rig(rig);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	write_service(rig, "b.tmp", "a", 2);
	process(rig);
	assert_int_equal(port_of(rig, "a"), 1);
	move(rig, "b.tmp", "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "a"), 2);
	assert_diags(rig, "");
}

static void of_two_definitions_the_later_path_counts(void **state)
{
	struct rig *rig = *state;

	write_service(rig, "b.yaml", "s", 2);
	open_rig(rig);
	write_service(rig, "a.yaml", "s", 1);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 2);
	write_service(rig, "c.yaml", "s", 3);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 3);
	{
		_cleanup_(mem_freep) char *expected = mem_printf(
			"a.yaml:2: warning: Service default/s: is also defined in %s/c.yaml line "
			"2, which counts\n"
			"b.yaml:2: warning: Service default/s: is also defined in %s/c.yaml line "
			"2, which counts",
			rig->dir, rig->dir);

		assert_diags(rig, expected);
	}
	delete_file(rig, "c.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 2);
	write_service(rig, "b.yaml", "t", 2);
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 1);
	assert_int_equal(port_of(rig, "t"), 2);
	assert_diags(rig, "");
	delete_file(rig, "a.yaml");
	assert_true(process(rig));
	assert_int_equal(port_of(rig, "s"), 0);
}

/* As the kubelet writes a volume: files are links through ..data, which is renamed over. */
static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void ten_thousand_objects_load_in_seconds(void **state)
{
	struct rig *rig = *state;
	struct timespec start;
	struct str text = { 0 };
	const struct object *const *objects;

	for (int i = 0; i < 10000; i++) {
		char name[16];
		char *one;

		snprintf(name, sizeof(name), "s%d", i);
		one = service(name, 1 + i);
		str_addf(&text, "%s", one);
		free(one);
	}
	write_file(rig, "a.yaml", text.buf);
	str_fini(&text);
	clock_gettime(CLOCK_MONOTONIC, &start);
	open_rig(rig);
	assert_int_equal(model_list(rig->model, OBJECT_SERVICE, &objects), 10000);
	/* Measured 0.3 s; sanitizers and a busy machine take their part. */
	assert_true(seconds_since(&start) < 30);
}

static void copy_market(const struct rig *rig, const char *ext)
{
	_cleanup_(mem_freep) char *from = mem_printf(MARKET "%s", ext);
	_cleanup_(mem_freep) char *name = mem_printf("market.%s", ext);
	FILE *in = fopen(from, "re");
	char buf[4096];
	size_t n;
	int fd;

	assert_non_null(in);
	fd = open_file(rig, name);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		assert_int_equal(write(fd, buf, n), n);
	close(fd);
	fclose(in);
}

static void assert_models_equal(struct model *a, struct model *b)
{
	for (int kind = 0; kind < OBJECT_KIND_MAX; kind++) {
		const struct object *const *left, *const *right;
		size_t n = model_list(a, (enum object_kind)kind, &left);

		assert_int_equal(model_list(b, (enum object_kind)kind, &right), n);
		for (size_t i = 0; i < n; i++)
			assert_true(object_equal(left[i], right[i]));
	}
}

static void dumps_of_a_real_api_server_load_as_they_are(void **state)
{
	struct rig *rig = *state;
	struct model *yaml = rig->model;
	const struct object *const *objects;

	copy_market(rig, "yaml");
	open_rig(rig);
	assert_diags(rig, "");
	assert_int_equal(manifests_skipped(rig->manifests), 0);
	assert_int_equal(model_list(yaml, OBJECT_SERVICE, &objects), 14);
	assert_int_equal(model_list(yaml, OBJECT_ENDPOINT_SLICE, &objects), 19);
	assert_int_equal(model_list(yaml, OBJECT_NODE, &objects), 3);
	assert_int_equal(model_list(yaml, OBJECT_NAMESPACE, &objects), 6);
	assert_int_equal(model_list(yaml, OBJECT_POD, &objects), 21);
	assert_int_equal(model_list(yaml, OBJECT_SECRET, &objects), 1);
	assert_int_equal(model_list(yaml, OBJECT_GATEWAY_CLASS, &objects), 2);
	assert_int_equal(model_list(yaml, OBJECT_GATEWAY, &objects), 2);
	assert_int_equal(model_list(yaml, OBJECT_HTTP_ROUTE, &objects), 4);
	manifests_close(TAKE_PTR(rig->manifests));

	delete_file(rig, "market.yaml");
	copy_market(rig, "json");
	rig->model = model_new();
	open_rig(rig);
	assert_diags(rig, "");
	assert_int_equal(manifests_skipped(rig->manifests), 0);
	assert_models_equal(yaml, rig->model);
	model_free(yaml);
}

/* The same files, written in another order while the source runs, give the same objects. */
static void the_order_of_files_does_not_count(void **state)
{
	static const int orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } };
	struct rig *rig = *state;
	struct model *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		open_rig(rig);
		for (size_t j = 0; j < 4; j++) {
			int k = orders[i][j];
			char file[16], name[16];

			snprintf(file, sizeof(file), "%d.yaml", k);
			snprintf(name, sizeof(name), "s%d", k / 2);
			write_service(rig, file, name, 10 + k);
			assert_true(process(rig));
		}
		if (first)
			assert_models_equal(first, rig->model);
		model_free(first);
		first = rig->model;
		manifests_close(TAKE_PTR(rig->manifests));
		rig->model = model_new();
		for (int k = 0; k < 4; k++) {
			char file[16];

			snprintf(file, sizeof(file), "%d.yaml", k);
			delete_file(rig, file);
		}
	}
	model_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_broken_file_keeps_its_last_good_version),
		TEST(a_broken_object_keeps_its_last_good_version),
		TEST(a_file_without_permission_keeps_its_objects),
		TEST(of_two_definitions_the_later_path_counts),
		TEST(ten_thousand_objects_load_in_seconds),
		TEST(dumps_of_a_real_api_server_load_as_they_are),
		TEST(the_order_of_files_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
