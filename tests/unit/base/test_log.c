// SPDX-License-Identifier: Apache-2.0
/* Log lines as they arrive on standard error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"

static int saved_stderr, reader;

/* Standard error becomes a pipe. */
static void capture(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
}

/* Everything written meanwhile, without the times. */
static char *release(void)
{
	char *out = mem_new(8192), *text = mem_new(8192);
	ssize_t len;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	len = read(reader, text, 8191);
	close(reader);
	if (len < 0)
		text[0] = '\0';
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_true(end - line > 25 && line[4] == '-' && line[10] == 'T' &&
			    line[23] == 'Z' && line[24] == ' ');
		strncat(out, line + 25, (size_t)(end - line - 25) + 1);
	}
	free(text);
	return out;
}

static void lines_have_a_level_and_no_control_characters(void **state)
{
	_cleanup_(mem_freep) char *out = NULL;

	(void)state;
	capture();
	log_info("took %s in=%d", "a\nb\x1b[1m", 5);
	log_error("bad");
	log_debug("not shown");
	out = release();
	assert_string_equal(out, "info took a\\x0ab\\x1b[1m in=5\nerror bad\n");
}

static void the_level_can_be_set(void **state)
{
	_cleanup_(mem_freep) char *out = NULL;
	enum log_level level = LOG_INFO;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	capture();
	log_set_level(LOG_WARN);
	log_info("a");
	log_warn("b");
	log_set_level(LOG_DEBUG);
	log_debug("c");
	log_set_level(LOG_INFO);
	out = release();
	assert_string_equal(out, "warn b\ndebug c\n");
}

static void errors_are_logged_and_passed_on(void **state)
{
	_cleanup_(mem_freep) char *out = NULL;

	(void)state;
	capture();
	errno = EIO;
	assert_int_equal(log_err(-ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(errno, EIO);
	out = release();
	assert_string_equal(out, "error open x: No such file or directory\n");
}

static void from_library(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void from_library(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_library(level, "lib", format, args);
	va_end(args);
}

static void libraries_speak_one_level_lower(void **state)
{
	_cleanup_(mem_freep) char *out = NULL;

	(void)state;
	capture();
	from_library(LOG_ERROR, "no %s\n", "map");
	from_library(LOG_WARN, "hm");
	from_library(LOG_INFO, "not shown");
	out = release();
	assert_string_equal(out, "warn lib: no map\ninfo lib: hm\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_a_level_and_no_control_characters),
		cmocka_unit_test(the_level_can_be_set),
		cmocka_unit_test(errors_are_logged_and_passed_on),
		cmocka_unit_test(libraries_speak_one_level_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
