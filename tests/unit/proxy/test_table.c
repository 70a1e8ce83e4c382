/* SPDX-License-Identifier: Apache-2.0 */
/* Whole tables: binds, listeners, hosts, thousands of routes, certificates, the next table. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/table.h"
#include "rig.h"

#define WORKERS 2

struct rig {
	struct registry *registry;
	struct regex_scratch *scratch;
	struct table *table;
};

/* Certificates of the test: numbers behind pointers; of each the references that are out. */
static int cert_refs[4];

static struct tls_cert *give_cert(void *arg, const struct plan_cert *cert)
{
	uint8_t number = cert->fingerprint[0];

	(void)arg;
	if (!number)
		return NULL; /* its key is not there */
	cert_refs[number]++;
	return (struct tls_cert *)&cert_refs[number];
}

/* In the place of tls.c's. */
void tls_cert_unref(struct tls_cert *cert)
{
	(*(int *)cert)--;
}

static void rig_load(struct rig *rig, struct plan_l7 *l7)
{
	const struct table_source source = { rig->registry, give_cert, NULL };
	struct table *old = rig->table;
	char *error = NULL;

	assert_int_equal(table_new(l7, 7, &source, &rig->table, &error), 0);
	assert_null(error);
	table_unref(old);
}

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){
		.registry = registry_new(WORKERS),
		.scratch = regex_scratch_new(),
	};
}

static void rig_fini(struct rig *rig)
{
	table_unref(rig->table);
	registry_free(rig->registry);
	regex_scratch_free(rig->scratch);
}

/* "listener rule"; "-" for what is not there. */
static const char *route(const struct rig *rig, const char *host, const char *path)
{
	static const struct addr nowhere = { { 1 } };
	static char text[128];
	struct arena arena = { 0 };
	struct http_request request = rig_request(&arena, host, path, NULL, NULL);
	const struct bind *bind = table_bind(rig->table, &nowhere, 80);
	struct table_hit hit;
	int r;

	assert_non_null(bind);
	r = table_match(bind, &request, rig->scratch, &hit);
	if (r)
		assert_int_equal(r, -ENOENT);
	assert_int_equal(!r, hit.rule && hit.match);
	snprintf(text, sizeof(text), "%s %s", hit.listener ? hit.listener->plan->name : "-",
		 hit.rule ? hit.rule->plan->name : "-");
	return text;
}

static void attach(struct plan_l7 *l7, uint32_t listener, const char *host, const char *rule,
		   const char *prefix)
{
	rig_attach(l7, listener, host, rig_match(l7, rig_rule(l7, rule), PLAN_PREFIX, prefix));
}

static void test_hosts(void **state)
{
	static const struct {
		const char *host, *path, *expected;
	} rows[] = {
		{ "a.example.com", "/x", "all exact" },
		/* What no match of a host takes is tried with the next less specific one. */
		{ "a.example.com", "/y/z", "all wild" },
		{ "a.example.com", "/any", "all any" },
		{ "a.example.com", "/none", "all -" },
		{ "b.example.com", "/x", "all -" },
		{ "b.example.com", "/y", "all wild" },
		{ "c.b.example.com", "/y", "all wild" },
		{ "example.com", "/y", "all -" },
		{ "", "/any", "all any" },
	};
	struct plan_l7 l7 = { 0 };
	uint32_t all = rig_listener(&l7, "all", "");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	attach(&l7, all, "a.example.com", "exact", "/x");
	attach(&l7, all, "*.example.com", "wild", "/y");
	attach(&l7, all, "", "any", "/any");
	rig_bind(&l7, 0, 80, &all, 1);
	rig_load(&rig, &l7);
	assert_int_equal(l7.n_rules, 0);
	assert_int_equal(table_generation(rig.table), 7);
	assert_int_equal(table_plan(rig.table)->n_rules, 3);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(route(&rig, rows[i].host, rows[i].path), rows[i].expected);
	rig_fini(&rig);
}

/* The Gateway API's HTTPListenerIsolation: only the most specific listener is asked. */
static void test_listeners(void **state)
{
	static const struct {
		const char *host, *expected;
	} rows[] = {
		{ "bar.com", "any any" },
		{ "bar.example.com", "example example" },
		{ "abc.foo.example.com", "foo foo" },
		{ "foo.example.com", "example example" },
		{ "special.foo.example.com", "special -" },
	};
	struct plan_l7 l7 = { 0 };
	uint32_t listeners[4];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	listeners[0] = rig_listener(&l7, "special", "special.foo.example.com");
	listeners[1] = rig_listener(&l7, "foo", "*.foo.example.com");
	listeners[2] = rig_listener(&l7, "example", "*.example.com");
	listeners[3] = rig_listener(&l7, "any", "");
	attach(&l7, listeners[0], "special.foo.example.com", "special", "/elsewhere");
	attach(&l7, listeners[1], "*.foo.example.com", "foo", "/");
	attach(&l7, listeners[2], "*.example.com", "example", "/");
	attach(&l7, listeners[3], "", "any", "/");
	rig_bind(&l7, 0, 80, listeners, 4);
	rig_load(&rig, &l7);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(route(&rig, rows[i].host, "/"), rows[i].expected);
	rig_fini(&rig);
}

static void test_no_listener(void **state)
{
	struct plan_l7 l7 = { 0 };
	uint32_t one = rig_listener(&l7, "one", "a.b");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	attach(&l7, one, "a.b", "r", "/");
	rig_bind(&l7, 0, 80, &one, 1);
	rig_load(&rig, &l7);
	assert_string_equal(route(&rig, "a.c", "/"), "- -");
	assert_string_equal(route(&rig, "a.b", "/"), "one r");
	rig_fini(&rig);
}

static void test_binds(void **state)
{
	const struct addr one = { { [10] = 0xff, 0xff, 10, 0, 0, 1 } },
			  two = { { [10] = 0xff, 0xff, 10, 0, 0, 2 } },
			  six = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	struct plan_l7 l7 = { 0 };
	uint32_t everywhere = rig_listener(&l7, "everywhere", "");
	uint32_t own = rig_listener(&l7, "own", "");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_bind(&l7, 0, 80, &everywhere, 1);
	rig_bind(&l7, 1, 80, &own, 1);
	rig_bind(&l7, 1, 8080, &own, 1);
	rig_load(&rig, &l7);
	assert_string_equal(table_bind(rig.table, &one, 80)->listeners[0]->plan->name, "own");
	assert_string_equal(table_bind(rig.table, &two, 80)->listeners[0]->plan->name,
			    "everywhere");
	assert_string_equal(table_bind(rig.table, &six, 80)->listeners[0]->plan->name,
			    "everywhere");
	assert_non_null(table_bind(rig.table, &one, 8080));
	assert_null(table_bind(rig.table, &two, 8080));
	assert_null(table_bind(rig.table, &six, 443));
	rig_fini(&rig);
}

/* As many paths as a host may have: each is found, by exact path and by prefix. */
static void test_many(void **state)
{
	enum {
		N = 5000
	};
	struct plan_l7 l7 = { 0 };
	uint32_t all = rig_listener(&l7, "all", "");
	char path[64], expected[64];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	for (int i = 0; i < N; i++) {
		uint32_t rule, match;

		snprintf(path, sizeof(path), "ns/route/%d", i);
		rule = rig_rule(&l7, path);
		snprintf(path, sizeof(path), "/api/v%d/item%d", i % 7, i);
		match = rig_match(&l7, rule, i % 2 ? PLAN_EXACT : PLAN_PREFIX, path);
		rig_attach(&l7, all, "a.b", match);
	}
	rig_bind(&l7, 0, 80, &all, 1);
	rig_load(&rig, &l7);
	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "/api/v%d/item%d%s", i % 7, i, i % 2 ? "" : "/x");
		snprintf(expected, sizeof(expected), "all ns/route/%d", i);
		assert_string_equal(route(&rig, "a.b", path), expected);
	}
	assert_string_equal(route(&rig, "a.b", "/api/v0"), "all -");
	rig_fini(&rig);
}

static void test_broken_expression(void **state)
{
	struct plan_l7 l7 = { 0 };
	struct table_source source = { .certs = give_cert };
	uint32_t all = rig_listener(&l7, "all", "");
	struct table *table = NULL;
	char *error = NULL;

	(void)state;
	source.registry = registry_new(1);
	attach(&l7, all, "", "fine", "/");
	rig_attach(&l7, all, "", rig_match(&l7, rig_rule(&l7, "ns/r/0"), PLAN_REGEX, "/("));
	rig_bind(&l7, 0, 80, &all, 1);
	assert_int_equal(table_new(&l7, 1, &source, &table, &error), -EINVAL);
	assert_null(table);
	assert_non_null(strstr(error, "ns/r/0"));
	assert_int_equal(l7.n_rules, 0);
	free(error);
	registry_free(source.registry);
}

static void test_certs(void **state)
{
	struct plan_l7 l7 = { 0 };
	uint32_t tls = rig_listener(&l7, "tls", "");
	struct rig rig;

	(void)state;
	rig_init(&rig);
	for (uint8_t i = 0; i < 3; i++) {
		RIG_APPEND(l7.certs, l7.n_certs,
			   (struct plan_cert){ .name = mem_strdup("c"), .fingerprint = { i } });
		RIG_APPEND(l7.listeners[tls].certs, l7.listeners[tls].n_certs, 2 - i);
	}
	l7.listeners[tls].tls = true;
	rig_bind(&l7, 0, 80, &tls, 1);
	rig_load(&rig, &l7);
	{
		const struct addr any = { 0 };
		const struct listener *listener = table_bind(rig.table, &any, 80)->listeners[0];

		/* In the plan's order, without the one that has no key. */
		assert_int_equal(listener->n_certs, 2);
		assert_ptr_equal(listener->certs[0], &cert_refs[2]);
		assert_ptr_equal(listener->certs[1], &cert_refs[1]);
	}
	rig_fini(&rig);
	assert_int_equal(cert_refs[1], 0);
	assert_int_equal(cert_refs[2], 0);
}

/* ---- what outlives tables ---- */

static const char *const clusters[] = { "ns/a:80", "ns/b:80", "ns/c:80" };

/* A rule with backends by their index in clusters; 9: a broken reference. */
static struct plan_l7 make_canary(const char *backends)
{
	struct plan_l7 l7 = { 0 };
	uint32_t all = rig_listener(&l7, "all", "");

	for (size_t i = 0; i < ARRAY_SIZE(clusters); i++)
		RIG_APPEND(l7.clusters, l7.n_clusters,
			   (struct plan_cluster){ .name = mem_strdup(clusters[i]) });
	attach(&l7, all, "", "ns/canary/0", "/");
	for (; *backends; backends++)
		RIG_APPEND(l7.rules[0].backends, l7.rules[0].n_backends,
			   (struct plan_backend){
				   .weight = 1,
				   .cluster = *backends == '9' ? PLAN_NO_CLUSTER
							       : (uint32_t)*backends - '0',
			   });
	rig_bind(&l7, 0, 80, &all, 1);
	return l7;
}

static const struct rule *get_rule(const struct rig *rig)
{
	struct arena arena = { 0 };
	struct http_request request = rig_request(&arena, "a.b", "/", NULL, NULL);
	const struct addr any = { 0 };
	struct table_hit hit;

	assert_int_equal(
		table_match(table_bind(rig->table, &any, 80), &request, rig->scratch, &hit), 0);
	return hit.rule;
}

static void test_counts(void **state)
{
	struct plan_l7 l7 = make_canary("019");
	struct report report = { 0 };
	const struct rule *rule;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_load(&rig, &l7);
	rule = get_rule(&rig);
	assert_string_equal(rule->clusters[0]->cluster->name, "ns/a:80");
	assert_string_equal(rule->clusters[1]->plan->name, "ns/b:80");
	assert_null(rule->clusters[2]);
	rule_count(rule, 0, 0, 200);
	rule_count(rule, 1, 1, 204);
	rule_count(rule, 1, 1, 503);
	rule_count(rule, 1, 2, 500);
	rule_count(rule, 1, -1, 0);
	rule_count(rule, 1, -1, 700);
	/* The list changes: counts go with the clusters, not with the places. */
	l7 = make_canary("110");
	rig_load(&rig, &l7);
	rule = get_rule(&rig);
	rule_count(rule, 0, 1, 200);
	listener_count(table_bind(rig.table, &(struct addr){ 0 }, 80)->listeners[0], 0, true);
	listener_count(table_bind(rig.table, &(struct addr){ 0 }, 80)->listeners[0], 1, false);
	table_report(rig.table, 0, &report);
	assert_int_equal(report.n_rules, 1);
	assert_string_equal(report.rules[0].name, "ns/canary/0");
	assert_int_equal(report.rules[0].requests, 7);
	assert_int_equal(report.rules[0].by_class[0], 2);
	assert_int_equal(report.rules[0].by_class[2], 3);
	assert_int_equal(report.rules[0].by_class[5], 2);
	assert_int_equal(report.rules[0].n_backends, 3);
	assert_int_equal(report.rules[0].backends[0], 2);
	assert_int_equal(report.rules[0].backends[1], 1);
	assert_int_equal(report.rules[0].backends[2], 1);
	assert_int_equal(report.n_clusters, 3);
	assert_string_equal(report.clusters[2].name, "ns/c:80");
	assert_int_equal(report.n_listeners, 1);
	assert_string_equal(report.listeners[0].name, "all");
	assert_int_equal(report.listeners[0].requests, 2);
	assert_int_equal(report.listeners[0].not_found, 1);
	report_fini(&report);
	rig_fini(&rig);
}

/* A request that goes on with the old table while the new one is in force. */
static void test_old_table_lives(void **state)
{
	struct plan_l7 l7 = make_canary("01");
	struct table *old;
	const struct rule *rule;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_load(&rig, &l7);
	rule = get_rule(&rig);
	old = table_ref(rig.table);
	l7 = (struct plan_l7){ 0 };
	rig_load(&rig, &l7);
	rule_count(rule, 0, rule_split(rule, 0), 200);
	assert_non_null(registry_find(rig.registry, "rule ns/canary/0"));
	table_unref(old);
	/* What nobody refers to any more goes with the next table. */
	l7 = (struct plan_l7){ 0 };
	rig_load(&rig, &l7);
	assert_null(registry_find(rig.registry, "rule ns/canary/0"));
	rig_fini(&rig);
}

struct worker {
	struct table *table; /* its own reference */
	unsigned number;
};

static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct regex_scratch *scratch = regex_scratch_new();
	struct arena arena = { 0 };
	struct http_request request = rig_request(&arena, "a.b", "/x", NULL, NULL);
	const struct addr any = { 0 };
	struct table_hit hit;

	for (int i = 0; i < 1000; i++) {
		const struct bind *bind = table_bind(worker->table, &any, 80);
		int backend;

		assert_int_equal(table_match(bind, &request, scratch, &hit), 0);
		backend = rule_split(hit.rule, worker->number);
		assert_null(cluster_pick(hit.rule->clusters[backend], worker->number, 1, NULL, 0));
		rule_count(hit.rule, worker->number, backend, 200);
	}
	table_unref(worker->table);
	regex_scratch_free(scratch);
	return NULL;
}

/* Workers use a table while the main thread reads its counts, builds others and lets it go. */
static void test_threads(void **state)
{
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];
	struct plan_l7 l7 = make_canary("01");
	struct report report = { 0 };
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_load(&rig, &l7);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ table_ref(rig.table), i };
		assert_int_equal(pthread_create(&threads[i], NULL, serve, &workers[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		table_report(rig.table, 0, &report);
		report_fini(&report);
		l7 = make_canary(i % 2 ? "01" : "102");
		rig_load(&rig, &l7);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	table_report(rig.table, 0, &report);
	assert_int_equal(report.rules[0].requests, 1000 * WORKERS);
	assert_int_equal(report.rules[0].backends[0], 500 * WORKERS);
	report_fini(&report);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_no_listener),
		cmocka_unit_test(test_binds),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_broken_expression),
		cmocka_unit_test(test_certs),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_old_table_lives),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
