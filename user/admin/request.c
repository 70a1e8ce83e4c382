/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 9112 without its leniencies: lines end in CR LF, one space between the parts of the first
 * line, no folding, no control characters, no body. Bytes behind the head are left alone.
 */
#include "admin/request.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct slice {
	const char *at;
	size_t len;
};

/* RFC 9110, section 5.6.2. */
static bool is_token(struct slice s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool alnum =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!alnum && !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return s.len > 0;
}

/* Visible characters, spaces and tabs. */
static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_path(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= 0x20 || s.at[i] >= 0x7f)
			return false;
	return s.len && s.at[0] == '/';
}

static bool same(struct slice s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static bool same_name(struct slice s, const char *text)
{
	return s.len == strlen(text) && !strncasecmp(s.at, text, s.len);
}

/* Cuts off what stands before the separator, and the separator. */
static bool cut(struct slice *rest, const char *separator, struct slice *ret_part)
{
	size_t n = strlen(separator);
	const char *at = memmem(rest->at, rest->len, separator, n);

	if (!at)
		return false;
	*ret_part = (struct slice){ rest->at, (size_t)(at - rest->at) };
	rest->len -= ret_part->len + n;
	rest->at = at + n;
	return true;
}

static struct slice trim(struct slice s)
{
	for (; s.len && (*s.at == ' ' || *s.at == '\t'); s.len--)
		s.at++;
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* A body is not for GET: the only announcement that passes is that there is none. */
static int check_headers(struct slice lines, bool *ret_host)
{
	struct slice line, name;

	while (lines.len) {
		if (!cut(&lines, "\r\n", &line) || !cut(&line, ":", &name))
			return 400;
		line = trim(line);
		if (!is_token(name) || !is_value(line))
			return 400;
		if (same_name(name, "transfer-encoding"))
			return 400;
		if (same_name(name, "content-length") && !same(line, "0"))
			return 400;
		if (!same_name(name, "host"))
			continue;
		if (*ret_host)
			return 400;
		*ret_host = true;
	}
	return 200;
}

/* What can never become a head, seen before its end: then nobody waits for more of it. */
static bool is_garbled(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!bytes[i] || (bytes[i] == '\n' && (!i || bytes[i - 1] != '\r')))
			return true;
	return false;
}

int request_parse(const char *bytes, size_t len, char **ret_path, char **ret_query)
{
	struct slice rest = { bytes, len }, line, method, path, plain;
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);
	bool host = false;
	int status;

	if (!end && is_garbled(bytes, len))
		return 400;
	if (!end)
		return len >= REQUEST_MAX ? 431 : 0;
	rest.len = (size_t)(end - bytes) + 2;
	if (rest.len + 2 > REQUEST_MAX)
		return 431;
	if (!cut(&rest, "\r\n", &line) || !cut(&line, " ", &method) || !cut(&line, " ", &path))
		return 400;
	if (!is_token(method) || !is_path(path))
		return 400;
	if (!same(line, "HTTP/1.1") && !same(line, "HTTP/1.0"))
		return 400;
	status = check_headers(rest, &host);
	if (status != 200 || (!host && same(line, "HTTP/1.1")))
		return 400;
	if (!same(method, "GET"))
		return 405;
	plain = path;
	if (!cut(&path, "?", &plain))
		path.len = 0;
	*ret_path = mem_printf("%.*s", (int)plain.len, plain.at);
	*ret_query = mem_printf("%.*s", (int)path.len, path.at);
	return 200;
}
