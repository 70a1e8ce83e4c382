// SPDX-License-Identifier: Apache-2.0
/* engine.c calls it. */
#include "bgp/render.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- BIRD ---- */

static void bird_family(int family, const struct addr *addrs, size_t n, struct str *out)
{
	char text[ADDR_STR_LEN];

	str_addf(out, "protocol static " RENDER_NAME "%d {\n\tipv%d;\n", family, family);
	for (size_t i = 0; i < n; i++)
		if (addr_family(&addrs[i]) == family)
			str_addf(out, "\troute %s/%d blackhole;\n", addr_format(&addrs[i], text),
				 family == 4 ? 32 : 128);
	str_addf(out, "}\n");
}

void render_bird(const struct addr *addrs, size_t n, struct str *out)
{
	str_addf(out, "# Written by narud: what is changed here is lost.\n");
	bird_family(4, addrs, n, out);
	bird_family(6, addrs, n, out);
}

/* Lines "CODE-text" go on, "CODE text" ends; 8 and 9 begin the codes of what went wrong. Code 1 is
 * the greeting. */
size_t render_bird_answer(const char *in, size_t len, bool *ret_fine)
{
	for (size_t at = 0; at < len;) {
		const char *line = in + at, *end = memchr(line, '\n', len - at);

		if (!end)
			return 0;
		at = (size_t)(end - in) + 1;
		if (end - line < 5 || line[4] != ' ' || !isdigit((unsigned char)line[0]))
			continue;
		*ret_fine = line[0] < '8';
		return at;
	}
	return 0;
}

/* ---- FRR ---- */

/* The text, three zero bytes, and the status. */
size_t render_frr_answer(const char *in, size_t len, bool *ret_fine)
{
	for (size_t at = 0; at + 4 <= len; at++) {
		if (in[at] || in[at + 1] || in[at + 2])
			continue;
		*ret_fine = !in[at + 3];
		return at + 4;
	}
	return 0;
}

/* What the configuration says of us. */
struct frr {
	bool router, map;
	struct addr *nets;
	size_t n, cap;
};

static void frr_fini(struct frr *frr)
{
	free(frr->nets);
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* "  network 203.0.113.1/32 route-map naru" */
static void take_network(struct frr *frr, const char *line)
{
	static const char tail[] = " route-map " RENDER_NAME;
	char text[ADDR_STR_LEN];
	struct addr addr;
	const char *slash;

	line += strspn(line, " ");
	if (!starts(line, "network "))
		return;
	line += strlen("network ");
	slash = strchr(line, '/');
	if (!slash || (size_t)(slash - line) >= sizeof(text))
		return;
	memcpy(text, line, (size_t)(slash - line));
	text[slash - line] = '\0';
	slash += 1 + strspn(slash + 1, "0123456789");
	if (addr_parse(text, &addr) || strcmp(slash, tail) != 0)
		return;
	frr->nets = mem_grow(frr->nets, frr->n, &frr->cap, sizeof(*frr->nets));
	frr->nets[frr->n++] = addr;
}

/* Only the router of the default instance is meant: "router bgp 65001", but none of a VRF. */
static void read_config(const char *config, struct frr *frr)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(config);
	bool inside = false;
	char *save = NULL;

	for (char *line = strtok_r(copy, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		if (*line != ' ' && *line != '!' && strcmp(line, "exit") != 0) {
			inside = starts(line, "router bgp ") && !strstr(line, " vrf ") &&
				 !strstr(line, " view ");
			frr->router |= inside;
			frr->map |= starts(line, "route-map " RENDER_NAME " ");
		} else if (inside) {
			take_network(frr, line);
		}
	}
}

static bool has(const struct addr *addrs, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (!addr_compare(&addrs[i], addr))
			return true;
	return false;
}

/* What one list has and the other one lacks. */
static void frr_lines(int family, const char *word, const struct frr *list, const struct frr *other,
		      struct str *out)
{
	char text[ADDR_STR_LEN];

	for (size_t i = 0; i < list->n; i++)
		if (addr_family(&list->nets[i]) == family &&
		    !has(other->nets, other->n, &list->nets[i]))
			str_addf(out, "%snetwork %s/%d route-map " RENDER_NAME "\n", word,
				 addr_format(&list->nets[i], text), family == 4 ? 32 : 128);
}

static void frr_family(int family, const struct frr *is, const struct frr *wanted, struct str *out)
{
	_cleanup_(str_fini) struct str lines = { 0 };

	frr_lines(family, "no ", is, wanted, &lines);
	frr_lines(family, "", wanted, is, &lines);
	if (lines.len)
		str_addf(out, "address-family ipv%d unicast\n%sexit-address-family\n", family,
			 lines.buf);
}

int render_frr(const char *config, const struct addr *addrs, size_t n, struct str *out)
{
	_cleanup_(frr_fini) struct frr is = { 0 };
	const struct frr wanted = { .nets = (struct addr *)addrs, .n = n };
	_cleanup_(str_fini) struct str lines = { 0 };

	read_config(config, &is);
	if (!is.router)
		return -ENOENT;
	frr_family(4, &is, &wanted, &lines);
	frr_family(6, &is, &wanted, &lines);
	if (!lines.len)
		return 0;
	str_addf(out, "configure terminal\n");
	if (!is.map)
		str_addf(out, "route-map " RENDER_NAME " permit 65535\nexit\n");
	str_addf(out, "router bgp\n%send\n", lines.buf);
	return 0;
}

/* ---- complaints ---- */

#define COMPLAINT_MAX 200

/* BIRD's lines begin with a code, FRR's end with zero bytes; the last one counts. */
char *render_complaint(const char *in, size_t len)
{
	size_t at = strnlen(in, len), n;
	char *text;

	while (at && isspace((unsigned char)in[at - 1]))
		at--;
	len = at;
	while (at && in[at - 1] != '\n')
		at--;
	if (len - at > 5 && isdigit((unsigned char)in[at]) && in[at + 4] == ' ')
		at += 5;
	n = len - at < COMPLAINT_MAX ? len - at : COMPLAINT_MAX;
	text = mem_array(n + 1, 1);
	for (size_t i = 0; i < n; i++)
		text[i] = isprint((unsigned char)in[at + i]) ? in[at + i] : '?';
	return text;
}
