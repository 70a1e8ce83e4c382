// SPDX-License-Identifier: Apache-2.0
/*
 * The one way to standard error. Everybody calls it. Invariants: one message is one line and one
 * write(2), so that lines of several processes do not mix; errno is left as it was.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
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

static void add_escaped(struct str *line, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			str_addf(line, "\\x%02x", c);
		else
			str_add(line, text + i, 1);
	}
}

static void add_formatted(struct str *text, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void add_formatted(struct str *text, const char *format, va_list args)
{
	va_list again;
	char *room;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		return;
	room = mem_new((size_t)len + 1);
	vsnprintf(room, (size_t)len + 1, format, args);
	str_add(text, room, (size_t)len);
	free(room);
}

/* Where standard error is closed there is nobody left to tell. */
static void emit(enum log_level level, const char *text, size_t len)
{
	struct str line = { 0 };

	add_time(&line);
	str_addf(&line, " %s ", level_names[level]);
	add_escaped(&line, text, len);
	str_add(&line, "\n", 1);
	(void)!write(STDERR_FILENO, line.buf, line.len);
	str_fini(&line);
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	struct str text = { 0 };
	va_list args;

	if (level > max_level)
		return;
	va_start(args, format);
	add_formatted(&text, format, args);
	va_end(args);
	emit(level, text.buf, text.len);
	str_fini(&text);
	errno = saved;
}

void log_library(enum log_level level, const char *library, const char *format, va_list args)
{
	int saved = errno;
	struct str text = { 0 };

	if (level < LOG_DEBUG)
		level++;
	if (level > max_level)
		return;
	str_addf(&text, "%s: ", library);
	add_formatted(&text, format, args);
	while (text.len && text.buf[text.len - 1] == '\n')
		text.len--;
	emit(level, text.buf, text.len);
	str_fini(&text);
	errno = saved;
}

int log_err(int err, const char *format, ...)
{
	int saved = errno;
	struct str text = { 0 };
	va_list args;

	va_start(args, format);
	add_formatted(&text, format, args);
	va_end(args);
	str_addf(&text, ": %s", strerror(-err));
	emit(LOG_ERROR, text.buf, text.len);
	str_fini(&text);
	errno = saved;
	return err;
}
