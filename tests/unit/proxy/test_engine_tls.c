// SPDX-License-Identifier: Apache-2.0
/* TLS in front of the engine: names, certificates that change, bodies, clients that know none. */
#include <openssl/ssl.h>
#include <signal.h>

#include "../http/certs.h"
#include "engine_bodies.h"

/* ---- certificates of a plan ---- */

#define CERTS_MAX 4

struct store {
	struct tls_cert *certs[CERTS_MAX]; /* by the first byte of the fingerprint, less 1 */
};

static struct tls_cert *find_cert(void *arg, const struct plan_cert *cert)
{
	struct store *store = arg;
	struct tls_cert *found = store->certs[cert->fingerprint[0] - 1];

	return found ? tls_cert_ref(found) : NULL;
}

static void store_fini(struct store *store)
{
	for (int i = 0; i < CERTS_MAX; i++)
		if (store->certs[i])
			tls_cert_unref(store->certs[i]);
}

/* The plan's listener gets a name and a certificate; another one can follow. */
static void add_listener(struct plan_l7 *l7, const char *hostname, uint8_t cert)
{
	struct plan_listener *listener;
	uint32_t index = 0;

	if (l7->n_certs) {
		index = rig_listener(l7, hostname, hostname);
		rig_attach(l7, index, "", 0);
		RIG_APPEND(l7->binds[0].listeners, l7->binds[0].n_listeners, index);
	}
	listener = &l7->listeners[index];
	free(listener->hostname);
	listener->hostname = mem_strdup(hostname);
	listener->tls = l7->binds[0].tls = true;
	RIG_APPEND(l7->certs, l7->n_certs,
		   (struct plan_cert){ .name = mem_strdup("d/s"), .fingerprint = { cert } });
	RIG_APPEND(listener->certs, listener->n_certs, (uint32_t)l7->n_certs - 1);
}

/* ---- a client ---- */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	char name[64]; /* of the server's certificate */
};

/* False: the handshake failed. */
static bool client_open(struct client *client, uint16_t port, const char *sni)
{
	X509 *cert;

	memset(client, 0, sizeof(*client));
	client->ctx = SSL_CTX_new(TLS_client_method());
	client->ssl = SSL_new(client->ctx);
	client->fd = dial(port);
	SSL_set_fd(client->ssl, client->fd);
	if (sni)
		SSL_set_tlsext_host_name(client->ssl, sni);
	if (SSL_connect(client->ssl) != 1)
		return false;
	cert = SSL_get1_peer_certificate(client->ssl);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, client->name,
				  sizeof(client->name));
	X509_free(cert);
	return true;
}

static void client_close(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
	close(client->fd);
}

/* Sends a request; the length of the body that comes, -1 when it is not what it should be. */
static long long client_get(struct client *client, size_t len)
{
	char request[128], head[1000] = "", *buf = mem_new(len + 1);
	size_t at = 0, done = 0;

	snprintf(request, sizeof(request), "GET /length/%zu HTTP/1.1\r\nhost: a\r\n\r\n", len);
	assert_int_equal(SSL_write(client->ssl, request, (int)strlen(request)), strlen(request));
	while (!strstr(head, "\r\n\r\n") && at + 1 < sizeof(head) &&
	       SSL_read(client->ssl, head + at, 1) == 1)
		at++;
	assert_contains(head, "HTTP/1.1 200 ");
	while (done < len) {
		int n = SSL_read(client->ssl, buf + done, (int)(len - done));

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done != len || !is_pattern(buf, 0, len))
		done = (size_t)-1;
	free(buf);
	return (long long)done;
}

/* ---- tests ---- */

struct rig {
	struct engine *engine;
	struct backend *backend;
	struct store store;
};

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	rig->backend = backend_start(serve_bodies, NULL);
	rig->engine = engine_start(2);
	rig->store.certs[0] = cert_make(0, "first");
	rig->store.certs[1] = cert_make(0, "second");
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	engine_stop(rig->engine);
	backend_stop(rig->backend);
	store_fini(&rig->store);
	free(rig);
	return 0;
}

static void serves_requests(void **state)
{
	static const size_t sizes[] = { 0, 1, 16384, 100000, 3000000 };
	struct rig *rig = *state;
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct client client;
	char line[4096];

	add_listener(&l7, "", 1);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	assert_true(client_open(&client, rig->engine->port, "a"));
	assert_string_equal(client.name, "first");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(client_get(&client, sizes[i]), sizes[i]);
	client_close(&client);
	assert_contains(engine_log(rig->engine, line, sizeof(line)), "\"scheme\":\"https\"");
}

static void chooses_by_name(void **state)
{
	struct rig *rig = *state;
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct report report;
	struct client client;
	uint64_t failures;

	add_listener(&l7, "a.example.com", 1);
	add_listener(&l7, "*.example.com", 2);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	assert_true(client_open(&client, rig->engine->port, "a.example.com"));
	assert_string_equal(client.name, "first");
	client_close(&client);
	assert_true(client_open(&client, rig->engine->port, "b.example.com"));
	assert_string_equal(client.name, "second");
	client_close(&client);
	assert_false(client_open(&client, rig->engine->port, "other.org"));
	client_close(&client);
	/* The client hears of it first. */
	do {
		proxy_report(rig->engine->proxy, &report);
		failures = report.handshake_failures;
		report_fini(&report);
	} while (!failures);
	assert_int_equal(failures, 1);
}

/* A connection that stands goes on, new ones see the new certificate. */
static void changes_certificates(void **state)
{
	struct rig *rig = *state;
	struct client before, after;

	for (uint8_t cert = 1; cert <= 2; cert++) {
		struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);

		add_listener(&l7, "", cert);
		engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
		if (cert == 1)
			assert_true(client_open(&before, rig->engine->port, "a"));
	}
	assert_true(client_open(&after, rig->engine->port, "a"));
	assert_string_equal(before.name, "first");
	assert_string_equal(after.name, "second");
	assert_int_equal(client_get(&before, 1000), 1000);
	assert_int_equal(client_get(&after, 1000), 1000);
	client_close(&before);
	client_close(&after);
}

static void closes_while_there_is_no_key(void **state)
{
	struct rig *rig = *state;
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct client client;

	add_listener(&l7, "", 3);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	assert_false(client_open(&client, rig->engine->port, "a"));
	client_close(&client);
	/* It comes, and with it a table. */
	rig->store.certs[2] = cert_make(0, "third");
	l7 = engine_plan(rig->engine, &rig->backend, 1);
	add_listener(&l7, "", 3);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	assert_true(client_open(&client, rig->engine->port, "a"));
	client_close(&client);
}

static void refuses_plain_text(void **state)
{
	struct rig *rig = *state;
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	char waste[1000];
	int fd;

	add_listener(&l7, "", 1);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	fd = dial(rig->engine->port);
	put_text(fd, GET_A);
	/* An alert at most. */
	assert_true(get(fd, waste, sizeof(waste)) < 20);
	close(fd);
	assert_int_equal(atomic_load(&rig->backend->requests), 0);
}

/* A port that changes sides: connections of the other sort outlive it by one answer. */
static void leaves_connections_of_the_other_sort(void **state)
{
	struct rig *rig = *state;
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct answer answer;
	int fd;

	engine_apply(rig->engine, &l7);
	fd = dial(rig->engine->port);
	put_text(fd, "GET /length/0 HTTP/1.1\r\nhost: a\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	l7 = engine_plan(rig->engine, &rig->backend, 1);
	add_listener(&l7, "", 1);
	engine_apply_with(rig->engine, &l7, find_cert, &rig->store);
	put_text(fd, "GET /length/0 HTTP/1.1\r\nhost: a\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(answer.head, "connection: close");
	assert_true(at_end(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(serves_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(chooses_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(closes_while_there_is_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_plain_text, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_connections_of_the_other_sort, setup,
						teardown),
	};

	/* OpenSSL writes to sockets as to files. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
