// SPDX-License-Identifier: Apache-2.0
/* Which server is asked: by lot, by health, and who was named before who was learned. */
#include "clientrig.h"

#include <errno.h>

#include "base/addr.h"

#define SERVERS 3

/* More servers beside the rig's own one, and chance, which gives each client its lots first. */
struct crowd {
	struct rig *rig;
	struct server *servers[SERVERS];
	uint32_t lots[SERVERS];
	size_t drawn;
	const char *learned_name;
	struct timing timing;
};

static uint32_t draw(void *arg)
{
	struct crowd *crowd = arg;

	return crowd->drawn < SERVERS ? crowd->lots[crowd->drawn++] : 0;
}

static uint64_t crowd_now(void *arg)
{
	return ((struct crowd *)arg)->rig->now_ms;
}

/* sick: it has the certificate of another one. */
static void add_server(struct crowd *crowd, size_t i, bool sick)
{
	struct issued other = authority_issue(&crowd->rig->authority, "other", "IP:127.0.0.9");

	crowd->servers[i] = server_start((struct server){ .protocol = "\2h2" },
					 sick ? &other : &crowd->rig->issued, NULL);
	authority_forget(&other);
}

/* A client that is told of the servers by its configuration, in this order. */
static void open_client(struct crowd *crowd)
{
	const char *urls[SERVERS - 1] = { 0 };
	struct client_config config = {
		.loop = crowd->rig->loop,
		.access = &crowd->rig->access,
		.servers = urls,
		.learned_name = crowd->learned_name,
		.agent = "naru-test",
		.timing = &crowd->timing,
	};
	char *error;

	for (size_t i = 1; i < SERVERS && crowd->servers[i]; i++)
		urls[config.n_servers++] =
			mem_printf("https://127.0.0.1:%u", crowd->servers[i]->port);
	crowd->rig->server = crowd->servers[0];
	rig_access(crowd->rig, NULL);
	crowd->rig->server = NULL;
	crowd->timing = (struct timing){ .now_ms = crowd_now, .random = draw, .arg = crowd };
	assert_int_equal(client_open(&config, &crowd->rig->client, &error), 0);
	for (size_t i = 0; i < config.n_servers; i++)
		free((char *)urls[i]);
}

static void finish(struct crowd *crowd)
{
	client_close(TAKE_PTR(crowd->rig->client));
	for (size_t i = 0; i < SERVERS; i++)
		if (crowd->servers[i])
			server_stop(crowd->servers[i]);
}

static void lots_decide_where_it_begins(void **state)
{
	static const uint32_t lots[SERVERS][SERVERS] = { { 1, 2, 3 }, { 3, 1, 2 }, { 2, 3, 1 } };

	for (size_t first = 0; first < SERVERS; first++) {
		struct crowd crowd = { .rig = *state };

		memcpy(crowd.lots, lots[first], sizeof(crowd.lots));
		for (size_t i = 0; i < SERVERS; i++)
			add_server(&crowd, i, false);
		open_client(&crowd);
		call_expect(crowd.rig, "/api", 200, 0);
		for (size_t i = 0; i < SERVERS; i++)
			assert_int_equal(crowd.servers[i]->conns, i == first);
		finish(&crowd);
		kubeconfig_fini(&crowd.rig->access);
	}
}

/* Each one once, in the order of their lots; then the calls hear of it. */
static void a_round_visits_every_server(void **state)
{
	struct crowd crowd = { .rig = *state, .lots = { 2, 3, 1 } };
	struct call call;

	for (size_t i = 0; i < SERVERS; i++)
		add_server(&crowd, i, true);
	open_client(&crowd);
	call = call_once(crowd.rig, "/api");
	assert_true(call.error < 0);
	for (size_t i = 0; i < SERVERS; i++)
		assert_int_equal(crowd.servers[i]->conns, 1);
	finish(&crowd);
}

/* What one connection found out the other one need not find out again, for a while. */
static void the_sick_are_passed_over(void **state)
{
	struct crowd crowd = { .rig = *state, .lots = { 1, 2, 3 } };
	struct call watch = { 0 };

	add_server(&crowd, 0, true);
	add_server(&crowd, 1, false);
	open_client(&crowd);
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[0]->conns, 1);
	call_start(crowd.rig, &watch, "/api", (struct client_request){ .lane = CLIENT_WATCH });
	loop_run(crowd.rig->loop);
	assert_int_equal(watch.status, 200);
	str_fini(&watch.body);
	assert_int_equal(crowd.servers[0]->conns, 1);
	assert_int_equal(crowd.servers[1]->conns, 2);
	finish(&crowd);
}

static void learn(struct crowd *crowd, uint16_t port)
{
	struct addr addr;

	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	client_learn(crowd->rig->client, &addr, 1, port);
}

/* Its lot is the lowest, which does not help it. */
static void who_was_learned_comes_after_who_was_named(void **state)
{
	struct crowd crowd = { .rig = *state, .lots = { 2, 3, 1 } };

	add_server(&crowd, 0, true);
	add_server(&crowd, 1, false);
	open_client(&crowd);
	add_server(&crowd, 2, false);
	learn(&crowd, crowd.servers[2]->port);
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[1]->conns, 1);
	assert_int_equal(crowd.servers[2]->conns, 0);
	finish(&crowd);
}

/* After five minutes it is asked before the learned one, where it is back. */
static void who_was_named_is_preferred_again(void **state)
{
	struct crowd crowd = { .rig = *state, .lots = { 1, 2, 0 } };

	add_server(&crowd, 0, true);
	open_client(&crowd);
	add_server(&crowd, 1, false);
	learn(&crowd, crowd.servers[1]->port);
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[0]->conns, 1);
	server_use(crowd.servers[0], &crowd.rig->issued);
	/* A server that leaves is replaced: by itself first, it is the healthy one. */
	call_expect(crowd.rig, "/leave", 200, 0);
	call_expect(crowd.rig, "/leave", 200, 0);
	assert_int_equal(crowd.servers[0]->conns, 1);
	assert_int_equal(crowd.servers[1]->conns, 2);
	crowd.rig->now_ms += 300000;
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[0]->conns, 2);
	assert_int_equal(crowd.servers[1]->conns, 2);
	finish(&crowd);
}

static void what_is_learned_anew_replaces_what_was(void **state)
{
	struct crowd crowd = { .rig = *state, .lots = { 1, 2, 3 } };
	struct call call;

	add_server(&crowd, 0, true);
	open_client(&crowd);
	add_server(&crowd, 1, false);
	add_server(&crowd, 2, false);
	learn(&crowd, crowd.servers[1]->port);
	learn(&crowd, crowd.servers[2]->port);
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[1]->conns, 0);
	assert_int_equal(crowd.servers[2]->conns, 1);
	call_expect(crowd.rig, "/leave", 200, 0);
	/* The one that was named cannot be learned, nor forgotten. */
	learn(&crowd, crowd.servers[0]->port);
	call = call_once(crowd.rig, "/api");
	assert_true(call.error < 0);
	assert_int_equal(crowd.servers[0]->conns, 2);
	assert_int_equal(crowd.servers[2]->conns, 1);
	finish(&crowd);
}

static void the_learned_may_have_a_name_in_common(void **state)
{
	struct crowd crowd = { .rig = *state, .learned_name = "kubernetes" };
	struct call call;

	authority_forget(&crowd.rig->issued);
	crowd.rig->issued = authority_issue(&crowd.rig->authority, "b", "DNS:kubernetes");
	add_server(&crowd, 0, true);
	open_client(&crowd);
	add_server(&crowd, 1, false);
	learn(&crowd, crowd.servers[1]->port);
	call_expect(crowd.rig, "/api", 200, 0);
	assert_int_equal(crowd.servers[1]->requests, 1);
	finish(&crowd);
	/* Who has that one alone is not believed where it is not asked for. */
	kubeconfig_fini(&crowd.rig->access);
	crowd = (struct crowd){ .rig = *state };
	add_server(&crowd, 0, true);
	open_client(&crowd);
	add_server(&crowd, 1, false);
	learn(&crowd, crowd.servers[1]->port);
	call = call_once(crowd.rig, "/api");
	assert_int_equal(call.error, -EPROTO);
	assert_int_equal(crowd.servers[1]->requests, 0);
	finish(&crowd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lots_decide_where_it_begins),
		TEST(a_round_visits_every_server),
		TEST(the_sick_are_passed_over),
		TEST(who_was_learned_comes_after_who_was_named),
		TEST(who_was_named_is_preferred_again),
		TEST(what_is_learned_anew_replaces_what_was),
		TEST(the_learned_may_have_a_name_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
