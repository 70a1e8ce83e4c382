// SPDX-License-Identifier: Apache-2.0
/* Programs that say who we are: what they are told, what is believed of what they say. */
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
#include "kube/credential.h"
#include "kube/credential_exec.h"

#define V1     "client.authentication.k8s.io/v1"
#define SECRET "hunter2"
#define START  "#!/bin/sh\necho '{\"apiVersion\":\"" V1 "\","
#define HEAD   START "\"kind\":\"ExecCredential\",\"status\":{"

struct place {
	char dir[32];
	char *program, *count;
	struct kubeconfig_exec exec;
};

static int setup(void **state)
{
	struct place *place = mem_new(sizeof(*place));

	strcpy(place->dir, "/tmp/naru-exec-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	place->program = mem_printf("%s/program", place->dir);
	place->count = mem_printf("%s/count", place->dir);
	place->exec = (struct kubeconfig_exec){ .command = place->program, .version = V1 };
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	unlink(place->program);
	unlink(place->count);
	assert_int_equal(rmdir(place->dir), 0);
	free(place->program);
	free(place->count);
	free(place);
	return 0;
}

static void put(const struct place *place, const char *text)
{
	FILE *file = fopen(place->program, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(chmod(place->program, 0700), 0);
}

static struct credential_exec_answer answer_of(const struct place *place)
{
	struct credential_exec_answer answer = { 0 };
	char *error = NULL;

	if (credential_exec_run(&place->exec, &answer, &error))
		fail_msg("%s", error);
	return answer;
}

static void a_token(void **state)
{
	struct place *place = *state;
	struct credential_exec_answer answer;

	put(place, HEAD "\"token\":\"t\",\"expirationTimestamp\":\"2001-09-09T01:46:40Z\"}}'\n");
	answer = answer_of(place);
	assert_string_equal(answer.token.data, "t");
	assert_true(answer.expires_us == 1000000000LL * 1000000);
	assert_null(answer.cert);
	credential_exec_fini(&answer);
	put(place,
	    HEAD "\"token\":\"t\",\"expirationTimestamp\":\"2001-09-09T03:46:40.25+02:00\"}}'\n");
	answer = answer_of(place);
	assert_true(answer.expires_us == 1000000000LL * 1000000);
	credential_exec_fini(&answer);
}

static void a_certificate(void **state)
{
	struct place *place = *state;
	struct credential_exec_answer answer;

	put(place, HEAD "\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}}'\n");
	answer = answer_of(place);
	assert_string_equal(answer.cert, "c");
	assert_string_equal(answer.key.data, "k");
	assert_int_equal(answer.token.len, 0);
	assert_int_equal(answer.expires_us, 0);
	credential_exec_fini(&answer);
}

/* Each argument is one, whatever a shell would make of it. */
static void arguments_and_environment(void **state)
{
	static char *args[] = { "a b", "$(id)" }, *env[] = { "NARU_TEST=e" };
	struct place *place = *state;
	struct credential_exec_answer answer;

	put(place, "#!/bin/sh\n"
		   "case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) info=yes ;; esac\n"
		   "echo \"{\\\"apiVersion\\\":\\\"" V1 "\\\",\\\"kind\\\":\\\"ExecCredential\\\","
		   "\\\"status\\\":{\\\"token\\\":\\\"$#/$1/$2/$NARU_TEST/$info/$HOME\\\"}}\"\n");
	setenv("HOME", "/home", 1);
	place->exec.args = args;
	place->exec.n_args = 2;
	place->exec.env = env;
	place->exec.n_env = 1;
	answer = answer_of(place);
	assert_string_equal(answer.token.data, "2/a b/$(id)/e/yes//home");
	credential_exec_fini(&answer);
}

static void refused(struct place *place, const char *text, const char *why)
{
	struct credential_exec_answer answer = { 0 };
	char *error = NULL;

	put(place, text);
	assert_true(credential_exec_run(&place->exec, &answer, &error) < 0);
	if (!strstr(error, why))
		fail_msg("\"%s\" does not have \"%s\"", error, why);
	assert_null(strstr(error, SECRET));
	free(error);
}

static void what_is_not_believed(void **state)
{
	struct place *place = *state;

	refused(place, "#!/bin/sh\nexit 1\n", "failed");
	refused(place, HEAD "\"token\":\"" SECRET "\"}}'\nexit 1\n", "failed");
	refused(place, "#!/bin/sh\necho " SECRET "\n", "no JSON");
	refused(place, "#!/bin/sh\n", "no JSON");
	refused(place,
		"#!/bin/sh\nwhile echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
		"do :; done\n",
		"File too large");
	refused(place, "#!/bin/sh\necho '{\"kind\":\"Pod\",\"token\":\"" SECRET "\"}'\n",
		"no ExecCredential");
	refused(place, HEAD "}}'\n", "neither a token nor a certificate");
	refused(place, HEAD "\"clientCertificateData\":\"" SECRET "\"}}'\n", "without a key");
	refused(place, HEAD "\"token\":\"" SECRET "\",\"expirationTimestamp\":\"soon\"}}'\n",
		"no time");
	place->exec.command = "naru-no-such-program";
	refused(place, "", "No such file");
	place->exec.version = "v2";
	refused(place, "", "apiVersion: expected");
}

/* A file next to the program has a line for each time that it ran. */
static size_t runs(const struct place *place)
{
	FILE *file = fopen(place->count, "r");
	size_t n = 0;

	while (file && fgetc(file) != EOF)
		n++;
	if (file)
		fclose(file);
	return n;
}

static struct kubeconfig access_of(const struct place *place)
{
	return (struct kubeconfig){ .token_file = "", .exec = place->exec };
}

static void a_program_runs_again_when_its_word_is_old(void **state)
{
	static const char *const texts[] = { "2001-09-09T01:46:40Z", "2999-01-01T00:00:00Z" };
	struct place *place = *state;
	struct kubeconfig access = access_of(place);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct credential *credential = credential_new(
			&(struct credential_config){ .access = &access, .exec = true });
		char *text = mem_printf("#!/bin/sh\nprintf x >>%s\n%s\"token\":\"t\","
					"\"expirationTimestamp\":\"%s\"}}'\n",
					place->count, HEAD + strlen("#!/bin/sh\n"), texts[i]);
		const char *value;

		put(place, text);
		unlink(place->count);
		for (size_t j = 0; j < 2; j++) {
			assert_int_equal(credential_authorization(credential, &value), 0);
			assert_string_equal(value, "Bearer t");
		}
		assert_int_equal(runs(place), i ? 1 : 2);
		/* The server does not believe it: a new word, which is the same. */
		assert_false(credential_renew(credential, credential_token(credential)));
		assert_int_equal(runs(place), i ? 2 : 3);
		credential_free(credential);
		free(text);
	}
}

static void daemons_run_no_programs(void **state)
{
	struct place *place = *state;
	struct kubeconfig access = access_of(place);
	struct credential *credential =
		credential_new(&(struct credential_config){ .access = &access });
	const char *value;

	put(place, "#!/bin/sh\n");
	assert_int_equal(credential_authorization(credential, &value), -EACCES);
	assert_non_null(strstr(credential_problem(credential), "exec"));
	credential_free(credential);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token),
		TEST(a_certificate),
		TEST(arguments_and_environment),
		TEST(what_is_not_believed),
		TEST(a_program_runs_again_when_its_word_is_old),
		TEST(daemons_run_no_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
