// SPDX-License-Identifier: Apache-2.0
/*
 * The one way to standard error. Everybody calls it. Invariants: one message is one line and one
 * write(2), so that lines of several processes do not mix; errno is left as it was.
 */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static const char *const level_names[LOG_LEVEL_MAX] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static enum log_level max_level = LOG_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (!strcmp(text, level_names[i])) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void add_time(struct str *line)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	str_addf(line, "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void add_escaped(struct str *line, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			str_addf(line, "\\x%02x", c);
		else
			str_add(line, text, 1);
	}
}

/* Where standard error is closed there is nobody left to tell. */
static void emit(enum log_level level, const char *library, const char *text)
{
	struct str line = { 0 };

	add_time(&line);
	str_addf(&line, " %s %s%s", level_names[level], library, *library ? ": " : "");
	add_escaped(&line, text);
	str_add(&line, "\n", 1);
	(void)!write(STDERR_FILENO, line.buf, line.len);
	str_fini(&line);
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	_cleanup_(mem_freep) char *text = NULL;
	va_list args;

	if (level > max_level)
		return;
	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	emit(level, "", text);
	errno = saved;
}

void log_library(enum log_level level, const char *library, const char *format, va_list args)
{
	int saved = errno;
	_cleanup_(mem_freep) char *text = NULL;

	if (level < LOG_DEBUG)
		level++;
	if (level > max_level)
		return;
	text = mem_vprintf(format, args);
	for (size_t len = strlen(text); len && text[len - 1] == '\n'; len--)
		text[len - 1] = '\0';
	emit(level, library, text);
	errno = saved;
}

int log_err(int err, const char *format, ...)
{
	int saved = errno;
	_cleanup_(mem_freep) char *text = NULL;
	_cleanup_(mem_freep) char *line = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	line = mem_printf("%s: %s", text, strerror(-err));
	emit(LOG_ERROR, "", line);
	errno = saved;
	return err;
}
