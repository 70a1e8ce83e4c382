// SPDX-License-Identifier: Apache-2.0
/* TLS alone: who is served with which certificate, what is refused, and how streams end. */
#include "certs.h"
#include "connrig.h"

static struct tls_cert *a_rsa, *a_ec, *wild, *deep, *any;

static int setup_all(void **state)
{
	(void)state;
	a_rsa = cert_make(2048, "a.example.com");
	a_ec = cert_make(0, "a.example.com");
	wild = cert_make(0, "*.example.com");
	deep = cert_make(0, "*.deep.example.com");
	any = cert_make(0, "any");
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	tls_cert_unref(a_rsa);
	tls_cert_unref(a_ec);
	tls_cert_unref(wild);
	tls_cert_unref(deep);
	tls_cert_unref(any);
	return 0;
}

static void serve(struct rig *rig, bool with_any)
{
	struct tls_cert *const a[] = { a_rsa, a_ec };
	const struct tls_name names[] = {
		{ "*.example.com", &wild, 1 },
		{ "a.example.com", a, 2 },
		{ "*.deep.example.com", &deep, 1 },
		{ "a.example.com", &deep, 1 },
		{ "", &any, 1 },
	};
	size_t n = with_any ? ARRAY_SIZE(names) : ARRAY_SIZE(names) - 1;

	tls_server_unref(rig->server);
	assert_int_equal(tls_server_new(names, n, &rig->server), 0);
}

static void on_handshake(void *arg, int error)
{
	struct rig *rig = arg;

	rig->calls++;
	rig->error = error;
	if (!error)
		strncpy(rig->text, conn_sni(rig->conn), sizeof(rig->text) - 1);
	rig_close(rig);
}

/* Sees an end that is not an alert, so that the server has all the time it needs. */
static void wait_for_end(struct rig *rig)
{
	char byte;

	client_read(rig, &byte, 1);
}

static void shake_hands(struct rig *rig, client_fn client)
{
	rig->calls = 0;
	rig->failed = 0;
	rig->reason = 0;
	memset(rig->text, 0, sizeof(rig->text));
	memset(rig->name, 0, sizeof(rig->name));
	rig_open(rig);
	conn_handshake(rig->conn, rig->server, on_handshake, rig);
	assert_int_equal(rig->calls, 0);
	rig_start_client(rig, client);
	rig_finish(rig);
	assert_int_equal(rig->calls, 1);
}

/* ---- choosing ---- */

static void the_most_specific_name_is_chosen(void **state)
{
	static const struct {
		const char *asked, *served, *told;
	} rows[] = {
		{ "a.example.com", "a.example.com", "a.example.com" },
		{ "A.Example.COM", "a.example.com", "a.example.com" },
		{ "b.example.com", "*.example.com", "b.example.com" },
		{ "c.b.example.com", "*.example.com", "c.b.example.com" },
		{ "x.deep.example.com", "*.deep.example.com", "x.deep.example.com" },
		{ "deep.example.com", "*.example.com", "deep.example.com" },
		{ "example.com", "any", "example.com" },
		{ "localhost", "any", "localhost" },
		{ NULL, "*.example.com", "" },
	};
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct rig *rig = *state;

	serve(rig, true);
	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(versions); i++) {
		size_t row = i / ARRAY_SIZE(versions);

		rig->version = versions[i % ARRAY_SIZE(versions)];
		rig->sni = rows[row].asked;
		shake_hands(rig, wait_for_end);
		assert_int_equal(rig->error, 0);
		assert_int_equal(rig->failed, 0);
		assert_string_equal(rig->name, rows[row].served);
		assert_string_equal(rig->text, rows[row].told);
	}
}

static void an_unknown_name_is_refused(void **state)
{
	static const char *const names[] = { "example.com",   "xn.example.org", "a..example.com",
					     ".example.com",  "a.example.com.", "a b.example.com",
					     "a/.example.com" };
	struct rig *rig = *state;

	serve(rig, false);
	rig->version = TLS1_3_VERSION;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		rig->sni = names[i];
		shake_hands(rig, wait_for_end);
		assert_int_equal(rig->error, -EPROTO);
		assert_int_equal(rig->reason, SSL_R_TLSV1_UNRECOGNIZED_NAME);
	}
}

static void no_names_serve_nobody(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(tls_server_new(NULL, 0, &rig->server), 0);
	rig->version = TLS1_3_VERSION;
	shake_hands(rig, wait_for_end);
	assert_int_equal(rig->error, -EPROTO);
}

static void clients_get_the_key_that_they_can_verify(void **state)
{
	static const struct {
		int version;
		const char *ciphers, *sigalgs;
		int key_type;
	} rows[] = {
		{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, EVP_PKEY_RSA },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, EVP_PKEY_EC },
		{ TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", EVP_PKEY_RSA },
		{ TLS1_3_VERSION, NULL, "ECDSA+SHA256", EVP_PKEY_EC },
	};
	struct rig *rig = *state;

	serve(rig, true);
	rig->sni = "a.example.com";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig->version = rows[i].version;
		rig->ciphers = rows[i].ciphers;
		rig->sigalgs = rows[i].sigalgs;
		shake_hands(rig, wait_for_end);
		assert_int_equal(rig->error, 0);
		assert_int_equal(rig->key_type, rows[i].key_type);
	}
}

static void note_alpn(struct rig *rig)
{
	const unsigned char *protocol;
	unsigned len;

	SSL_get0_alpn_selected(rig->ssl, &protocol, &len);
	CHECK(len == 8 && !memcmp(protocol, "http/1.1", 8));
}

static void alpn_chooses_http_1_1(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig->version = TLS1_3_VERSION;
	rig->alpn = "\2h2\10http/1.1";
	shake_hands(rig, note_alpn);
	assert_int_equal(rig->error, 0);
	assert_int_equal(rig->failed, 0);

	rig->alpn = "\2h2\10http/1.0";
	shake_hands(rig, wait_for_end);
	assert_int_equal(rig->error, -EPROTO);
	assert_int_equal(rig->reason, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

static void old_versions_are_refused(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig->version = TLS1_1_VERSION;
	rig->ciphers = "ALL:@SECLEVEL=0";
	shake_hands(rig, wait_for_end);
	assert_int_equal(rig->error, -EPROTO);
	assert_int_equal(rig->reason, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

/* TLS 1.3 sends the ticket after the handshake: a read takes it in. */
static void keep_session(struct rig *rig)
{
	char byte;

	client_read(rig, &byte, 1);
	rig->session = SSL_get1_session(rig->ssl);
	/* Else OpenSSL takes it for broken. */
	SSL_shutdown(rig->ssl);
}

static void note_reuse(struct rig *rig)
{
	CHECK(SSL_session_reused(rig->ssl));
}

static void on_handshake_then_end(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	conn_shutdown(rig->conn);
	rig_close(rig);
}

static void sessions_are_resumed_by_tickets(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct rig *rig = *state;

	serve(rig, true);
	rig->sni = "b.example.com";
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		rig->version = versions[i];
		rig_open(rig);
		conn_handshake(rig->conn, rig->server, on_handshake_then_end, rig);
		rig_start_client(rig, keep_session);
		rig_finish(rig);
		assert_int_equal(rig->failed, 0);
		assert_non_null(rig->session);
		shake_hands(rig, note_reuse);
		assert_int_equal(rig->failed, 0);
		assert_int_equal(rig->error, 0);
		assert_string_equal(rig->text, "b.example.com");
		SSL_SESSION_free(TAKE_PTR(rig->session));
	}
}

/* ---- what is no TLS ---- */

static void speak_http(struct rig *rig)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n";
	char data[64];

	CHECK(client_write_all(rig, request, sizeof(request) - 1));
	while (client_read(rig, data, sizeof(data)) > 0)
		;
}

static void speak_garbage(struct rig *rig)
{
	static const char bytes[100000] = { 22, 3, 1, 2, 0, 1, 0, 1, (char)252, 3, 3 };
	char data[64];

	client_write_all(rig, bytes, sizeof(bytes));
	while (client_read(rig, data, sizeof(data)) > 0)
		;
}

static void speak_nothing(struct rig *rig)
{
	(void)rig;
}

static void speak_half(struct rig *rig)
{
	CHECK(client_write_all(rig, "\26\3\1\2\0\1", 6));
}

static void other_protocols_are_refused(void **state)
{
	static const struct {
		client_fn client;
		int error;
	} rows[] = {
		{ speak_http, -EPROTO },
		{ speak_garbage, -EPROTO },
		{ speak_nothing, -ECONNRESET },
		{ speak_half, -ECONNRESET },
	};
	struct rig *rig = *state;

	serve(rig, true);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		shake_hands(rig, rows[i].client);
		assert_int_equal(rig->error, rows[i].error);
		assert_int_equal(rig->failed, 0);
	}
}

static void closing_ends_a_handshake_silently(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig_open(rig);
	conn_handshake(rig->conn, rig->server, on_handshake, rig);
	rig_close(rig);
	io_run(rig->io);
	assert_int_equal(rig->calls, 0);
	close(rig->pair[1]);
}

/* ---- how streams end ---- */

static void on_text(void *arg, struct io_buf *buf, int error)
{
	struct rig *rig = arg;

	if (buf) {
		memcpy(rig->text + rig->total, buf->data, buf->len);
		rig->total += buf->len;
		io_buf_free(rig->io, buf);
		conn_recv(rig->conn, on_text, rig);
		return;
	}
	/* It ends the same way for who asks again. */
	if (!rig->ended) {
		rig->ended = true;
		rig->error = error;
		conn_recv(rig->conn, on_text, rig);
		return;
	}
	assert_int_equal(rig->error, error);
	rig_close(rig);
}

static void on_open(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	conn_recv(rig->conn, on_text, rig);
}

static void listen_to(struct rig *rig, client_fn client)
{
	rig->total = 0;
	rig->ended = false;
	memset(rig->text, 0, sizeof(rig->text));
	rig_open(rig);
	conn_handshake(rig->conn, rig->server, on_open, rig);
	rig_start_client(rig, client);
	rig_finish(rig);
	assert_int_equal(rig->failed, 0);
}

static void end_well(struct rig *rig)
{
	CHECK(client_write_all(rig, "all of it", 9));
	SSL_shutdown(rig->ssl);
}

static void end_truncated(struct rig *rig)
{
	CHECK(client_write_all(rig, "all of it", 9));
	shutdown(rig->pair[1], SHUT_WR);
}

/* Behind OpenSSL's back. */
static void end_garbled(struct rig *rig)
{
	static const char record[64] = { 23, 3, 3, 0, 59 };

	CHECK(client_write_all(rig, "all of it", 9));
	CHECK(write(rig->pair[1], record, sizeof(record)) == sizeof(record));
	wait_for_end(rig);
}

static void only_close_notify_ends_a_stream(void **state)
{
	static const struct {
		client_fn client;
		int error;
	} rows[] = {
		{ end_well, 0 },
		{ end_truncated, -ECONNRESET },
		{ end_garbled, -EPROTO },
	};
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct rig *rig = *state;

	serve(rig, true);
	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(versions); i++) {
		rig->version = versions[i % ARRAY_SIZE(versions)];
		listen_to(rig, rows[i / ARRAY_SIZE(versions)].client);
		assert_string_equal(rig->text, "all of it");
		assert_int_equal(rig->error, rows[i / ARRAY_SIZE(versions)].error);
	}
}

/* Each provokes an answer while nobody sends. */
static void update_keys(struct rig *rig)
{
	char byte;

	for (int i = 0; i < 20; i++) {
		CHECK(SSL_key_update(rig->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
		CHECK(client_write_all(rig, "x", 1));
	}
	SSL_shutdown(rig->ssl);
	shutdown(rig->pair[1], SHUT_WR);
	/* Reads all the answers up to the end. */
	CHECK(client_read(rig, &byte, 1) <= 0);
}

static void keys_can_be_updated(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig->version = TLS1_3_VERSION;
	listen_to(rig, update_keys);
	assert_string_equal(rig->text, "xxxxxxxxxxxxxxxxxxxx");
	assert_int_equal(rig->error, 0);
}

/* Goes on provoking answers and reads none. */
static void flood_with_updates(struct rig *rig)
{
	for (int i = 0; i < 100000; i++)
		if (SSL_key_update(rig->ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
		    SSL_do_handshake(rig->ssl) != 1)
			return;
	rig->failed = __LINE__;
}

static void unread_answers_are_bounded(void **state)
{
	struct rig *rig = *state;
	int small = 4096;

	serve(rig, true);
	rig->version = TLS1_3_VERSION;
	rig_open(rig);
	setsockopt(rig->pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	conn_handshake(rig->conn, rig->server, on_open, rig);
	rig_start_client(rig, flood_with_updates);
	rig_finish(rig);
	assert_int_equal(rig->failed, 0);
	assert_int_equal(rig->error, -EPROTO);
}

static void renegotiate(struct rig *rig)
{
	char byte;

	CHECK(SSL_renegotiate(rig->ssl) == 1);
	CHECK(SSL_do_handshake(rig->ssl) != 1);
	client_read(rig, &byte, 1);
}

static void renegotiation_is_refused(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig->version = TLS1_2_VERSION;
	listen_to(rig, renegotiate);
	assert_true(rig->error < 0);
}

static void on_half_end(void *arg, struct io_buf *buf, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	if (!buf) {
		assert_int_equal(rig->total, 5);
		rig_close(rig);
		return;
	}
	rig->total += buf->len;
	io_buf_free(rig->io, buf);
	conn_recv(rig->conn, on_half_end, rig);
}

static void on_open_then_half(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	conn_shutdown(rig->conn);
	conn_recv(rig->conn, on_half_end, rig);
}

/* The server has said that it sends no more; the client goes on. */
static void answer_after_end(struct rig *rig)
{
	char byte;

	CHECK(client_read(rig, &byte, 1) <= 0);
	CHECK(SSL_get_shutdown(rig->ssl) & SSL_RECEIVED_SHUTDOWN);
	CHECK(client_write_all(rig, "hello", 5));
	SSL_shutdown(rig->ssl);
}

static void one_side_can_end_first(void **state)
{
	struct rig *rig = *state;

	serve(rig, true);
	rig->version = TLS1_3_VERSION;
	rig_open(rig);
	conn_handshake(rig->conn, rig->server, on_open_then_half, rig);
	rig_start_client(rig, answer_after_end);
	rig_finish(rig);
	assert_int_equal(rig->failed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_most_specific_name_is_chosen),
		TEST(an_unknown_name_is_refused),
		TEST(no_names_serve_nobody),
		TEST(clients_get_the_key_that_they_can_verify),
		TEST(alpn_chooses_http_1_1),
		TEST(old_versions_are_refused),
		TEST(sessions_are_resumed_by_tickets),
		TEST(other_protocols_are_refused),
		TEST(closing_ends_a_handshake_silently),
		TEST(only_close_notify_ends_a_stream),
		TEST(keys_can_be_updated),
		TEST(unread_answers_are_bounded),
		TEST(renegotiation_is_refused),
		TEST(one_side_can_end_first),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
