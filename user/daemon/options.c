/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row an option. Defaults are texts that go through the same parser as everything else, so
 * --help cannot say anything but what holds. A value replaces what was there before: environment
 * over default, command line over environment; only a list collects, within one source.
 */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <naru/paths.h>

#include "base/addr.h"
#include "base/mem.h"

enum option_type {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* char * */
	OPTION_LIST,   /* struct option_list; in the environment separated by commas */
	OPTION_CHOICE, /* int: index into choices */
	OPTION_RANGE,  /* struct option_range */
	OPTION_SOCKET, /* char *, checked to be ADDR:PORT */
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;
	const char *value;   /* of --help: what to write behind the name; for choices all of them */
	const char *initial; /* default, NULL: none */
	const char *env;     /* NULL: an action rather than a setting */
	const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option table[] = {
	{ "manifests", OPTION_STRING, AT(manifests), "DIR", NULL, "NARU_MANIFESTS",
	  "folder of Kubernetes objects in YAML and JSON, read and followed; required" },
	{ "node-name", OPTION_STRING, AT(node_name), "NAME", NULL, "NARU_NODE_NAME",
	  "name of this node's Node object; without it the host's name" },
	{ "device", OPTION_LIST, AT(devices), "IF", NULL, "NARU_DEVICE",
	  "device towards the network, may be repeated; without it those of the default routes" },
	{ "pod-device", OPTION_LIST, AT(pod_devices), "PATTERN", NULL, "NARU_POD_DEVICE",
	  "host device of pods as a shell pattern, may be repeated, besides those found" },
	{ "xdp", OPTION_CHOICE, AT(xdp), "off|auto|native", "auto", "NARU_XDP",
	  "handle packets in the network driver" },
	{ "tc", OPTION_CHOICE, AT(tc), "auto|tcx|clsact", "auto", "NARU_TC",
	  "how TC programs are attached; auto is tcx where the kernel has it" },
	{ "snat-ports", OPTION_RANGE, AT(snat_ports), "A-B", "1024-29999", "NARU_SNAT_PORTS",
	  "source ports for flows that leave with an address of this node" },
	{ "bypass-netfilter", OPTION_FLAG, AT(bypass_netfilter), NULL, NULL,
	  "NARU_BYPASS_NETFILTER",
	  "send flows to pods of this node past the kernel's stack: faster, but network policies "
	  "that other programs enforce there do not see them" },
	{ "bpffs", OPTION_STRING, AT(bpffs), "DIR", NARU_BPFFS_DIR, "NARU_BPFFS",
	  "BPF file system; everything is pinned below DIR/" NARU_PIN_SUBDIR },
	{ "cgroup", OPTION_STRING, AT(cgroup), "DIR", NULL, "NARU_CGROUP",
	  "cgroup2 folder whose sockets are served; without it the root of the tree" },
	{ "run-dir", OPTION_STRING, AT(run_dir), "DIR", NARU_RUN_DIR, "NARU_RUN_DIR",
	  "folder of the socket that naructl talks to" },
	{ "l4", OPTION_CHOICE, AT(l4), "off|on", "on", "NARU_L4",
	  "serve Services by packets and sockets; off touches no kernel state" },
	{ "admin", OPTION_SOCKET, AT(admin), "ADDR:PORT", NULL, "NARU_ADMIN",
	  "serve /healthz, /metrics and read-only state over HTTP there" },
	{ "log-level", OPTION_CHOICE, AT(log_level), "error|warn|info|debug", "info",
	  "NARU_LOG_LEVEL", "least important messages to write" },
	{ "check", OPTION_FLAG, AT(check), NULL, NULL, "NARU_CHECK",
	  "read and compile once, print what is wrong, exit 1 if there are errors" },
	{ "print-plan", OPTION_FLAG, AT(print_plan), NULL, NULL, "NARU_PRINT_PLAN",
	  "with --check: print the plan" },
	{ "version", OPTION_FLAG, AT(version), NULL, NULL, NULL, "print the version" },
	{ "help", OPTION_FLAG, AT(help), NULL, NULL, NULL, "print this" },
};

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
	static const char reason[] = "must be ADDR:PORT or [ADDR]:PORT";
	const char *colon = strrchr(text, ':'), *end;
	char host[ADDR_STR_LEN];
	struct addr addr;
	uint16_t port;
	size_t len;

	if (!colon)
		return reason;
	end = parse_port(colon + 1, &port);
	len = (size_t)(colon - text);
	if (!end || *end || len >= sizeof(host))
		return reason;
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return reason;
	}
	memcpy(host, text, len);
	host[len] = 0;
	return addr_parse(host, &addr) ? reason : NULL;
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

static const char *store(const struct option *option, const char *text, struct options *options)
{
	void *at = (char *)options + option->offset;
	const char *reason;

	switch (option->type) {
	case OPTION_FLAG:
		return parse_flag(text, at);
	case OPTION_CHOICE:
		return parse_choice(text, option->value, at);
	case OPTION_RANGE:
		return parse_range(text, at);
	case OPTION_LIST:
		list_add(at, text, strlen(text));
		return NULL;
	case OPTION_SOCKET:
		reason = check_socket(text);
		if (reason)
			return reason;
		set_string(at, text);
		return NULL;
	case OPTION_STRING:
		break;
	}
	set_string(at, text);
	return NULL;
}

/* ---- sources ------------------------------------------------------------------------------- */

static void set_defaults(struct options *options)
{
	*options = (struct options){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *option = &table[i];

		if (option->initial)
			store(option, option->initial, options);
		else if (option->type == OPTION_STRING || option->type == OPTION_SOCKET)
			store(&(struct option){ .type = OPTION_STRING, .offset = option->offset },
			      "", options);
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

static char *explain(const struct option *option, const char *reason)
{
	if (option->type != OPTION_CHOICE)
		return mem_strdup(reason);
	return mem_printf("must be one of %s", option->value);
}

static int store_env_list(const struct option *option, const char *text, struct options *options)
{
	struct option_list *list = (void *)((char *)options + option->offset);

	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ",");

		if (len)
			list_add(list, at, len);
		at += len + (at[len] == ',');
	}
	return 0;
}

/* An empty variable is one that is not set: manifests of containers cannot leave one out. */
static int read_env(struct options *options, char **ret_error)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *option = &table[i];
		const char *text = option->env ? getenv(option->env) : NULL, *reason = NULL;

		if (!text || !*text)
			continue;
		if (option->type == OPTION_LIST)
			store_env_list(option, text, options);
		else
			reason = store(option, text, options);
		if (reason) {
			_cleanup_(mem_freep) char *why = explain(option, reason);

			return refuse("", option->env, text, why, ret_error);
		}
	}
	return 0;
}

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == len && !strncmp(table[i].name, name, len))
			return &table[i];
	return NULL;
}

/* The first of a list on the command line puts away what the environment had. */
static void start_list(const struct option *option, bool *seen, struct options *options)
{
	if (option->type != OPTION_LIST || seen[option - table])
		return;
	seen[option - table] = true;
	list_fini((void *)((char *)options + option->offset));
}

/* One argument, and its value if that is the next one. Returns how many were used, or -EINVAL. */
static int read_argument(char *const *argv, struct options *options, bool *seen, char **ret_error)
{
	const struct option *option;
	const char *text, *reason;
	size_t len;
	int used = 1;

	if (strncmp(argv[0], "--", 2) != 0)
		return refuse("", "argument", argv[0], "options begin with --", ret_error);
	len = strcspn(argv[0] + 2, "=");
	option = find(argv[0] + 2, len);
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
		return refuse("--", option->name, "", "needs a value", ret_error);
	start_list(option, seen, options);
	reason = store(option, text, options);
	if (reason) {
		_cleanup_(mem_freep) char *why = explain(option, reason);

		return refuse("--", option->name, text, why, ret_error);
	}
	return used;
}

int options_parse(int argc, char *const *argv, struct options *ret_options, char **ret_error)
{
	bool seen[ARRAY_SIZE(table)] = { false };
	int r;

	set_defaults(ret_options);
	r = read_env(ret_options, ret_error);
	for (int i = 1; i < argc && r >= 0; i += r)
		r = read_argument(argv + i, ret_options, seen, ret_error);
	if (r < 0)
		return r;
	if (ret_options->help || ret_options->version)
		return 0;
	if (!*ret_options->manifests)
		return refuse("--", "manifests", "", "is required", ret_error);
	if (ret_options->print_plan && !ret_options->check)
		return refuse("--", "print-plan", "", "needs --check", ret_error);
	return 0;
}

void options_fini(struct options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		void *at = (char *)options + table[i].offset;

		if (table[i].type == OPTION_STRING || table[i].type == OPTION_SOCKET) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (table[i].type == OPTION_LIST) {
			list_fini(at);
		}
	}
}

const char *options_version(void)
{
	return NARU_VERSION;
}

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

void options_help(FILE *out)
{
	fputs("usage: narud --manifests DIR [OPTION]...\n"
	      "Serves the Services of a Kubernetes cluster on this node by BPF programs.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		print_option(&table[i], out);
	fputs("\nSIGTERM and SIGINT end narud and leave the kernel's state in place; "
	      "`naructl cleanup` removes it.\n",
	      out);
}
