// SPDX-License-Identifier: Apache-2.0
/* Lines of the access log are JSON, whatever is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "proxy/logline.h"
#include "rig.h"

static struct accesslog_entry entry_make(void)
{
	struct accesslog_entry entry = {
		.start_us = 1700000000123456,
		.duration_us = 4567,
		.first_byte_us = 1234,
		.method = HTTP_TEXT("GET"),
		.authority = HTTP_TEXT("a.example"),
		.path = HTTP_TEXT("/a"),
		.minor = 1,
		.status = 200,
		.bytes_received = 1,
		.bytes_sent = UINT64_MAX,
		.client_port = 1,
		.upstream_port = 2,
		.tries = 3,
		.listener = "l",
		.rule = "r",
		.cluster = "c",
		.detail = "",
	};

	addr_parse("10.0.0.1", &entry.client);
	addr_parse("2001:db8::1", &entry.upstream);
	return entry;
}

static void writes_all_there_is(void **state)
{
	struct accesslog_entry entry = entry_make();
	struct str out = { 0 };

	(void)state;
	entry.query = HTTP_TEXT("b=c");
	entry.flags = 1U << ACCESSLOG_UF | 1U << ACCESSLOG_URX;
	logline_format(&entry, &out);
	assert_string_equal(
		out.buf,
		"{\"start_time\":\"2023-11-14T22:13:20.123Z\",\"method\":\"GET\","
		"\"path\":\"/a?b=c\",\"protocol\":\"HTTP/1.1\","
		"\"response_code\":200,\"response_flags\":\"UF,URX\","
		"\"response_code_details\":\"\",\"bytes_received\":1,"
		"\"bytes_sent\":18446744073709551615,\"duration\":4,\"duration_us\":4567,"
		"\"first_byte_us\":1234,\"attempts\":3,\"upstream_host\":\"[2001:db8::1]:2\","
		"\"upstream_cluster\":\"c\",\"route_name\":\"r\",\"listener\":\"l\","
		"\"authority\":\"a.example\",\"user_agent\":\"\",\"request_id\":\"\","
		"\"scheme\":\"http\",\"downstream_remote_address\":\"10.0.0.1:1\"}\n");
	str_fini(&out);
}

/* Each byte, alone and between others. */
static void escapes_what_has_to_be(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		struct accesslog_entry entry = entry_make();
		char text[3] = { 'a', (char)c, 'b' };
		struct json_object *line, *value;
		struct str out = { 0 };

		entry.user_agent = (struct http_text){ text, 3 };
		logline_format(&entry, &out);
		assert_int_equal(strchr(out.buf, '\n') - out.buf, out.len - 1);
		line = json_tokener_parse(out.buf);
		assert_non_null(line);
		assert_true(json_object_object_get_ex(line, "user_agent", &value));
		if (c && c < 0x80)
			assert_memory_equal(json_object_get_string(value), text, 3);
		json_object_put(line);
		str_fini(&out);
	}
}

static void keeps_utf_8(void **state)
{
	struct accesslog_entry entry = entry_make();
	struct str out = { 0 };

	(void)state;
	entry.user_agent = HTTP_TEXT("n\xc3\xa4ru \xe2\x82\xac \xc3");
	logline_format(&entry, &out);
	assert_non_null(strstr(out.buf, "\"n\xc3\xa4ru \xe2\x82\xac \\u00c3\""));
	str_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_all_there_is),
		cmocka_unit_test(escapes_what_has_to_be),
		cmocka_unit_test(keeps_utf_8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
