// SPDX-License-Identifier: Apache-2.0
/* What is the same for plain connections and both versions of TLS: bytes, ends, closing. */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/sockaddr.h"
#include "certs.h"
#include "connrig.h"

enum {
	MANY = 1 << 20
};

static struct tls_cert *cert;
static const int versions[] = { 0, TLS1_2_VERSION, TLS1_3_VERSION };

static void on_ready(void *arg, int error);

/* Then calls the function of the test. */
static conn_fn then;

static void open_with(struct rig *rig, int version, client_fn client)
{
	struct tls_name name = { .hostname = "", .certs = &cert, .n_certs = 1 };

	rig->version = version;
	rig->calls = 0;
	rig->total = 0;
	rig->next = 0;
	rig->ended = false;
	rig_open(rig);
	rig_start_client(rig, client);
	if (!version) {
		then(rig, 0);
		return;
	}
	tls_server_unref(rig->server);
	assert_int_equal(tls_server_new(&name, 1, &rig->server), 0);
	conn_handshake(rig->conn, rig->server, on_ready, rig);
	assert_int_equal(rig->calls, 0);
}

static void on_ready(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	assert_string_equal(conn_tls_version(rig->conn),
			    rig->version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
	then(rig, 0);
}

static void for_each_version(struct rig *rig, conn_fn server, client_fn client)
{
	then = server;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		open_with(rig, versions[i], client);
		rig_finish(rig);
		assert_int_equal(rig->failed, 0);
	}
}

static void fill_pattern(char *data, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)((at + i) * 7);
}

static bool is_pattern(const char *data, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != (char)((at + i) * 7))
			return false;
	return true;
}

/* ---- much to the server ---- */

static void write_much(struct rig *rig)
{
	static char data[MANY];
	char byte;

	fill_pattern(data, MANY, 0);
	/* Small ones too. */
	for (size_t i = 0; i < 1000; i++)
		CHECK(client_write_all(rig, data + i, 1));
	CHECK(client_write_all(rig, data + 1000, MANY - 1000));
	if (rig->ssl)
		SSL_shutdown(rig->ssl);
	shutdown(rig->pair[1], SHUT_WR);
	CHECK(client_read(rig, &byte, 1) <= 0);
}

static void on_much(void *arg, struct io_buf *buf, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	if (!buf) {
		assert_int_equal(rig->total, MANY);
		rig_close(rig);
		return;
	}
	assert_true(buf->len > 0);
	assert_true(is_pattern(buf->data, buf->len, rig->total));
	rig->total += buf->len;
	io_buf_free(rig->io, buf);
	conn_recv(rig->conn, on_much, rig);
}

static void receive_much(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	conn_recv(rig->conn, on_much, rig);
}

static void much_is_received(void **state)
{
	for_each_version(*state, receive_much, write_much);
}

/* ---- much from the server ---- */

static char much[MANY];

static void read_much(struct rig *rig)
{
	char data[3001];
	size_t total = 0;
	ssize_t n;

	while ((n = client_read(rig, data, sizeof(data))) > 0) {
		CHECK(is_pattern(data, (size_t)n, total));
		total += (size_t)n;
	}
	CHECK(total == MANY);
	if (rig->ssl)
		CHECK(SSL_get_shutdown(rig->ssl) & SSL_RECEIVED_SHUTDOWN);
}

static void on_sent(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	rig->calls++;
	conn_shutdown(rig->conn);
	/* What was to be sent is sent all the same. */
	rig_close(rig);
}

static void send_much(void *arg, int error)
{
	struct rig *rig = arg;
	/* Sizes of all kinds, empty ones too. */
	static const size_t sizes[] = { 1, 0, 300, 16384, 16385, 0, 5, 5, 100000, 16383, 2 };
	struct iovec iov[IO_SEND_MAX];
	size_t at = 0, n = 0;
	int small = 4096;

	assert_int_equal(error, 0);
	setsockopt(rig->pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fill_pattern(much, MANY, 0);
	for (; n < ARRAY_SIZE(sizes); n++) {
		iov[n] = (struct iovec){ much + at, sizes[n] };
		at += sizes[n];
	}
	iov[n++] = (struct iovec){ much + at, MANY - at };
	conn_send(rig->conn, iov, (int)n, on_sent, rig);
	/* The pieces were copied, and nothing calls back from inside. */
	memset(iov, 0, sizeof(iov));
	assert_int_equal(rig->calls, 0);
}

static void much_is_sent(void **state)
{
	for_each_version(*state, send_much, read_much);
}

/* ---- there and back ---- */

static void converse(struct rig *rig)
{
	static const size_t sizes[] = { 1, 2, 100, 16384, 40000, 7 };
	static char data[40000], answer[40000];

	for (int i = 0; i < 60; i++) {
		size_t len = sizes[(size_t)i % ARRAY_SIZE(sizes)];

		fill_pattern(data, len, (size_t)i);
		CHECK(client_write_all(rig, data, len));
		CHECK(client_read_all(rig, answer, len));
		CHECK(!memcmp(data, answer, len));
	}
	if (rig->ssl)
		SSL_shutdown(rig->ssl);
	shutdown(rig->pair[1], SHUT_WR);
	CHECK(client_read(rig, data, 1) <= 0);
}

static void on_echo(void *arg, struct io_buf *buf, int error);

static void on_echoed(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	io_buf_free(rig->io, TAKE_PTR(rig->buf));
	conn_recv(rig->conn, on_echo, rig);
}

static void on_echo(void *arg, struct io_buf *buf, int error)
{
	struct rig *rig = arg;
	struct iovec iov;

	assert_int_equal(error, 0);
	if (!buf) {
		rig_close(rig);
		return;
	}
	rig->buf = buf;
	iov = (struct iovec){ buf->data, buf->len };
	conn_send(rig->conn, &iov, 1, on_echoed, rig);
}

static void echo(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	conn_recv(rig->conn, on_echo, rig);
}

static void bytes_go_there_and_back(void **state)
{
	for_each_version(*state, echo, converse);
}

/* ---- closing ---- */

static void on_never(void *arg, struct io_buf *buf, int error)
{
	(void)arg;
	(void)buf;
	(void)error;
	fail();
}

static void on_never_done(void *arg, int error)
{
	(void)arg;
	(void)error;
	fail();
}

static void read_to_the_end(struct rig *rig)
{
	char data[4096];

	while (client_read(rig, data, sizeof(data)) > 0)
		;
}

/* More than the socket takes, so the send is under way. */
static void close_early(void *arg, int error)
{
	struct rig *rig = arg;
	struct iovec iov = { much, sizeof(much) };

	assert_int_equal(error, 0);
	conn_recv(rig->conn, on_never, rig);
	conn_send(rig->conn, &iov, 1, on_never_done, rig);
	rig_close(rig);
}

static void nothing_calls_back_after_closing(void **state)
{
	for_each_version(*state, close_early, read_to_the_end);
}

static void leave(struct rig *rig)
{
	(void)rig;
}

static void on_failed(void *arg, int error)
{
	struct rig *rig = arg;
	struct iovec iov = { much, sizeof(much) };

	assert_true(error == -EPIPE || error == -ECONNRESET);
	/* And so does the next. */
	if (++rig->calls == 1)
		conn_send(rig->conn, &iov, 1, on_failed, rig);
	else
		rig_close(rig);
}

static void send_to_nobody(void *arg, int error)
{
	struct rig *rig = arg;
	struct iovec iov = { much, sizeof(much) };

	assert_int_equal(error, 0);
	conn_send(rig->conn, &iov, 1, on_failed, rig);
}

static void a_peer_that_leaves_is_an_error(void **state)
{
	for_each_version(*state, send_to_nobody, leave);
}

static void on_empty_sent(void *arg, int error)
{
	struct rig *rig = arg;

	assert_int_equal(error, 0);
	rig_close(rig);
}

static void send_nothing(void *arg, int error)
{
	struct rig *rig = arg;
	struct iovec iov = { NULL, 0 };

	assert_int_equal(error, 0);
	conn_send(rig->conn, &iov, 1, on_empty_sent, rig);
}

static void an_empty_send_is_done_too(void **state)
{
	for_each_version(*state, send_nothing, read_to_the_end);
}

/* ---- TCP ---- */

static int listener(const char *address, struct addr *ret_addr, uint16_t *ret_port)
{
	struct addr addr;
	struct sockaddr_storage sockaddr;
	socklen_t len;
	int fd;

	assert_int_equal(addr_parse(address, &addr), 0);
	fd = socket(addr_family(&addr) == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	len = sockaddr_from_addr(&addr, 0, &sockaddr);
	assert_int_equal(bind(fd, (struct sockaddr *)&sockaddr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sockaddr, &len), 0);
	assert_int_equal(sockaddr_to_addr(&sockaddr, ret_addr, ret_port), 0);
	return fd;
}

static void on_connected(void *arg, int error)
{
	struct rig *rig = arg;

	rig->calls++;
	rig->error = error;
	io_stop(rig->io);
}

static void connections_know_their_addresses(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct addr to, addr;
		uint16_t to_port, port;
		int fd = listener(addresses[i], &to, &to_port), accepted, one = 0;
		socklen_t len = sizeof(one);
		struct conn *conn;

		assert_int_equal(listen(fd, 1), 0);
		assert_int_equal(conn_connect(rig->io, &to, to_port, on_connected, rig, &rig->conn),
				 0);
		assert_int_equal(rig->calls, i);
		io_run(rig->io);
		assert_int_equal(rig->calls, i + 1);
		assert_int_equal(rig->error, 0);
		assert_string_equal(conn_sni(rig->conn), "");
		assert_string_equal(conn_tls_version(rig->conn), "");
		assert_int_equal(conn_local(rig->conn, &addr, &port), 0);
		assert_int_equal(addr_compare(&addr, &to), 0);

		accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		conn = conn_new(rig->io, accepted);
		assert_int_equal(conn_local(conn, &addr, &port), 0);
		assert_int_equal(addr_compare(&addr, &to), 0);
		assert_int_equal(port, to_port);
		assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
		assert_true(one);
		conn_close(conn);
		conn_close(TAKE_PTR(rig->conn));
		close(fd);
	}
}

static void refused_connections_say_so_later(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct addr to;
		uint16_t port;
		int fd = listener(addresses[i], &to, &port);

		assert_int_equal(conn_connect(rig->io, &to, port, on_connected, rig, &rig->conn),
				 0);
		assert_int_equal(rig->calls, i);
		io_run(rig->io);
		assert_int_equal(rig->calls, i + 1);
		assert_int_equal(rig->error, -ECONNREFUSED);
		conn_close(TAKE_PTR(rig->conn));
		close(fd);
	}
}

static void a_connect_can_be_given_up(void **state)
{
	struct rig *rig = *state;
	struct addr to;
	uint16_t port;
	int fd = listener("127.0.0.1", &to, &port);

	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(conn_connect(rig->io, &to, port, on_never_done, rig, &rig->conn), 0);
	conn_close(TAKE_PTR(rig->conn));
	io_run(rig->io);
	close(fd);
	conn_close(NULL);
}

static int setup_all(void **state)
{
	(void)state;
	cert = cert_make(0, "a.example.com");
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	tls_cert_unref(cert);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(much_is_received),
		TEST(much_is_sent),
		TEST(bytes_go_there_and_back),
		TEST(nothing_calls_back_after_closing),
		TEST(a_peer_that_leaves_is_an_error),
		TEST(an_empty_send_is_done_too),
		TEST(connections_know_their_addresses),
		TEST(refused_connections_say_so_later),
		TEST(a_connect_can_be_given_up),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
