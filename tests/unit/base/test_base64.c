// SPDX-License-Identifier: Apache-2.0
/* Base 64: RFC 4648's vectors, and that nothing but one form of each text is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static void texts_are_decoded(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t len;
	} rows[] = {
		{ "", "", 0 },
		{ "Zg==", "f", 1 },
		{ "Zm8=", "fo", 2 },
		{ "Zm9v", "foo", 3 },
		{ "Zm9vYg==", "foob", 4 },
		{ "Zm9vYmE=", "fooba", 5 },
		{ "Zm9vYmFy", "foobar", 6 },
		{ "AAAA", "\0\0\0", 3 },
		{ "+/+/", "\xfb\xff\xbf", 3 },
		{ "//8=", "\xff\xff", 2 },
		{ "Zm\n9v\r\nYg=\n=\n", "foob", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = strlen(rows[i].text), n = 99;
		/* Of the size that is promised to be enough, for the sanitizer to watch. */
		char *out = malloc(BASE64_DECODED_MAX(len));

		assert_int_equal(base64_decode(rows[i].text, len, out, &n), 0);
		assert_int_equal(n, rows[i].len);
		assert_memory_equal(out, rows[i].bytes, n);
		free(out);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {
		"Z",	    "Zg",	 "Zg=",	  "Zg===",	  "Zh==",   "Zm9=",
		"Zm8",	    "Zm8==",	 "Zm9v=", "Zm9v====",	  "=",	    "====",
		"Zg==Zg==", "Zm9v Zm9v", "Zm-_",  "Zm9v\xc3\xa9", "Zm9\tv", "Z=m9v",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char out[64];
		size_t n = 99;

		if (base64_decode(texts[i], strlen(texts[i]), out, &n) == 0)
			fail_msg("%s", texts[i]);
		assert_int_equal(n, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
