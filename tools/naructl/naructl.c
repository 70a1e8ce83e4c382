/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naructl: what narud does, for people and scripts. A table of commands; most ask narud one path
 * and show the answer. Exit status: 0 fine, 1 problem found (narud does not answer, status lists
 * problems), 2 usage.
 */
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rundir.h"
#include "base/str.h"
#include "bundle.h"
#include "cleanup.h"
#include "client.h"
#include "field.h"
#include "kubeproxy.h"
#include "migrate.h"
#include "preflight.h"
#include "seen.h"
#include "show.h"
#include "top.h"
#include "why.h"

#define EXIT_USAGE 2
#define WAIT_US	   200000 /* between two looks */
#define WAIT_S	   60	  /* when --wait has no number */

struct settings {
	char *run_dir;
	const char *bpffs;
	const char *cgroup; /* "": the root of the tree */
	char *socket;
	bool json;
	uint32_t given;		  /* OPTION_BIT of long options */
	struct seen_options seen; /* filters */
	struct top_options top;
	bool kube_proxy, apply, dry_run;
	double wait_s; /* for status: to be fine; 0: not at all */
	struct why_options why;
	char **words; /* behind the command */
	int n_words;
};

struct command {
	const char *name;
	int (*fn)(const struct command *command, const struct settings *settings);
	const char *path; /* asked for with -o json, and for show */
	int (*show)(struct json_object *root);
	const char *text_path; /* instead of show: narud has the text */
	const char *help;
	int least_words, most_words; /* behind its name */
};

static int ask(const struct command *command, const struct settings *settings);
static int bundle(const struct command *command, const struct settings *settings);
static int cleanup(const struct command *command, const struct settings *settings);
static int flows(const struct command *command, const struct settings *settings);
static int migrate(const struct command *command, const struct settings *settings);
static int observe(const struct command *command, const struct settings *settings);
static int preflight(const struct command *command, const struct settings *settings);
static int probe(const struct command *command, const struct settings *settings);
static int status(const struct command *command, const struct settings *settings);
static int top(const struct command *command, const struct settings *settings);
static int why(const struct command *command, const struct settings *settings);

static const struct command commands[] = {
	{ "status", status, "/v1/status", show_status, NULL,
	  "is everything fine; sources, devices, maps, drops, what is wrong with objects", 0, 0 },
	{ "probe", probe, NULL, NULL, NULL,
	  "for a startup probe: does narud of this container serve here yet, and no other one", 0,
	  0 },
	{ "services", ask, "/v1/services", show_services, NULL,
	  "addresses that are served, with their policies", 0, 0 },
	{ "endpoints", ask, "/v1/endpoints", show_endpoints, NULL, "where their traffic goes", 0,
	  0 },
	{ "listeners", ask, "/v1/listeners", show_l7_listeners, NULL,
	  "where Gateways listen, and why not", 0, 0 },
	{ "routes", ask, "/v1/routes", show_l7_routes, NULL,
	  "which requests go where, with their shares", 0, 0 },
	{ "backends", ask, "/v1/backends", show_l7_backends, NULL,
	  "connections, limits, ejections and failures behind routes", 0, 0 },
	{ "addresses", ask, "/v1/addresses", show_addresses, NULL,
	  "address pools, and which Services and Gateways have their addresses", 0, 0 },
	{ "announce", ask, "/v1/announce", show_announce, NULL,
	  "which addresses this node answers for on its links, and which other nodes it hears", 0,
	  0 },
	{ "flows", flows, NULL, NULL, NULL, "connections and conversations now", 0, 0 },
	{ "observe", observe, NULL, NULL, NULL, "flows that begin and packets dropped from now on",
	  0, 0 },
	{ "top", top, NULL, NULL, NULL, "which services are busy: rates over an interval", 0, 0 },
	{ "plan", ask, "/v1/plan", NULL, "/v1/plan.txt", "the desired state of this node", 0, 0 },
	{ "diff", ask, "/v1/diff", show_diff, NULL,
	  "where the maps are not as the plan wants them: nothing when they are", 0, 0 },
	{ "drops", ask, "/v1/drops", show_drops, NULL, "dropped packets by reason, and events", 0,
	  0 },
	{ "why", why, NULL, NULL, NULL,
	  "SRC DST:PORT[/PROTO]: where a packet would go, and each decision on its way", 2, 2 },
	{ "preflight", preflight, NULL, NULL, NULL,
	  "what stands in naru's way on this node, and what to do", 0, 0 },
	{ "migrate", migrate, NULL, NULL, NULL,
	  "kube-proxy [FILE], with --dry-run: what its configuration becomes", 1, 2 },
	{ "bundle", bundle, NULL, NULL, NULL,
	  "[FILE]: an archive for a report, of state, maps and node, without secrets", 0, 1 },
	{ "cleanup", cleanup, NULL, NULL, NULL,
	  "with narud stopped: remove its programs, links and maps from the kernel; with "
	  "--kube-proxy: what kube-proxy has left",
	  0, 0 },
};

static int print_shown(const struct command *command, const struct str *body)
{
	struct json_object *root = field_parse(body->len ? body->buf : "");
	int status;

	if (!root)
		return EXIT_FAILURE;
	status = command->show(root);
	json_object_put(root);
	return status;
}

/* An answer that has that list, and nothing in it. */
static bool is_empty(struct json_object *root, const char *list)
{
	return json_object_is_type(field_of(root, list), json_type_array) &&
	       !field_count(root, list);
}

/* Scripts want the exit status of status and diff, too. */
static int print_raw(const struct command *command, const struct str *body)
{
	struct json_object *root;
	int status = EXIT_SUCCESS;

	printf("%s\n", body->len ? body->buf : "");
	if (command->show != show_status && command->show != show_diff)
		return status;
	root = field_parse(body->len ? body->buf : "");
	if (!is_empty(root, command->show == show_status ? "problems" : "differences"))
		status = EXIT_FAILURE;
	json_object_put(root);
	return status;
}

static int ask(const struct command *command, const struct settings *settings)
{
	bool text = !settings->json && command->text_path;
	_cleanup_(str_fini) struct str body = { 0 };

	if (client_get(settings->socket, text ? command->text_path : command->path, &body) < 0)
		return EXIT_FAILURE;
	if (text) {
		fputs(body.len ? body.buf : "", stdout);
		return EXIT_SUCCESS;
	}
	return settings->json ? print_raw(command, &body) : print_shown(command, &body);
}

static int bundle(const struct command *command, const struct settings *settings)
{
	(void)command;
	return bundle_run(settings->socket, settings->bpffs,
			  settings->n_words ? settings->words[0] : NULL);
}

/* Until there is a narud and it has no problem, or for that long. */
static void wait_until_fine(const struct settings *settings)
{
	const uint64_t deadline = clock_ms() + (uint64_t)(settings->wait_s * 1000);
	bool fine = false;

	while (!fine) {
		_cleanup_(str_fini) struct str body = { 0 };
		struct json_object *root = NULL;

		if (client_try(settings->socket, "/v1/status", &body) && body.len)
			root = field_try(body.buf);
		fine = is_empty(root, "problems");
		json_object_put(root);
		if (clock_ms() >= deadline)
			break;
		if (!fine)
			usleep(WAIT_US);
	}
}

/* The pods of an upgrade share the node's ports and its run directory; processes they do not. */
static int probe(const struct command *command, const struct settings *settings)
{
	_cleanup_(str_fini) struct str body = { 0 };

	(void)command;
	if (!client_sees(settings->socket)) {
		client_complain("no narud of this container serves at %s yet", settings->socket);
		return EXIT_FAILURE;
	}
	return client_get(settings->socket, "/healthz", &body) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int status(const struct command *command, const struct settings *settings)
{
	if (settings->wait_s > 0)
		wait_until_fine(settings);
	return ask(command, settings);
}

static int cleanup(const struct command *command, const struct settings *settings)
{
	(void)command;
	if (settings->kube_proxy)
		return kubeproxy_cleanup(settings->apply);
	return cleanup_run(settings->bpffs, settings->socket);
}

static int flows(const struct command *command, const struct settings *settings)
{
	(void)command;
	return seen_flows(&settings->seen);
}

static int migrate(const struct command *command, const struct settings *settings)
{
	(void)command;
	if (strcmp(settings->words[0], "kube-proxy") != 0 || !settings->dry_run) {
		client_complain("migrate knows kube-proxy only, and only tells: with --dry-run");
		return EXIT_USAGE;
	}
	return migrate_kube_proxy(settings->n_words > 1 ? settings->words[1] : NULL,
				  settings->json);
}

static int observe(const struct command *command, const struct settings *settings)
{
	(void)command;
	return seen_observe(&settings->seen);
}

static int preflight(const struct command *command, const struct settings *settings)
{
	(void)command;
	return preflight_run(settings->bpffs, settings->cgroup, settings->json);
}

static int top(const struct command *command, const struct settings *settings)
{
	(void)command;
	return top_run(&settings->top);
}

static int why(const struct command *command, const struct settings *settings)
{
	struct why_options options = settings->why;

	(void)command;
	options.bpffs = settings->bpffs;
	options.json = settings->json;
	options.source = settings->words[0];
	options.target = settings->words[1];
	return why_run(&options);
}

static void print_help(FILE *out)
{
	fputs("usage: naructl [OPTION]... COMMAND\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n"
	      "  -o, --output json   the answer as JSON instead of a table\n"
	      "  --run-dir DIR       where narud's socket is [default /run/naru, for ordinary\n"
	      "                      users $XDG_RUNTIME_DIR/naru or /tmp/naru-UID; environment\n"
	      "                      NARU_RUN_DIR]\n"
	      "  --socket PATH       the socket itself\n"
	      "  --bpffs DIR         for why, cleanup, preflight, bundle: of narud\n"
	      "                      [default " NARU_BPFFS_DIR "; environment NARU_BPFFS]\n"
	      "  --cgroup DIR        for preflight: of narud [environment NARU_CGROUP]\n"
	      "  --service NAME      for flows, observe: [NAMESPACE/]NAME[:PORT]\n"
	      "  --client, --backend ADDR[/LEN] or ADDR:PORT, [ADDR]:PORT, :PORT\n"
	      "  --proto P           tcp, udp or sctp\n"
	      "  --event E           for observe: flow, socket, drop or refused\n"
	      "  --limit N           no more than so many\n"
	      "  --from F            for why: node (a socket of it), pod, outside or the\n"
	      "                      device where SRC comes in [default: by the route to SRC]\n"
	      "  --interval S        for top [default 2]\n"
	      "  --rounds N          for top: as often, 0 until interrupted [default 1]\n"
	      "  --wait[=S]          for status: until everything is fine, at most so many\n"
	      "                      seconds [default 60]\n"
	      "  --kube-proxy        for cleanup: list the rules that kube-proxy has left\n"
	      "  --apply, --yes      and remove them\n"
	      "  --dry-run           for migrate: tell, change nothing\n"
	      "  --version, --help\n"
	      "\nExit status: 0 fine, 1 problem found, 2 usage.\n",
	      out);
}

static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static char *run_dir(void)
{
	const char *given = environment("NARU_RUN_DIR", "");

	return *given ? mem_strdup(given) : rundir_default();
}

enum {
	OPTION_RUN_DIR = 256,
	OPTION_SOCKET,
	OPTION_BPFFS,
	OPTION_CGROUP,
	OPTION_SERVICE,
	OPTION_CLIENT,
	OPTION_BACKEND,
	OPTION_PROTO,
	OPTION_EVENT,
	OPTION_LIMIT,
	OPTION_FROM,
	OPTION_INTERVAL,
	OPTION_ROUNDS,
	OPTION_WAIT,
	OPTION_KUBE_PROXY,
	OPTION_APPLY,
	OPTION_DRY_RUN,
	OPTION_VERSION,
	OPTION_HELP,
};
#define OPTION_BIT(option) (1u << ((option)-OPTION_RUN_DIR))

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "run-dir", required_argument, NULL, OPTION_RUN_DIR },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "bpffs", required_argument, NULL, OPTION_BPFFS },
	{ "cgroup", required_argument, NULL, OPTION_CGROUP },
	{ "service", required_argument, NULL, OPTION_SERVICE },
	{ "client", required_argument, NULL, OPTION_CLIENT },
	{ "backend", required_argument, NULL, OPTION_BACKEND },
	{ "proto", required_argument, NULL, OPTION_PROTO },
	{ "event", required_argument, NULL, OPTION_EVENT },
	{ "limit", required_argument, NULL, OPTION_LIMIT },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "interval", required_argument, NULL, OPTION_INTERVAL },
	{ "rounds", required_argument, NULL, OPTION_ROUNDS },
	{ "wait", optional_argument, NULL, OPTION_WAIT },
	{ "kube-proxy", no_argument, NULL, OPTION_KUBE_PROXY },
	{ "apply", no_argument, NULL, OPTION_APPLY },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "yes", no_argument, NULL, OPTION_APPLY },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

/* Options that only these commands have. */
static const struct use {
	int option;
	const char *commands[2];
} uses[] = {
	{ OPTION_SERVICE, { "flows", "observe" } },
	{ OPTION_CLIENT, { "flows", "observe" } },
	{ OPTION_BACKEND, { "flows", "observe" } },
	{ OPTION_PROTO, { "flows", "observe" } },
	{ OPTION_LIMIT, { "flows", "observe" } },
	{ OPTION_EVENT, { "observe" } },
	{ OPTION_FROM, { "why" } },
	{ OPTION_INTERVAL, { "top" } },
	{ OPTION_ROUNDS, { "top" } },
	{ OPTION_WAIT, { "status" } },
	{ OPTION_KUBE_PROXY, { "cleanup" } },
	{ OPTION_APPLY, { "cleanup" } },
	{ OPTION_DRY_RUN, { "migrate" } },
};

/* -1: taken. */
static int take_number(const char *name, double least, double most, double *ret_number)
{
	char *end;

	*ret_number = strtod(optarg, &end);
	if (*optarg && !*end && *ret_number >= least && *ret_number <= most)
		return -1;
	client_complain("--%s: \"%s\": must be a number from %g to %g", name, optarg, least, most);
	return EXIT_USAGE;
}

/* What narud judges, and what top needs. Returns as take_option(). */
static int take_view_option(int option, struct settings *settings)
{
	struct seen_options *seen = &settings->seen;
	double number = 0;
	int status = -1;

	switch (option) {
	case OPTION_SERVICE:
		seen->service = optarg;
		break;
	case OPTION_CLIENT:
		seen->client = optarg;
		break;
	case OPTION_BACKEND:
		seen->backend = optarg;
		break;
	case OPTION_PROTO:
		seen->proto = optarg;
		break;
	case OPTION_EVENT:
		seen->event = optarg;
		break;
	case OPTION_LIMIT:
		seen->limit = optarg;
		break;
	case OPTION_FROM:
		settings->why.from = optarg;
		break;
	case OPTION_WAIT:
		settings->wait_s = WAIT_S;
		if (optarg)
			status = take_number("wait", 0, 86400, &settings->wait_s);
		break;
	case OPTION_INTERVAL:
		status = take_number("interval", 0.1, 3600, &number);
		settings->top.interval_ms = (unsigned)(number * 1000);
		break;
	case OPTION_ROUNDS:
		status = take_number("rounds", 0, 1e6, &number);
		settings->top.rounds = (unsigned)number;
		break;
	default:
		status = EXIT_USAGE;
	}
	return status;
}

/* One option. Returns the exit status when there is nothing more to do, else -1. */
static int take_option(int option, struct settings *settings)
{
	switch (option) {
	case 'o':
		settings->json = !strcmp(optarg, "json");
		if (settings->json)
			return -1;
		client_complain("-o: \"%s\": must be json", optarg);
		return EXIT_USAGE;
	case OPTION_RUN_DIR:
		mem_freep(&settings->run_dir);
		settings->run_dir = mem_strdup(optarg);
		return -1;
	case OPTION_SOCKET:
		mem_freep(&settings->socket);
		settings->socket = mem_strdup(optarg);
		return -1;
	case OPTION_BPFFS:
		settings->bpffs = optarg;
		return -1;
	case OPTION_CGROUP:
		settings->cgroup = optarg;
		return -1;
	case OPTION_KUBE_PROXY:
		settings->kube_proxy = true;
		return -1;
	case OPTION_DRY_RUN:
		settings->dry_run = true;
		return -1;
	case OPTION_APPLY:
		settings->apply = true;
		return -1;
	case OPTION_VERSION:
		puts("naructl " NARU_VERSION);
		return EXIT_SUCCESS;
	case OPTION_HELP:
		print_help(stdout);
		return EXIT_SUCCESS;
	default:
		return take_view_option(option, settings);
	}
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static const char *option_name(int option)
{
	const struct option *at = long_options;

	while (at->val != option)
		at++;
	return at->name;
}

static bool has_command(const struct use *use, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(use->commands); i++)
		if (use->commands[i] && !strcmp(use->commands[i], name))
			return true;
	return false;
}

/* What would have no effect is not what the user means. */
static bool takes_options(const struct command *command, const struct settings *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		if (!(settings->given & OPTION_BIT(uses[i].option)) ||
		    has_command(&uses[i], command->name))
			continue;
		client_complain("%s has no option --%s (--help)", command->name,
				option_name(uses[i].option));
		return false;
	}
	return true;
}

static int run_command(const char *name, const struct settings *settings)
{
	const struct command *command = find_command(name);

	if (!command) {
		client_complain("\"%s\": no such command (--help lists them)", name);
		return EXIT_USAGE;
	}
	if (settings->n_words < command->least_words || settings->n_words > command->most_words) {
		client_complain("%s takes %s (--help)", name,
				command->most_words ? "other arguments" : "no arguments");
		return EXIT_USAGE;
	}
	if (!takes_options(command, settings))
		return EXIT_USAGE;
	return command->fn(command, settings);
}

static int run(int argc, char **argv, struct settings *settings)
{
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "o:", long_options, NULL)) != -1) {
		settings->given |= option >= OPTION_RUN_DIR ? OPTION_BIT(option) : 0;
		status = take_option(option, settings);
	}
	if (status >= 0)
		return status;
	if (optind == argc) {
		client_complain("a command is needed (--help lists them)");
		return EXIT_USAGE;
	}
	if (!settings->socket)
		settings->socket = mem_printf("%s/%s", settings->run_dir, NARU_SOCKET);
	settings->seen.socket = settings->top.socket = settings->socket;
	settings->seen.json = settings->top.json = settings->json;
	settings->words = argv + optind + 1;
	settings->n_words = argc - optind - 1;
	return run_command(argv[optind], settings);
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.run_dir = run_dir(),
		.bpffs = environment("NARU_BPFFS", NARU_BPFFS_DIR),
		.cgroup = environment("NARU_CGROUP", ""),
		.top = { .interval_ms = 2000, .rounds = 1 },
	};
	int status = run(argc, argv, &settings);

	mem_freep(&settings.socket);
	mem_freep(&settings.run_dir);
	if (fflush(stdout) || ferror(stdout))
		return EXIT_FAILURE;
	return status;
}
