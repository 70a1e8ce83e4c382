// SPDX-License-Identifier: Apache-2.0
/* Which addresses are learned of which objects, and what is left of them after a restart. */
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

#include "base/addr.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/apiservers.h"
#include "kube/client.h"
#include "kube/load.h"
#include "model/model.h"

struct rig {
	char dir[64], path[80];
	struct model *model;
	struct apiservers *servers;
};

/* What the client was told, "ADDRESS ... PORT". */
static struct str learned;
static unsigned lessons;

void client_learn(struct client *client, const struct addr *addrs, size_t n, uint16_t port)
{
	char text[ADDR_STR_LEN];

	(void)client;
	lessons++;
	str_fini(&learned);
	for (size_t i = 0; i < n; i++)
		str_addf(&learned, "%s ", addr_format(&addrs[i], text));
	str_addf(&learned, "%u", port);
}

static void begin(struct rig *rig)
{
	str_fini(&learned);
	lessons = 0;
	rig->model = model_new();
	rig->servers = apiservers_new(NULL, rig->path);
}

static void end(struct rig *rig)
{
	apiservers_free(TAKE_PTR(rig->servers));
	model_free(TAKE_PTR(rig->model));
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	snprintf(rig->dir, sizeof(rig->dir), "/tmp/naru-test-%d", (int)getpid());
	snprintf(rig->path, sizeof(rig->path), "%s/servers", rig->dir);
	assert_int_equal(mkdir(rig->dir, 0700), 0);
	begin(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	end(rig);
	str_fini(&learned);
	remove(rig->path);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void restart(struct rig *rig)
{
	end(rig);
	begin(rig);
}

#define SLICE(name, namespace, service, family, addresses)                                         \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " name             \
	", namespace: " namespace ", labels: {kubernetes.io/service-name: " service                \
				  "}}\naddressType: " family                                       \
				  "\nports: [{name: https, port: 6443}]\nendpoints: [" addresses   \
				  "]\n---\n"
#define READY(address)	 "{addresses: ['" address "'], conditions: {ready: true}},"
#define UNREADY(address) "{addresses: ['" address "'], conditions: {ready: false}},"

static void put(struct rig *rig, const char *text)
{
	struct load load;

	load_text(LOAD_YAML, "f", text, strlen(text), &load);
	assert_int_equal(load.diags.n, 0);
	for (size_t i = 0; i < load.n; i++)
		model_put(rig->model, load.objects[i]);
	load.n = 0;
	load_fini(&load);
}

static void expect(const char *text)
{
	assert_string_equal(learned.buf ? learned.buf : "", text);
}

static void the_endpoints_of_one_service_are_learned(void **state)
{
	struct rig *rig = *state;

	apiservers_look(rig->servers, rig->model, true);
	put(rig, SLICE("a", "other", "kubernetes", "IPv4", READY("10.0.0.9"))
			 SLICE("b", "default", "other", "IPv4", READY("10.0.0.8"))
				 SLICE("kubernetes", "default", "kubernetes", "IPv4",
				       READY("10.0.0.2") READY("10.0.0.1") UNREADY("10.0.0.3")));
	apiservers_look(rig->servers, rig->model, true);
	expect("10.0.0.1 10.0.0.2 6443");
	put(rig, SLICE("six", "default", "kubernetes", "IPv6", READY("fd00::1")));
	apiservers_look(rig->servers, rig->model, true);
	assert_non_null(strstr(learned.buf, "fd00::1 "));
	assert_non_null(strstr(learned.buf, "10.0.0.1 10.0.0.2 "));
	/* The same once more is nothing new, and none is no news either. */
	lessons = 0;
	put(rig, SLICE("b", "default", "other", "IPv4", READY("10.0.0.7")));
	apiservers_look(rig->servers, rig->model, true);
	model_remove(rig->model, OBJECT_ENDPOINT_SLICE, "default", "six");
	model_remove(rig->model, OBJECT_ENDPOINT_SLICE, "default", "kubernetes");
	apiservers_look(rig->servers, rig->model, true);
	assert_int_equal(lessons, 0);
}

#define ONE                                                                                        \
	SLICE("kubernetes", "default", "kubernetes", "IPv4", READY("10.0.0.1") READY("10.0.0.2"))
#define OTHER SLICE("kubernetes", "default", "kubernetes", "IPv4", READY("10.0.0.5"))

static void they_are_remembered_over_a_restart(void **state)
{
	struct rig *rig = *state;

	expect("");
	put(rig, ONE);
	apiservers_look(rig->servers, rig->model, true);
	restart(rig);
	expect("10.0.0.1 10.0.0.2 6443");
	/* The objects that were known last may be older than what is remembered. */
	put(rig, OTHER);
	apiservers_look(rig->servers, rig->model, false);
	expect("10.0.0.1 10.0.0.2 6443");
	apiservers_look(rig->servers, rig->model, true);
	expect("10.0.0.5 6443");
	restart(rig);
	expect("10.0.0.5 6443");
}

/* Better than nothing. */
static void last_known_objects_teach_who_remembers_nothing(void **state)
{
	struct rig *rig = *state;

	put(rig, ONE);
	apiservers_look(rig->servers, rig->model, false);
	expect("10.0.0.1 10.0.0.2 6443");
}

static void who_holds_it_writes_later(void **state)
{
	struct rig *rig = *state;

	apiservers_hold(rig->servers, true);
	put(rig, ONE);
	apiservers_look(rig->servers, rig->model, true);
	expect("10.0.0.1 10.0.0.2 6443");
	assert_int_equal(access(rig->path, F_OK), -1);
	apiservers_hold(rig->servers, false);
	assert_int_equal(access(rig->path, F_OK), 0);
}

static void what_could_not_be_written_is_tried_again(void **state)
{
	struct rig *rig = *state;
	char away[80];

	snprintf(away, sizeof(away), "%s-away", rig->dir);
	assert_int_equal(rename(rig->dir, away), 0);
	put(rig, ONE);
	apiservers_look(rig->servers, rig->model, true);
	assert_int_equal(rename(away, rig->dir), 0);
	apiservers_look(rig->servers, rig->model, true);
	restart(rig);
	expect("10.0.0.1 10.0.0.2 6443");
}

static void write_bytes(const struct rig *rig, const char *data, size_t len)
{
	int fd = open(rig->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Each byte changed, and each length. */
static void a_damaged_file_is_as_good_as_none(void **state)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct rig *rig = *state;
	size_t len;

	put(rig, ONE);
	apiservers_look(rig->servers, rig->model, true);
	assert_int_equal(file_read(rig->path, 4096, &text, &len), 0);
	assert_true(len > 32);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)(text[i] ^ 0x40);
		write_bytes(rig, text, len);
		restart(rig);
		expect("");
		text[i] = (char)(text[i] ^ 0x40);
		write_bytes(rig, text, i);
		restart(rig);
		expect("");
	}
	write_bytes(rig, text, len);
	restart(rig);
	expect("10.0.0.1 10.0.0.2 6443");
}

static void there_is_a_bound(void **state)
{
	struct rig *rig = *state;
	struct str text = { 0 };
	size_t n = 0;

	str_addf(&text, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: "
			"kubernetes, namespace: default, labels: {kubernetes.io/service-name: "
			"kubernetes}}\naddressType: IPv4\nports: [{port: 6443}]\nendpoints: [");
	for (int i = 0; i < 100; i++)
		str_addf(&text, "{addresses: ['10.0.1.%d']},", i);
	str_addf(&text, "]\n");
	put(rig, text.buf);
	str_fini(&text);
	apiservers_look(rig->servers, rig->model, true);
	restart(rig);
	for (const char *at = learned.buf; (at = strchr(at, ' ')); at++)
		n++;
	assert_int_equal(n, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_endpoints_of_one_service_are_learned),
		TEST(they_are_remembered_over_a_restart),
		TEST(last_known_objects_teach_who_remembers_nothing),
		TEST(who_holds_it_writes_later),
		TEST(what_could_not_be_written_is_tried_again),
		TEST(a_damaged_file_is_as_good_as_none),
		TEST(there_is_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
