// SPDX-License-Identifier: Apache-2.0
/* What of tls.c needs no connection: fingerprints, threads, and a process that may open nothing. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certs.h"

/* OpenSSL tries to read its configuration at the first use, which the proxy's sandbox forbids. The
 * first test, so that no other has used OpenSSL before; in a child, since the limit stays. */
static void it_works_where_nothing_can_be_opened(void **state)
{
	struct tls_server *server = NULL;
	struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child) {
		bool ok = !setrlimit(RLIMIT_NOFILE, &none) && !tls_server_new(NULL, 0, &server);

		tls_server_unref(server);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void fingerprints_tell_pairs_apart(void **state)
{
	/* Of "a", a zero byte and "b". */
	static const uint8_t expected[] = { 0x59, 0xb2, 0x71, 0xae, 0x1b, 0xbc, 0xb1, 0xd3 };
	struct secret_bytes b = { .data = "b", .len = 1 }, ab = { .data = "ab", .len = 2 };
	struct secret_bytes empty = { 0 };
	uint8_t x[32], y[32];

	(void)state;
	tls_fingerprint("a", &b, x);
	assert_memory_equal(x, expected, sizeof(expected));
	tls_fingerprint("a", &b, y);
	assert_memory_equal(x, y, sizeof(x));
	tls_fingerprint("", &ab, y);
	assert_memory_not_equal(x, y, sizeof(x));
	tls_fingerprint("ab", &empty, y);
	assert_memory_not_equal(x, y, sizeof(x));
}

static void *make_servers(void *arg)
{
	struct tls_cert *cert = arg;
	struct tls_name name = { .hostname = "a", .certs = &cert, .n_certs = 1 };

	for (int i = 0; i < 50; i++) {
		struct tls_server *server = NULL;

		if (tls_server_new(&name, 1, &server) < 0)
			return arg;
		tls_server_unref(server);
	}
	tls_cert_unref(cert);
	return NULL;
}

static void threads_share_certificates(void **state)
{
	struct tls_cert *cert = cert_make(0, "a");
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_servers, tls_cert_ref(cert)), 0);
	tls_cert_unref(cert);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_works_where_nothing_can_be_opened),
		cmocka_unit_test(fingerprints_tell_pairs_apart),
		cmocka_unit_test(threads_share_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
