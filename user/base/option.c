// SPDX-License-Identifier: Apache-2.0
/*
 * Defaults are texts that go through the same parser as everything else, so --help cannot say
 * anything but what holds. The mains' option tables come here.
 */
#include "base/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/sockaddr.h"

/* ---- values: each returns NULL or the reason why the text is no value ---------------------- */

static const char *parse_flag(const char *text, bool *ret_value)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) && strcmp(text, no[i]))
			continue;
		*ret_value = !strcmp(text, yes[i]);
		return NULL;
	}
	return "must be true or false";
}

static const char *parse_choice(const char *text, const char *choices, int *ret_value)
{
	size_t len = strlen(text);
	int index = 0;

	for (const char *at = choices; *at; index++) {
		size_t n = strcspn(at, "|");

		if (n == len && !strncmp(at, text, n)) {
			*ret_value = index;
			return NULL;
		}
		at += n + (at[n] == '|');
	}
	return "not one of these";
}

/* Digits only, 1 to 65535. Returns where it ended, NULL if it is no port. */
static const char *parse_port(const char *text, uint16_t *ret_port)
{
	unsigned port = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && at - text < 5; at++)
		port = port * 10 + (unsigned)(*at - '0');
	if (at == text || !port || port > UINT16_MAX)
		return NULL;
	*ret_port = port;
	return at;
}

static const char *parse_range(const char *text, struct option_range *ret_range)
{
	struct option_range range;
	const char *at = parse_port(text, &range.min);

	if (!at || *at != '-')
		return "must be two ports, A-B";
	at = parse_port(at + 1, &range.max);
	if (!at || *at)
		return "must be two ports, A-B";
	if (range.min > range.max)
		return "the first port must not be above the last one";
	*ret_range = range;
	return NULL;
}

static const char *check_socket(const char *text)
{
	struct addr addr;
	uint16_t port;

	return sockaddr_parse(text, &addr, &port) == 1 ? NULL : "must be ADDR:PORT or [ADDR]:PORT";
}

static void set_string(char **string, const char *text)
{
	mem_freep(string);
	*string = mem_strdup(text);
}

static void list_add(struct option_list *list, const char *text, size_t len)
{
	char **bigger = mem_array(list->n + 1, sizeof(*bigger));

	for (size_t i = 0; i < list->n; i++)
		bigger[i] = list->items[i];
	bigger[list->n] = mem_printf("%.*s", (int)len, text);
	mem_freep(&list->items);
	list->items = bigger;
	list->n++;
}

static void list_fini(struct option_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct option_list){ 0 };
}

/* The MAX of N<=MAX. */
static uint32_t number_max(const struct option *option)
{
	return (uint32_t)strtoul(strchr(option->value, '=') + 1, NULL, 10);
}

static const char *parse_number(const char *text, uint32_t max, uint32_t *ret_value)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && value <= max; at++)
		value = value * 10 + (unsigned)(*at - '0');
	if (at == text || *at || value > max)
		return "not such a number";
	*ret_value = (uint32_t)value;
	return NULL;
}

/* Calls add for each part between commas. */
static const char *parse_parts(const char *text, const char *(*add)(const char *part, void *to),
			       void *to)
{
	const char *reason = NULL;

	for (const char *at = text; *at && !reason;) {
		size_t len = strcspn(at, ",");
		_cleanup_(mem_freep) char *part = mem_printf("%.*s", (int)len, at);

		if (len)
			reason = add(part, to);
		at += len + (at[len] == ',');
	}
	return reason;
}

static const char *add_cidr(const char *part, void *to)
{
	struct option_cidrs *cidrs = to;
	size_t cap = cidrs->n;
	struct cidr cidr;

	if (cidr_parse(part, &cidr) < 0)
		return "must be prefixes like 192.0.2.0/24 or 2001:db8::/64, separated by commas";
	cidrs->items = mem_grow(cidrs->items, cidrs->n, &cap, sizeof(*cidrs->items));
	cidrs->items[cidrs->n++] = cidr;
	return NULL;
}

static const char *add_address(const char *part, void *to)
{
	struct option_addresses *addresses = to;

	if (!strcmp(part, "primary"))
		addresses->primary = true;
	else if (add_cidr(part, &addresses->cidrs))
		return "must be the word primary and prefixes like 192.0.2.0/24 or 2001:db8::/64, "
		       "separated by commas";
	return NULL;
}

static const char *add_port(const char *part, void *to)
{
	struct option_ports *ports = to;
	size_t cap = ports->n;
	uint16_t port;
	const char *end = parse_port(part, &port);

	if (!end || *end)
		return "must be ports, separated by commas";
	ports->items = mem_grow(ports->items, ports->n, &cap, sizeof(*ports->items));
	ports->items[ports->n++] = port;
	return NULL;
}

static void cidrs_fini(struct option_cidrs *cidrs)
{
	free(cidrs->items);
	*cidrs = (struct option_cidrs){ 0 };
}

static void addresses_fini(struct option_addresses *addresses)
{
	cidrs_fini(&addresses->cidrs);
	addresses->primary = false;
}

static void ports_fini(struct option_ports *ports)
{
	free(ports->items);
	*ports = (struct option_ports){ 0 };
}

static const char *store_socket(const char *text, char **at)
{
	const char *reason = check_socket(text);

	if (!reason)
		set_string(at, text);
	return reason;
}

static const char *store(const struct option *option, const char *text, void *values)
{
	void *at = (char *)values + option->offset;

	switch (option->type) {
	case OPTION_FLAG:
		return parse_flag(text, at);
	case OPTION_CHOICE:
		return parse_choice(text, option->value, at);
	case OPTION_NUMBER:
		return parse_number(text, number_max(option), at);
	case OPTION_RANGE:
		return parse_range(text, at);
	case OPTION_LIST:
		list_add(at, text, strlen(text));
		return NULL;
	case OPTION_SOCKET:
		if (!strcmp(text, "off") && strstr(option->value, "|off"))
			break;
		return store_socket(text, at);
	case OPTION_CIDRS:
		cidrs_fini(at);
		return parse_parts(text, add_cidr, at);
	case OPTION_PORTS:
		ports_fini(at);
		return parse_parts(text, add_port, at);
	case OPTION_ADDRESSES:
		addresses_fini(at);
		return parse_parts(text, add_address, at);
	case OPTION_STRING:
		break;
	}
	set_string(at, text);
	return NULL;
}

/* ---- sources ------------------------------------------------------------------------------- */

static void set_defaults(const struct option *table, void *values)
{
	for (const struct option *option = table; option->name; option++) {
		if (option->initial)
			store(option, option->initial, values);
		else if (option->type == OPTION_STRING || option->type == OPTION_SOCKET)
			set_string((void *)((char *)values + option->offset), "");
	}
}

/* prefix and name make what the user wrote: "--" "xdp", or "" "NARU_XDP". */
static int refuse(const char *prefix, const char *name, const char *text, const char *reason,
		  char **ret_error)
{
	if (*text)
		*ret_error = mem_printf("%s%s: \"%s\": %s", prefix, name, text, reason);
	else
		*ret_error = mem_printf("%s%s: %s", prefix, name, reason);
	return -EINVAL;
}

int option_refuse(const char *name, const char *reason, char **ret_error)
{
	return refuse("--", name, "", reason, ret_error);
}

static char *explain(const struct option *option, const char *reason)
{
	if (option->type == OPTION_CHOICE)
		return mem_printf("must be one of %s", option->value);
	if (option->type == OPTION_NUMBER)
		return mem_printf("must be a number from 0 to %u", number_max(option));
	return mem_strdup(reason);
}

static void store_env_list(const struct option *option, const char *text, void *values)
{
	struct option_list *list = (void *)((char *)values + option->offset);

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ",");

		if (len)
			list_add(list, at, len);
		at += len + (at[len] == ',');
	}
}

/* An empty variable is one that is not set: manifests of containers cannot leave one out. */
static int read_env(const struct option *table, void *values, char **ret_error)
{
	for (const struct option *option = table; option->name; option++) {
		const char *text = option->env ? getenv(option->env) : NULL, *reason = NULL;

		if (!text || !*text)
			continue;
		if (option->type == OPTION_LIST)
			store_env_list(option, text, values);
		else
			reason = store(option, text, values);
		if (reason) {
			_cleanup_(mem_freep) char *why = explain(option, reason);

			return refuse("", option->env, text, why, ret_error);
		}
	}
	return 0;
}

static const struct option *find(const struct option *table, const char *name, size_t len)
{
	for (const struct option *option = table; option->name; option++)
		if (strlen(option->name) == len && !strncmp(option->name, name, len))
			return option;
	return NULL;
}

/* The first of a list on the command line puts away what the environment had. */
static void start_list(const struct option *option, bool *seen, void *values)
{
	if (option->type == OPTION_LIST && !*seen)
		list_fini((void *)((char *)values + option->offset));
	*seen = true;
}

/* An option with its value. -EINVAL: it does not take that. */
static int take(const struct option *option, const char *text, void *values, char **ret_error)
{
	const char *reason = store(option, text, values);
	_cleanup_(mem_freep) char *why = NULL;

	if (!reason)
		return 0;
	why = explain(option, reason);
	return refuse("--", option->name, text, why, ret_error);
}

/* One argument, and its value if that is the next one. Returns how many were used, or -EINVAL. */
static int read_argument(const struct option *table, char *const *argv, bool *seen, void *values,
			 char **ret_error)
{
	const struct option *option;
	const char *text;
	size_t len;
	int used = 1, r;

	if (strncmp(argv[0], "--", 2) != 0)
		return refuse("", "argument", argv[0], "options begin with --", ret_error);
	len = strcspn(argv[0] + 2, "=");
	option = find(table, argv[0] + 2, len);
	if (!option)
		return refuse("", "option", argv[0], "no such option", ret_error);
	text = argv[0][2 + len] == '=' ? argv[0] + 3 + len : NULL;
	if (!text && option->type == OPTION_FLAG)
		text = "true";
	if (!text) {
		text = argv[1];
		used = 2;
	}
	if (!text || !*text)
		return option_refuse(option->name, "needs a value", ret_error);
	start_list(option, &seen[option - table], values);
	r = take(option, text, values, ret_error);
	return r < 0 ? r : used;
}

int option_parse(const struct option *table, int argc, char *const *argv, void *ret_values,
		 char **ret_error)
{
	_cleanup_(mem_freep) bool *seen = NULL;
	size_t n = 0;
	int r;

	while (table[n].name)
		n++;
	seen = mem_array(n, sizeof(*seen));
	set_defaults(table, ret_values);
	r = read_env(table, ret_values, ret_error);
	for (int i = 1; i < argc && r >= 0; i += r)
		r = read_argument(table, argv + i, seen, ret_values, ret_error);
	return r < 0 ? r : 0;
}

void option_fini(const struct option *table, void *values)
{
	for (const struct option *option = table; option->name; option++) {
		void *at = (char *)values + option->offset;

		if (option->type == OPTION_STRING || option->type == OPTION_SOCKET) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (option->type == OPTION_LIST) {
			list_fini(at);
		} else if (option->type == OPTION_CIDRS) {
			cidrs_fini(at);
		} else if (option->type == OPTION_PORTS) {
			ports_fini(at);
		} else if (option->type == OPTION_ADDRESSES) {
			addresses_fini(at);
		}
	}
}

/* ---- --help -------------------------------------------------------------------------------- */

/* Words of text in lines of at most 92 columns, indented. */
static void print_wrapped(const char *text, FILE *out)
{
	size_t column = 0;

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, " ");

		if (column && column + len + 1 > 92) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column ? " " : "        ", (int)len, at);
		at += len + (at[len] == ' ');
	}
	fputc('\n', out);
}

static void print_option(const struct option *option, FILE *out)
{
	_cleanup_(mem_freep) char *tail = mem_printf(
		"%s%s%s%s%s%s%s", option->initial || option->env ? " [" : "",
		option->initial ? "default " : "", option->initial ? option->initial : "",
		option->initial && option->env ? "; " : "", option->env ? "environment " : "",
		option->env ? option->env : "", option->initial || option->env ? "]" : "");
	_cleanup_(mem_freep) char *text = mem_printf("%s%s", option->help, tail);

	fprintf(out, "  --%s%s%s\n", option->name, option->value ? " " : "",
		option->value ? option->value : "");
	print_wrapped(text, out);
}

void option_help(const struct option *table, FILE *out)
{
	for (const struct option *option = table; option->name; option++)
		print_option(option, out);
}
