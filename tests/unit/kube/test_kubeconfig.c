// SPDX-License-Identifier: Apache-2.0
/* kubeconfig files and the environment of a pod: what is taken, and which field is to blame. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/kubeconfig.h"

#define SECRET "hunter2"

struct place {
	char dir[32];
	char *file;
};

static int setup(void **state)
{
	struct place *place = mem_new(sizeof(*place));

	strcpy(place->dir, "/tmp/naru-kubeconfig-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	place->file = mem_printf("%s/config", place->dir);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	unlink(place->file);
	assert_int_equal(rmdir(place->dir), 0);
	free(place->file);
	free(place);
	return 0;
}

static void put(const struct place *place, const char *text)
{
	FILE *file = fopen(place->file, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	fclose(file);
}

#define CLUSTER                                                                                    \
	"clusters:\n- name: other\n  cluster: {server: 'http://nowhere'}\n"                        \
	"- name: c\n  cluster:\n    server: https://api.example.com:6443/k8s/one/\n"
#define CONTEXT                                                                                    \
	"contexts:\n- name: x\n  context: {cluster: c, user: u, namespace: edge}\n"                \
	"- name: v\n  context: {cluster: other, user: u}\n"                                        \
	"- name: z\n  context: {cluster: gone, user: u}\n"                                         \
	"- name: w\n  context: {cluster: c, user: gone}\n"                                         \
	"current-context: x\n"
#define USER(text) "users:\n- name: u\n  user:\n" text

static struct kubeconfig load(const struct place *place, const char *text)
{
	struct kubeconfig config;
	char *error = NULL;
	int r;

	put(place, text);
	r = kubeconfig_load(place->file, NULL, &config, &error);
	if (r)
		fail_msg("%s", error);
	return config;
}

static void refused(const struct place *place, const char *text, const char *context,
		    const char *why)
{
	struct kubeconfig config;
	char *error = NULL, *want = mem_printf("%s:", place->file);

	put(place, text);
	assert_true(kubeconfig_load(place->file, context, &config, &error) < 0);
	assert_memory_equal(error, want, strlen(want));
	if (!strstr(error, why))
		fail_msg("\"%s\" does not have \"%s\"", error, why);
	assert_null(strstr(error, SECRET));
	free(error);
	free(want);
}

static void a_token(void **state)
{
	struct kubeconfig config = load(*state, CLUSTER CONTEXT USER("    token: " SECRET "\n"));

	assert_string_equal(config.server.host, "api.example.com");
	assert_int_equal(config.server.port, 6443);
	assert_string_equal(config.server.prefix, "/k8s/one");
	assert_string_equal(config.namespace, "edge");
	assert_string_equal(config.token.data, SECRET);
	assert_string_equal(config.ca, "");
	assert_string_equal(config.ca_file, "");
	assert_string_equal(config.tls_name, "");
	assert_false(config.insecure);
	assert_null(config.exec.command);
	kubeconfig_fini(&config);
}

static void files_are_beside_the_file(void **state)
{
	const struct place *place = *state;
	char *want = mem_printf("%s/pki/ca.crt", place->dir);
	struct kubeconfig config = load(
		place, CLUSTER
		"    certificate-authority: pki/ca.crt\n    tls-server-name: kubernetes\n" CONTEXT
			USER("    token: old\n    tokenFile: /run/token\n"
			     "    client-certificate: a.crt\n    client-key: a.key\n"));

	assert_string_equal(config.ca_file, want);
	assert_string_equal(config.tls_name, "kubernetes");
	assert_string_equal(config.token_file, "/run/token");
	assert_int_equal(config.token.len, 0);
	assert_non_null(strstr(config.cert_file, "/a.crt"));
	assert_non_null(strstr(config.key_file, "/a.key"));
	kubeconfig_fini(&config);
	free(want);
}

/* "ca", "cert", "key" in base 64. */
static void data_goes_before_files(void **state)
{
	struct kubeconfig config =
		load(*state, CLUSTER
		     "    certificate-authority: gone\n"
		     "    certificate-authority-data: Y2E=\n" CONTEXT USER(
			     "    client-certificate: gone\n    client-certificate-data: Y2VydA==\n"
			     "    client-key: gone\n    client-key-data: a2V5\n"));

	assert_string_equal(config.ca, "ca");
	assert_string_equal(config.ca_file, "");
	assert_string_equal(config.cert, "cert");
	assert_string_equal(config.cert_file, "");
	assert_string_equal(config.key.data, "key");
	assert_string_equal(config.key_file, "");
	kubeconfig_fini(&config);
}

static void a_program(void **state)
{
	struct kubeconfig config =
		load(*state,
		     CLUSTER CONTEXT USER(
			     "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
			     "      command: login\n      args: [get, 'a token']\n"
			     "      env: [{name: A, value: b}]\n      interactiveMode: Never\n"));

	assert_string_equal(config.exec.command, "login");
	assert_string_equal(config.exec.version, "client.authentication.k8s.io/v1");
	assert_int_equal(config.exec.n_args, 2);
	assert_string_equal(config.exec.args[1], "a token");
	assert_int_equal(config.exec.n_env, 1);
	assert_string_equal(config.exec.env[0], "A=b");
	kubeconfig_fini(&config);
}

static void the_field_to_blame_is_named(void **state)
{
	static const struct {
		const char *text, *context, *why;
	} rows[] = {
		{ "", NULL, "nothing in it" },
		{ "a: [", NULL, "error:" },
		{ "a: 1\n---\nb: 2\n", NULL, "a second document" },
		{ "clusters: 7\n", NULL, "clusters: expected a list" },
		{ "users: [{name: u, user: {token: [" SECRET "]}}]\n", NULL,
		  "users[0].user.token: expected" },
		{ CLUSTER, NULL, "current-context: names no context" },
		{ CLUSTER CONTEXT, "q", "contexts: the context asked for" },
		{ CLUSTER CONTEXT, "z", "contexts[2].context.cluster: no such cluster" },
		{ CLUSTER CONTEXT, "w", "contexts[3].context.user: no such user" },
		{ CLUSTER CONTEXT USER("    token: a\n"), "v",
		  "clusters[0].cluster.server: expected https://" },
		{ CLUSTER "    proxy-url: http://p\n" CONTEXT, NULL,
		  "clusters[1].cluster.proxy-url: proxies are not supported" },
		{ CLUSTER "    certificate-authority-data: '%'\n" CONTEXT, NULL,
		  "certificate-authority-data: expected base 64" },
		{ CLUSTER
		  "    insecure-skip-tls-verify: true\n    certificate-authority: a\n" CONTEXT,
		  NULL, "insecure-skip-tls-verify: contradicts" },
		{ CLUSTER CONTEXT USER("    username: admin\n    password: " SECRET "\n"), NULL,
		  "users[0].user.username: user names and passwords are not supported" },
		{ CLUSTER CONTEXT USER("    auth-provider: {name: gcp}\n"), NULL,
		  "users[0].user.auth-provider: is not supported" },
		{ CLUSTER CONTEXT USER("    exec: {args: [" SECRET "]}\n"), NULL,
		  "users[0].user.exec.command: is required" },
		{ CLUSTER CONTEXT USER("    client-certificate: a\n"), NULL,
		  "users[0].user.client-certificate: has no key" },
		{ CLUSTER CONTEXT USER("    client-key-data: " SECRET "\n"), NULL,
		  "users[0].user.client-key: has no certificate" },
		{ CLUSTER CONTEXT USER("    client-certificate: a\n    client-key-data: '%" SECRET
				       "'\n"),
		  NULL, "users[0].user.client-key-data: expected base 64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refused(*state, rows[i].text, rows[i].context, rows[i].why);
}

static void a_file_that_is_not_there(void **state)
{
	struct kubeconfig config;
	char *error = NULL;
	const struct place *place = *state;

	assert_int_equal(kubeconfig_load(place->file, NULL, &config, &error), -ENOENT);
	assert_non_null(strstr(error, place->file));
	free(error);
}

static void servers(void **state)
{
	static const struct {
		const char *url, *host;
		uint16_t port;
		const char *prefix;
	} rows[] = {
		{ "https://a", "a", 443, "" },
		{ "https://a/", "a", 443, "" },
		{ "https://10.0.0.1:6443", "10.0.0.1", 6443, "" },
		{ "https://[fd00::1]:6443/x//", "fd00::1", 6443, "/x" },
		{ "https://[fd00::1]", "fd00::1", 443, "" },
		{ "http://a", NULL, 0, NULL },
		{ "a:6443", NULL, 0, NULL },
		{ "https://", NULL, 0, NULL },
		{ "https://:6443", NULL, 0, NULL },
		{ "https://a:0", NULL, 0, NULL },
		{ "https://a:70000", NULL, 0, NULL },
		{ "https://a b", NULL, 0, NULL },
		{ "https://user@a", NULL, 0, NULL },
		{ "https://a/x y", NULL, 0, NULL },
		{ "https://a/x?y", NULL, 0, NULL },
		{ "https://[fd00::1", NULL, 0, NULL },
	};
	struct kubeconfig_server server;
	const char *reason;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = kubeconfig_server_parse(rows[i].url, &server, &reason);

		assert_int_equal(r, rows[i].host ? 0 : -EINVAL);
		if (r)
			continue;
		assert_string_equal(server.host, rows[i].host);
		assert_int_equal(server.port, rows[i].port);
		assert_string_equal(server.prefix, rows[i].prefix);
		kubeconfig_server_fini(&server);
	}
}

static void pods(void **state)
{
	struct kubeconfig config;
	char *error = NULL;

	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(kubeconfig_in_cluster("/sa", &config, &error), -ENOENT);
	assert_non_null(strstr(error, "KUBERNETES_SERVICE_HOST"));
	free(error);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "nonsense", 1);
	assert_int_equal(kubeconfig_in_cluster("/sa", &config, &error), -EINVAL);
	free(error);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	assert_int_equal(kubeconfig_in_cluster("/sa", &config, &error), 0);
	assert_string_equal(config.server.host, "fd00::1");
	assert_int_equal(config.server.port, 443);
	assert_string_equal(config.ca_file, "/sa/ca.crt");
	assert_string_equal(config.token_file, "/sa/token");
	assert_string_equal(config.cert_file, "");
	kubeconfig_fini(&config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token),
		TEST(files_are_beside_the_file),
		TEST(data_goes_before_files),
		TEST(a_program),
		TEST(the_field_to_blame_is_named),
		TEST(a_file_that_is_not_there),
		cmocka_unit_test(servers),
		cmocka_unit_test(pods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
