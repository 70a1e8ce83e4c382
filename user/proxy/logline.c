// SPDX-License-Identifier: Apache-2.0
/*
 * An access log entry as JSON, with the keys of Envoy's. Texts come from clients: what is no UTF-8
 * and every control character is escaped byte by byte. Written by hand because it runs once per
 * request; base/json.c is for objects.
 */
#include "proxy/logline.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"

static const char *const flag_names[] = {
#define NAME(id, help) [ACCESSLOG_##id] = #id,
	ACCESSLOG_FLAGS(NAME)
#undef NAME
};

static void add(struct str *out, const char *text)
{
	str_add(out, text, strlen(text));
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character that may not stand as it is; returns its length. */
static size_t add_odd(struct str *out, const char *at, size_t len)
{
	unsigned char c = (unsigned char)*at;
	size_t n = c >= 0x80 ? utf8_char_len(at, len) : 0;

	if (n)
		str_add(out, at, n);
	else if (c == '"' || c == '\\')
		str_addf(out, "\\%c", c);
	else
		str_addf(out, "\\u%04x", c);
	return n ? n : 1;
}

static void add_escaped(struct str *out, const char *at, size_t len)
{
	while (len) {
		size_t n = 0;

		while (n < len && is_plain((unsigned char)at[n]))
			n++;
		if (n)
			str_add(out, at, n);
		else
			n = add_odd(out, at, len);
		at += n;
		len -= n;
	}
}

static void add_text(struct str *out, const char *key, struct http_text text)
{
	add(out, key);
	add_escaped(out, text.at ? text.at : "", text.at ? text.len : 0);
	add(out, "\"");
}

static void add_name(struct str *out, const char *key, const char *name)
{
	add_text(out, key, http_text_of(name));
}

static void add_number(struct str *out, const char *key, uint64_t number)
{
	char digits[24];
	char *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add(out, key);
	str_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* Once a second: gmtime_r() takes a lock of libc that all workers share. */
static void add_second(struct str *out, time_t second)
{
	static _Thread_local char text[32];
	static _Thread_local time_t last = -1;
	struct tm tm;

	if (second != last) {
		gmtime_r(&second, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		last = second;
	}
	add(out, text);
}

static void add_time(struct str *out, uint64_t us)
{
	unsigned ms = (unsigned)(us / 1000 % 1000);
	const char fraction[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
				  (char)('0' + ms % 10) };

	add(out, "{\"start_time\":\"");
	add_second(out, (time_t)(us / 1000000));
	str_add(out, fraction, sizeof(fraction));
	add(out, "Z\"");
}

static void add_path(struct str *out, const struct accesslog_entry *entry)
{
	add_text(out, ",\"path\":\"", entry->path);
	if (entry->query.at) {
		/* Behind the path, before its closing quote. */
		out->len--;
		add(out, "?");
		add_escaped(out, entry->query.at, entry->query.len);
		add(out, "\"");
	}
}

static void add_flags(struct str *out, uint32_t flags)
{
	const char *separator = "";

	add(out, ",\"response_flags\":\"");
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (!(flags & 1U << i))
			continue;
		add(out, separator);
		add(out, flag_names[i]);
		separator = ",";
	}
	add(out, flags ? "\"" : "-\"");
}

static void add_socket(struct str *out, const char *key, const struct addr *addr, uint16_t port)
{
	bool v6 = addr_family(addr) == 6;
	char text[ADDR_STR_LEN];

	add(out, key);
	if (!addr_is_zero(addr)) {
		add(out, v6 ? "[" : "");
		add(out, addr_format(addr, text));
		add_number(out, v6 ? "]:" : ":", port);
	}
	add(out, "\"");
}

void logline_format(const struct accesslog_entry *entry, struct str *out)
{
	add_time(out, entry->start_us);
	add_text(out, ",\"method\":\"", entry->method);
	add_path(out, entry);
	add_name(out, ",\"protocol\":\"", entry->minor ? "HTTP/1.1" : "HTTP/1.0");
	add_number(out, ",\"response_code\":", entry->status);
	add_flags(out, entry->flags);
	add_name(out, ",\"response_code_details\":\"", entry->detail);
	add_number(out, ",\"bytes_received\":", entry->bytes_received);
	add_number(out, ",\"bytes_sent\":", entry->bytes_sent);
	add_number(out, ",\"duration\":", entry->duration_us / 1000);
	add_number(out, ",\"duration_us\":", entry->duration_us);
	if (entry->first_byte_us >= 0)
		add_number(out, ",\"first_byte_us\":", (uint64_t)entry->first_byte_us);
	add_number(out, ",\"attempts\":", entry->tries);
	add_socket(out, ",\"upstream_host\":\"", &entry->upstream, entry->upstream_port);
	add_name(out, ",\"upstream_cluster\":\"", entry->cluster);
	add_name(out, ",\"route_name\":\"", entry->rule);
	add_name(out, ",\"listener\":\"", entry->listener);
	add_text(out, ",\"authority\":\"", entry->authority);
	add_text(out, ",\"user_agent\":\"", entry->user_agent);
	add_text(out, ",\"request_id\":\"", entry->request_id);
	add_name(out, ",\"scheme\":\"", entry->tls ? "https" : "http");
	add_socket(out, ",\"downstream_remote_address\":\"", &entry->client, entry->client_port);
	add(out, "}\n");
}
