// SPDX-License-Identifier: Apache-2.0
/* The file of last-known objects: what comes back, what does not count, when it is written. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/laststate.h"
#include "kube/load.h"
#include "model/gateway.h"

struct rig {
	char dir[64];
	char path[80];
	uint64_t now_ms;
	struct timing timing;
	struct model *model;
	struct laststate *laststate;
};

static uint64_t now_ms(void *arg)
{
	const struct rig *rig = arg;

	return rig->now_ms;
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	snprintf(rig->dir, sizeof(rig->dir), "/tmp/naru-test-%d", (int)getpid());
	snprintf(rig->path, sizeof(rig->path), "%s/last", rig->dir);
	assert_int_equal(mkdir(rig->dir, 0700), 0);
	rig->now_ms = 1000;
	rig->timing = (struct timing){ .now_ms = now_ms, .arg = rig };
	rig->model = model_new();
	rig->laststate = laststate_new(rig->path, &rig->timing);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	laststate_free(rig->laststate);
	model_free(rig->model);
	remove(rig->path);
	remove(rig->dir);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void fill(struct model *model, const char *text)
{
	struct load load;

	load_text(LOAD_YAML, "f", text, strlen(text), &load);
	for (size_t i = 0; i < load.n; i++)
		model_put(model, load.objects[i]);
	load.n = 0;
	load_fini(&load);
}

static void fill_from(struct model *model, const char *name)
{
	_cleanup_(mem_freep) char *path = mem_printf("tests/golden/%s.yaml", name);
	_cleanup_(mem_freep) char *text = NULL;
	size_t len;

	assert_int_equal(file_read(path, 1u << 20, &text, &len), 0);
	fill(model, text);
}

#define SERVICE                                                                                    \
	"apiVersion: v1\nkind: Service\nmetadata: {name: a, uid: u, resourceVersion: '7', "        \
	"generation: 3}\nspec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n"

static void write_now(struct rig *rig)
{
	laststate_note(rig->laststate);
	laststate_flush(rig->laststate, rig->model);
}

/* Loads into a model of its own; its size, -1 when nothing can be loaded. */
static int load(struct rig *rig, struct model *model)
{
	struct object **objects;
	int64_t written_us;
	size_t n;

	if (laststate_load(rig->laststate, &objects, &n, &written_us))
		return -1;
	assert_true(written_us > 0);
	for (size_t i = 0; i < n; i++)
		model_put(model, objects[i]);
	free(objects);
	return (int)n;
}

static int count_loadable(struct rig *rig)
{
	struct model *model = model_new();
	int n = load(rig, model);

	model_free(model);
	return n;
}

static void assert_same(struct model *a, struct model *b, enum object_kind kind)
{
	const struct object *const *left, *const *right;
	size_t n = model_list(a, kind, &left);

	assert_int_equal(model_list(b, kind, &right), n);
	for (size_t i = 0; i < n; i++) {
		assert_true(object_equal(left[i], right[i]));
		assert_string_equal(left[i]->origin.file, right[i]->origin.file);
	}
}

static void everything_but_secrets_comes_back(void **state)
{
	static const char *const cases[] = { "market/market",	   "host-ports/objects",
					     "topology/objects",   "l7-destination-rules/objects",
					     "l7-filters/objects", "l7-grants/objects" };
	struct rig *rig = *state;
	struct model *model = model_new();
	const struct object *object;

	fill(rig->model, SERVICE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		fill_from(rig->model, cases[i]);
	write_now(rig);
	assert_true(load(rig, model) > 0);
	for (enum object_kind kind = 0; kind < OBJECT_KIND_MAX; kind++)
		if (kind != OBJECT_SECRET)
			assert_same(rig->model, model, kind);
	assert_true(model_generation(model) > 50);
	object = model_get(model, OBJECT_SERVICE, "default", "a");
	assert_non_null(object);
	assert_string_equal(object->origin.uid, "u");
	assert_string_equal(object->origin.resource_version, "7");
	assert_int_equal(object->origin.generation, 3);
	model_free(model);
}

static void who_holds_it_writes_later(void **state)
{
	struct rig *rig = *state;

	fill(rig->model, SERVICE);
	laststate_note(rig->laststate);
	laststate_hold(rig->laststate, true);
	assert_int_equal(laststate_due_ms(rig->laststate), UINT64_MAX);
	laststate_flush(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), -1);
	laststate_hold(rig->laststate, false);
	laststate_flush(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), 1);
}

static void no_key_is_in_the_file(void **state)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct rig *rig = *state;
	struct secret *secret = (struct secret *)object_new(OBJECT_SECRET);
	size_t len;

	secret->object.namespace = mem_strdup("shop");
	secret->object.name = mem_strdup("hidden-name");
	secret->chain = mem_strdup("hidden-chain");
	secret_set(&secret->key, "hidden-key", 10);
	model_put(rig->model, &secret->object);
	fill(rig->model, SERVICE);
	write_now(rig);
	assert_int_equal(count_loadable(rig), 1);
	assert_int_equal(file_read(rig->path, 1u << 20, &text, &len), 0);
	assert_null(memmem(text, len, "hidden", 6));
}

static void write_bytes(const struct rig *rig, const char *data, size_t len)
{
	int fd = open(rig->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Each byte changed, and each length. */
static void a_file_that_is_not_whole_is_as_good_as_none(void **state)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct rig *rig = *state;
	size_t len;

	assert_int_equal(count_loadable(rig), -1);
	fill(rig->model, SERVICE);
	write_now(rig);
	assert_int_equal(file_read(rig->path, 1u << 20, &text, &len), 0);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)(text[i] ^ 0x40);
		write_bytes(rig, text, len);
		assert_int_equal(count_loadable(rig), -1);
		text[i] = (char)(text[i] ^ 0x40);
		write_bytes(rig, text, i);
		assert_int_equal(count_loadable(rig), -1);
	}
	write_bytes(rig, text, len);
	assert_int_equal(count_loadable(rig), 1);
}

static void it_is_written_once_a_minute(void **state)
{
	struct rig *rig = *state;

	laststate_run(rig->laststate, rig->model);
	assert_int_equal(laststate_due_ms(rig->laststate), UINT64_MAX);
	assert_int_equal(access(rig->path, F_OK), -1);
	laststate_note(rig->laststate);
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), 0);
	fill(rig->model, SERVICE);
	laststate_note(rig->laststate);
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(laststate_due_ms(rig->laststate), rig->now_ms + 60000);
	rig->now_ms += 59999;
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), 0);
	rig->now_ms++;
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), 1);
	assert_int_equal(laststate_due_ms(rig->laststate), UINT64_MAX);
}

static void what_could_not_be_written_is_tried_again(void **state)
{
	struct rig *rig = *state;
	char away[80];

	snprintf(away, sizeof(away), "%s-away", rig->dir);
	assert_int_equal(laststate_failures(rig->laststate), 0);
	assert_int_equal(rename(rig->dir, away), 0);
	write_now(rig);
	assert_int_equal(laststate_failures(rig->laststate), 1);
	assert_int_equal(laststate_due_ms(rig->laststate), rig->now_ms + 60000);
	rig->now_ms += 60000;
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(laststate_failures(rig->laststate), 2);
	assert_int_equal(rename(away, rig->dir), 0);
	rig->now_ms += 60000;
	laststate_run(rig->laststate, rig->model);
	assert_int_equal(count_loadable(rig), 0);
	assert_int_equal(laststate_failures(rig->laststate), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_but_secrets_comes_back),
		TEST(who_holds_it_writes_later),
		TEST(no_key_is_in_the_file),
		TEST(a_file_that_is_not_whole_is_as_good_as_none),
		TEST(it_is_written_once_a_minute),
		TEST(what_could_not_be_written_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
