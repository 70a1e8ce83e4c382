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

#include <naru/paths.h>

#include "base/mem.h"
#include "base/rundir.h"
#include "base/str.h"
#include "cleanup.h"
#include "client.h"
#include "show.h"

#define EXIT_USAGE 2

struct settings {
	char *run_dir;
	const char *bpffs;
	char *socket;
	bool json;
};

struct command {
	const char *name;
	int (*fn)(const struct command *command, const struct settings *settings);
	const char *path; /* asked for with -o json, and for show */
	int (*show)(struct json_object *root);
	const char *text_path; /* instead of show: narud has the text */
	const char *help;
};

static int ask(const struct command *command, const struct settings *settings);
static int cleanup(const struct command *command, const struct settings *settings);

static const struct command commands[] = {
	{ "status", ask, "/v1/status", show_status, NULL,
	  "is everything fine; sources, devices, maps, drops, what is wrong with objects" },
	{ "services", ask, "/v1/services", show_services, NULL,
	  "addresses that are served, with their policies" },
	{ "endpoints", ask, "/v1/endpoints", show_endpoints, NULL, "where their traffic goes" },
	{ "listeners", ask, "/v1/listeners", show_l7_listeners, NULL,
	  "where Gateways listen, and why not" },
	{ "routes", ask, "/v1/routes", show_l7_routes, NULL,
	  "which requests go where, with their shares" },
	{ "backends", ask, "/v1/backends", show_l7_backends, NULL,
	  "connections, limits, ejections and failures behind routes" },
	{ "flows", ask, "/v1/flows", show_flows, NULL, "connections and conversations now" },
	{ "plan", ask, "/v1/plan", NULL, "/v1/plan.txt", "the desired state of this node" },
	{ "drops", ask, "/v1/drops", show_drops, NULL, "dropped packets by reason, and events" },
	{ "cleanup", cleanup, NULL, NULL, NULL,
	  "with narud stopped: remove its programs, links and maps from the kernel" },
};

static int print_shown(const struct command *command, const struct str *body)
{
	struct json_object *root = json_tokener_parse(body->len ? body->buf : "");
	int status;

	if (!root) {
		client_complain("narud's answer is no JSON");
		return EXIT_FAILURE;
	}
	status = command->show(root);
	json_object_put(root);
	return status;
}

/* Scripts want the exit status of status, too. */
static int print_raw(const struct command *command, const struct str *body)
{
	struct json_object *root, *problems = NULL;
	int status = EXIT_SUCCESS;

	printf("%s\n", body->len ? body->buf : "");
	if (command->show != show_status)
		return status;
	root = json_tokener_parse(body->len ? body->buf : "");
	if (json_object_object_get_ex(root, "problems", &problems) &&
	    json_object_array_length(problems))
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

static int cleanup(const struct command *command, const struct settings *settings)
{
	(void)command;
	return cleanup_run(settings->bpffs, settings->socket);
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
	      "  --bpffs DIR         for cleanup: narud's --bpffs [default " NARU_BPFFS_DIR
	      "; environment NARU_BPFFS]\n"
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
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "run-dir", required_argument, NULL, OPTION_RUN_DIR },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "bpffs", required_argument, NULL, OPTION_BPFFS },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

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
	case OPTION_VERSION:
		puts("naructl " NARU_VERSION);
		return EXIT_SUCCESS;
	case OPTION_HELP:
		print_help(stdout);
		return EXIT_SUCCESS;
	default:
		return EXIT_USAGE;
	}
}

static int run_command(const char *name, const struct settings *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].fn(&commands[i], settings);
	client_complain("\"%s\": no such command (--help lists them)", name);
	return EXIT_USAGE;
}

static int run(int argc, char **argv, struct settings *settings)
{
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "o:", long_options, NULL)) != -1)
		status = take_option(option, settings);
	if (status >= 0)
		return status;
	if (optind + 1 != argc) {
		client_complain("one command is needed (--help lists them)");
		return EXIT_USAGE;
	}
	if (!settings->socket)
		settings->socket = mem_printf("%s/%s", settings->run_dir, NARU_SOCKET);
	return run_command(argv[optind], settings);
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.run_dir = run_dir(),
		.bpffs = environment("NARU_BPFFS", NARU_BPFFS_DIR),
	};
	int status = run(argc, argv, &settings);

	mem_freep(&settings.socket);
	mem_freep(&settings.run_dir);
	if (fflush(stdout) || ferror(stdout))
		return EXIT_FAILURE;
	return status;
}
