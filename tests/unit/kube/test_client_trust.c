// SPDX-License-Identifier: Apache-2.0
/* Whom a client believes, who it is, where it goes: certificates, tokens, servers that fail. */
#include "clientrig.h"

#include <errno.h>

#include "base/addr.h"
#include "base/clock.h"

static void problem_has(const struct rig *rig, const char *what)
{
	const char *problem = client_problem(rig->client);

	if (!strstr(problem, what))
		fail_msg("\"%s\" does not have \"%s\"", problem, what);
}

static void again(struct rig *rig)
{
	client_close(TAKE_PTR(rig->client));
	rig_open(rig, (struct client_times){ .connect_ms = 300 });
}

static void set(char **text, const char *value)
{
	free(*text);
	*text = mem_strdup(value);
}

static void new_issue(struct rig *rig, const struct authority *by, const char *names)
{
	authority_forget(&rig->issued);
	rig->issued = authority_issue(by, "server", names);
}

/* ---- servers ---- */

static void a_certificate_of_another_name(void **state)
{
	struct rig *rig = *state;

	new_issue(rig, &rig->authority, "IP:127.0.0.2,DNS:kubernetes");
	rig_begin(rig, NULL);
	call_expect(rig, "/api", 0, -EPROTO);
	problem_has(rig, "IP address mismatch");
	set(&rig->access.tls_name, "other");
	again(rig);
	call_expect(rig, "/api", 0, -EPROTO);
	problem_has(rig, "hostname mismatch");
	assert_int_equal(rig->server->requests, 0);
	set(&rig->access.tls_name, "kubernetes");
	again(rig);
	call_expect(rig, "/api", 200, 0);
}

static void an_unknown_authority(void **state)
{
	struct rig *rig = *state;
	struct authority other = authority_make("naru test");

	new_issue(rig, &other, "IP:127.0.0.1");
	rig_begin(rig, NULL);
	call_expect(rig, "/api", 0, -EPROTO);
	problem_has(rig, "certificate");
	assert_int_equal(rig->server->requests, 0);
	/* Whoever wants that can have it. */
	rig->access.insecure = true;
	again(rig);
	call_expect(rig, "/api", 200, 0);
	authority_fini(&other);
}

static void no_http_2(void **state)
{
	static const struct server servers[] = {
		{ .protocol = NULL },
		{ .protocol = "\10http/1.1" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		rig_serve(rig, servers[i]);
		rig_access(rig, NULL);
		rig_open(rig, (struct client_times){ 0 });
		call_expect(rig, "/api", 0, -EPROTO);
		problem_has(rig, "HTTP/2");
		client_close(TAKE_PTR(rig->client));
		server_stop(TAKE_PTR(rig->server));
		kubeconfig_fini(&rig->access);
	}
}

static void nonsense(void **state)
{
	struct rig *rig = *state;
	struct call call;

	rig_serve(rig, (struct server){ .protocol = "\2h2", .garbage = true });
	rig_access(rig, NULL);
	rig_open(rig, (struct client_times){ 0 });
	call = call_once(rig, "/api");
	assert_true(call.error == -EPROTO || call.error == -ECONNRESET);
	assert_int_equal(call.status, 0);
}

static void a_server_that_never_says_a_word(void **state)
{
	struct rig *rig = *state;

	rig_serve(rig, (struct server){ .protocol = "\2h2", .mute = true });
	rig_access(rig, NULL);
	rig_open(rig, (struct client_times){ .connect_ms = 50 });
	call_expect(rig, "/api", 0, -ETIMEDOUT);
}

static void refused_connections_are_not_hammered(void **state)
{
	struct rig *rig = *state;
	uint64_t start;

	rig_begin(rig, NULL);
	server_stop(TAKE_PTR(rig->server));
	call_expect(rig, "/api", 0, -ECONNREFUSED);
	problem_has(rig, "127.0.0.1:");
	start = clock_ms();
	call_expect(rig, "/api", 0, -ECONNREFUSED);
	assert_true(clock_ms() - start >= 750);
}

/* The name, and then what it stands for. */
static void servers_have_names(void **state)
{
	struct rig *rig = *state;

	new_issue(rig, &rig->authority, "DNS:localhost");
	rig_begin(rig, NULL);
	set(&rig->access.server.host, "localhost");
	again(rig);
	call_expect(rig, "/api", 200, 0);
	set(&rig->access.server.host, "no-such-name.invalid");
	client_close(TAKE_PTR(rig->client));
	rig_open(rig, (struct client_times){ .connect_ms = 5000 });
	call_expect(rig, "/api", 0, -ENOENT);
	problem_has(rig, "resolved");
}

/* The first one is where nobody listens; the certificate has the first one's name all the same. */
static void other_servers_stand_in(void **state)
{
	struct rig *rig = *state;
	struct call call;
	uint16_t port;
	struct addr addr;

	rig_begin(rig, NULL);
	port = rig->server->port;
	set(&rig->access.tls_name, "kubernetes");
	set(&rig->access.server.host, "127.0.0.3");
	rig->access.server.port = 1;
	again(rig);
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	client_learn(rig->client, &addr, 1, port);
	call_expect(rig, "/api", 200, 0);
	/* What was learned is forgotten for what is learned then. */
	client_learn(rig->client, NULL, 0, 0);
	call_expect(rig, "/api", 200, 0);
	server_stop(TAKE_PTR(rig->server));
	call = call_once(rig, "/api");
	assert_true(call.error < 0);
	call_expect(rig, "/api", 0, -ECONNREFUSED);
}

static void servers_by_option(void **state)
{
	struct rig *rig = *state;
	const char *servers[1];
	struct client_config config = { .loop = rig->loop, .agent = "naru-test" };
	char *error, *url;

	rig_begin(rig, NULL);
	client_close(TAKE_PTR(rig->client));
	url = mem_printf("https://127.0.0.1:%u", rig->server->port);
	rig->access.server.port = 1;
	config.access = &rig->access;
	config.servers = servers;
	config.n_servers = 1;
	servers[0] = "nonsense";
	assert_int_equal(client_open(&config, &rig->client, &error), -EINVAL);
	assert_non_null(strstr(error, "nonsense"));
	free(error);
	rig->client = NULL;
	servers[0] = url;
	assert_int_equal(client_open(&config, &rig->client, &error), 0);
	call_expect(rig, "/api", 200, 0);
	free(url);
}

/* ---- who we are ---- */

static void a_token_that_is_not_believed_is_read_again_at_once(void **state)
{
	struct rig *rig = *state;

	rig_begin(rig, "one\n");
	rig->server->token = "one";
	call_expect(rig, "/api", 200, 0);
	rig->server->token = "two";
	/* There is no other one. */
	call_expect(rig, "/api", 401, 0);
	rig_put(rig->token_file, "two");
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 2);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 2);
}

static void two_calls_share_a_new_token(void **state)
{
	struct rig *rig = *state;
	struct call calls[2] = { 0 };

	rig_begin(rig, "one");
	call_expect(rig, "/api", 200, 0);
	rig->server->token = "two";
	rig_put(rig->token_file, "two");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		call_get(rig, &calls[i], "/api");
	loop_run(rig->loop);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(calls[i].status, 200);
		str_fini(&calls[i].body);
	}
}

static void tokens_are_looked_at_each_minute(void **state)
{
	struct rig *rig = *state;

	rig_begin(rig, "one");
	call_expect(rig, "/api", 200, 0);
	rig_put(rig->token_file, "two");
	rig->server->token = "two";
	rig->now_ms += 60000;
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 0);
	/* The old one stays while there is none, or no good one. */
	rig_put(rig->token_file, "");
	rig->now_ms += 60000;
	call_expect(rig, "/api", 200, 0);
	rig_put(rig->token_file, "a b");
	rig->now_ms += 60000;
	call_expect(rig, "/api", 200, 0);
	unlink(rig->token_file);
	rig->now_ms += 60000;
	call_expect(rig, "/api", 200, 0);
}

static void without_a_token_nothing_is_asked(void **state)
{
	struct rig *rig = *state;

	rig_begin(rig, "one");
	unlink(rig->token_file);
	call_expect(rig, "/api", 0, -EACCES);
	assert_int_equal(rig->server->requests, 0);
	rig_put(rig->token_file, "one");
	call_expect(rig, "/api", 200, 0);
}

/* The old connection has its say; the next call takes a new one. */
static void a_new_authority_is_believed(void **state)
{
	struct rig *rig = *state;
	struct authority other = authority_make("naru other");
	struct call old = { 0 };

	rig_begin(rig, NULL);
	call_expect(rig, "/api", 200, 0);
	call_get(rig, &old, "/hang");
	new_issue(rig, &other, "IP:127.0.0.1");
	server_use(rig->server, &rig->issued);
	rig_put(rig->ca_file, "");
	rig->now_ms += 300000;
	rig->open = 0;
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 1);
	rig_put(rig->ca_file, other.pem);
	rig->now_ms += 300000;
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
	assert_int_equal(old.ends, 0);
	client_cancel(old.call);
	call_expect(rig, "/api", 200, 0);
	authority_fini(&other);
}

static void no_authority_no_connection(void **state)
{
	struct rig *rig = *state;

	rig_begin(rig, NULL);
	rig_put(rig->ca_file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	call_expect(rig, "/api", 0, -EACCES);
	problem_has(rig, "certificate authority");
	assert_int_equal(rig->server->conns, 0);
	rig_put(rig->ca_file, rig->authority.pem);
	call_expect(rig, "/api", 200, 0);
}

static void a_certificate_of_ours(void **state)
{
	struct rig *rig = *state;
	struct issued ours = authority_issue(&rig->authority, "system:node:a", "DNS:a");
	struct call call;

	rig->server =
		server_start((struct server){ .protocol = "\2h2" }, &rig->issued, &rig->authority);
	rig_access(rig, NULL);
	rig_open(rig, (struct client_times){ 0 });
	call = call_once(rig, "/api");
	assert_true(call.error < 0);
	problem_has(rig, "certificate required");
	set(&rig->access.cert, ours.cert);
	secret_set(&rig->access.key, ours.key, strlen(ours.key));
	again(rig);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->clients_certs, 1);
	/* A key that is another's. */
	secret_set(&rig->access.key, rig->issued.key, strlen(rig->issued.key));
	again(rig);
	call_expect(rig, "/api", 0, -EACCES);
	problem_has(rig, "client certificate");
	authority_forget(&ours);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_certificate_of_another_name),
		TEST(an_unknown_authority),
		TEST(no_http_2),
		TEST(nonsense),
		TEST(a_server_that_never_says_a_word),
		TEST(refused_connections_are_not_hammered),
		TEST(servers_have_names),
		TEST(other_servers_stand_in),
		TEST(servers_by_option),
		TEST(a_token_that_is_not_believed_is_read_again_at_once),
		TEST(two_calls_share_a_new_token),
		TEST(tokens_are_looked_at_each_minute),
		TEST(without_a_token_nothing_is_asked),
		TEST(a_new_authority_is_believed),
		TEST(no_authority_no_connection),
		TEST(a_certificate_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
