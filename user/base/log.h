/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One logger, to standard error: time, level, message, one line each, no newline in formats.
 * Whoever decides logs, once. Details go as key=value text behind the message. Control characters
 * are shown as escapes: parts of messages come from objects that tenants write.
 */
#pragma once
#include <stdarg.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_LEVEL_MAX,
};

/* Messages above this level are left out. LOG_INFO at the start. */
void log_set_level(enum log_level level);
const char *log_level_name(enum log_level level);
/* "error", "warn", "info", "debug"; -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For the message hooks of libraries: one level lower than the library thinks, since what fails
 * for a library may be a mere probe for us. A newline at the end is dropped. */
void log_library(enum log_level level, const char *library, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Logs an error with the text of -err appended and returns err: return log_err(r, "pin %s", n). */
int log_err(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
