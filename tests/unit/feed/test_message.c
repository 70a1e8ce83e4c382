/* SPDX-License-Identifier: Apache-2.0 */
/* Messages come back with what belongs to their type; anything else is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "feed/message.h"

/* Every field filled. */
static struct message full(enum message_type type)
{
	static char text[] = "text", more[] = "more", key[] = "key";
	struct message message = {
		.type = type,
		.id = 1,
		.worker = -1,
		.pid = 2,
		.threads = 3,
		.drain_ms = 4,
		.generation = UINT64_MAX,
		.flag = true,
		.text = text,
		.more = more,
		.key = { .data = key, .len = 3 },
		.fd = -1,
	};

	memset(message.fingerprint, 0xab, sizeof(message.fingerprint));
	return message;
}

static bool needs_fd(enum message_type type)
{
	return type == MESSAGE_REPORT || type == MESSAGE_SNAPSHOT || type == MESSAGE_LISTEN;
}

static int some_fd(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void all_types_come_back(void **state)
{
	(void)state;
	for (enum message_type type = MESSAGE_HELLO; type < MESSAGE_TYPE_MAX; type++) {
		const struct message sent = full(type);
		_cleanup_(str_fini) struct str first = { 0 }, second = { 0 };
		struct message got;

		assert_int_equal(message_encode(&sent, &first), 0);
		assert_int_equal(message_decode(first.buf, first.len,
						needs_fd(type) ? some_fd() : -1, &got),
				 0);
		assert_int_equal(got.type, type);
		assert_int_equal(message_encode(&got, &second), 0);
		assert_int_equal(first.len, second.len);
		assert_memory_equal(first.buf, second.buf, first.len);
		message_fini(&got);
	}
}

static void fields_arrive(void **state)
{
	const struct message listen = full(MESSAGE_LISTEN), key = full(MESSAGE_KEY);
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct message got;
	int fd = some_fd();

	(void)state;
	message_encode(&listen, &bytes);
	assert_int_equal(message_decode(bytes.buf, bytes.len, fd, &got), 0);
	assert_int_equal(got.id, 1);
	assert_int_equal(got.worker, -1);
	assert_int_equal(got.fd, fd);
	assert_string_equal(got.text, "");
	message_fini(&got);
	assert_int_equal(fcntl(fd, F_GETFD), -1);

	str_fini(&bytes);
	message_encode(&key, &bytes);
	assert_int_equal(message_decode(bytes.buf, bytes.len, -1, &got), 0);
	assert_string_equal(got.text, "text");
	assert_int_equal(got.key.len, 3);
	assert_string_equal(got.key.data, "key");
	assert_int_equal(got.fingerprint[31], 0xab);
	message_fini(&got);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
	const struct message sent = full(MESSAGE_KEY);
	_cleanup_(str_fini) struct str out = { 0 };
	struct message got;

	(void)state;
	message_encode(&sent, &out);
	for (size_t len = 0; len < out.len; len++) {
		_cleanup_(mem_freep) char *cut = mem_new(len);

		memcpy(cut, out.buf, len);
		assert_int_equal(message_decode(cut, len, -1, &got), -EBADMSG);
	}
	str_add(&out, "x", 1);
	assert_int_equal(message_decode(out.buf, out.len, -1, &got), -EBADMSG);
}

/* A refused message closes the descriptor that came with it. */
static void descriptors_are_where_they_belong(void **state)
{
	_cleanup_(str_fini) struct str drain = { 0 }, listen = { 0 };
	const struct message a = full(MESSAGE_DRAIN), b = full(MESSAGE_LISTEN);
	struct message got;
	int fd = some_fd();

	(void)state;
	message_encode(&a, &drain);
	assert_int_equal(message_decode(drain.buf, drain.len, fd, &got), -EBADMSG);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	message_encode(&b, &listen);
	assert_int_equal(message_decode(listen.buf, listen.len, -1, &got), -EBADMSG);
}

static void other_versions_and_types_are_refused(void **state)
{
	const struct message sent = full(MESSAGE_ACK);
	_cleanup_(str_fini) struct str out = { 0 };
	struct message got;

	(void)state;
	message_encode(&sent, &out);
	out.buf[0] ^= 1;
	assert_int_equal(message_decode(out.buf, out.len, -1, &got), -EBADMSG);
	out.buf[0] ^= 1;
	out.buf[4] = 0;
	assert_int_equal(message_decode(out.buf, out.len, -1, &got), -EBADMSG);
	out.buf[4] = MESSAGE_TYPE_MAX;
	assert_int_equal(message_decode(out.buf, out.len, -1, &got), -EBADMSG);
}

static void what_is_too_long_is_not_sent(void **state)
{
	_cleanup_(mem_freep) char *text = mem_new(MESSAGE_MAX + 1);
	_cleanup_(str_fini) struct str out = { 0 };
	struct message message = { .type = MESSAGE_ACK, .text = text, .fd = -1 };

	(void)state;
	memset(text, 'x', MESSAGE_MAX);
	assert_int_equal(message_encode(&message, &out), -EMSGSIZE);
}

static void types_have_names(void **state)
{
	(void)state;
	for (enum message_type type = MESSAGE_HELLO; type < MESSAGE_TYPE_MAX; type++)
		assert_string_not_equal(message_name(type), "UNKNOWN");
	assert_string_equal(message_name(MESSAGE_TYPE_MAX), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_types_come_back),
		cmocka_unit_test(fields_arrive),
		cmocka_unit_test(what_is_cut_or_longer_is_refused),
		cmocka_unit_test(descriptors_are_where_they_belong),
		cmocka_unit_test(other_versions_and_types_are_refused),
		cmocka_unit_test(what_is_too_long_is_not_sent),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
