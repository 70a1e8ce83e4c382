// SPDX-License-Identifier: Apache-2.0
/*
 * The tools that wrote the rules list and remove them: each removal is one transaction, so that no
 * packet meets half of them. Whatever is not kube-proxy's stays as it is.
 */
#include "kubeproxy.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "client.h"
#include "exec.h"

static const char *const tools[KUBEPROXY_VARIANTS] = { "iptables-legacy", "ip6tables-legacy",
						       "iptables-nft", "ip6tables-nft" };
static const char *const families[] = { "ip", "ip6" };

/* ---- looking ------------------------------------------------------------------------------- */

/* The kernel lists the legacy tables of this network namespace: without one there is no rule, and
 * no tool is needed to know. Without the file there is no module that could have any. */
static bool has_legacy(const char *family)
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/self/net/%s_tables_names", family);
	_cleanup_(mem_closefilep) FILE *file = fopen(path, "re");

	return file ? fgetc(file) != EOF : errno != ENOENT;
}

/* The same of those that iptables keeps by way of nftables; tables: as nft lists them, all. */
static bool has_nft(const char *family, const struct str *tables)
{
	static const char *const names[] = { "nat", "filter", "mangle", "raw", "security" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(mem_freep) char *line = mem_printf("table %s %s\n", family, names[i]);

		if (tables->len && strstr(tables->buf, line))
			return true;
	}
	return false;
}

static void look_at_variant(struct kubeproxy_rules *rules, const char *tool, bool any)
{
	_cleanup_(mem_freep) char *save = mem_printf("%s-save", tool);
	const char *const argv[] = { save, NULL };

	rules->tool = tool;
	rules->unseen = any ? exec_read(argv, &rules->saved) : 0;
	if (rules->unseen)
		str_fini(&rules->saved);
	leftovers_find(rules->saved.len ? rules->saved.buf : "", &rules->found);
}

static void look_at_nft(struct kubeproxy *found, const struct str *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const char *const argv[] = {
			"nft", "list", "table", families[i], "kube-proxy", NULL
		};
		_cleanup_(mem_freep) char *line = mem_printf("table %s kube-proxy\n", families[i]);

		found->tables[i] = list->len && strstr(list->buf, line);
		if (found->tables[i])
			found->nft_unseen |= exec_read(argv, &found->nft[i]);
	}
}

void kubeproxy_look(struct kubeproxy *ret_found)
{
	static const char *const all[] = { "nft", "list", "tables", NULL };
	_cleanup_(str_fini) struct str list = { 0 };

	*ret_found = (struct kubeproxy){ .ipvs = if_nametoindex(KUBEPROXY_DEVICE) > 0 };
	ret_found->nft_unseen = exec_read(all, &list);
	/* In the order of the tools: legacy, then nft, each for both families. */
	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++) {
		const char *family = families[i % 2];
		bool any = i < 2 ? has_legacy(family)
				 : ret_found->nft_unseen || has_nft(family, &list);

		look_at_variant(&ret_found->variants[i], tools[i], any);
	}
	look_at_nft(ret_found, &list);
}

void kubeproxy_fini(struct kubeproxy *found)
{
	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++) {
		str_fini(&found->variants[i].saved);
		leftovers_fini(&found->variants[i].found);
	}
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		str_fini(&found->nft[i]);
}

bool kubeproxy_any(const struct kubeproxy *found)
{
	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		if (found->variants[i].found.chains)
			return true;
	return found->tables[0] || found->tables[1] || found->ipvs;
}

bool kubeproxy_unseen(const struct kubeproxy *found)
{
	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		if (found->variants[i].unseen)
			return true;
	return found->nft_unseen;
}

/* ---- the process --------------------------------------------------------------------------- */

static bool is_named(const char *pid, const char *name)
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/%s/comm", pid);
	FILE *file = fopen(path, "re");
	char comm[32] = "";
	bool got;

	if (!file)
		return false;
	got = fgets(comm, sizeof(comm), file) != NULL;
	fclose(file);
	comm[strcspn(comm, "\n")] = 0;
	return got && !strcmp(comm, name);
}

/* Of another network namespace it is another node's, as with kind. */
static bool is_here(const char *pid)
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/%s/ns/net", pid);
	char theirs[64] = "", ours[64] = "";

	if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
		return true; /* no right to see: better too many than too few */
	return readlink("/proc/self/ns/net", ours, sizeof(ours) - 1) < 0 || !strcmp(theirs, ours);
}

pid_t kubeproxy_pid(void)
{
	_cleanup_(mem_closedirp) DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name) &&
		    is_named(entry->d_name, "kube-proxy") && is_here(entry->d_name))
			return (pid_t)strtol(entry->d_name, NULL, 10);
	return 0;
}

/* ---- removing ------------------------------------------------------------------------------ */

struct frame {
	const char *tool, *suffix;
};

static void print_line(void *arg, const char *line)
{
	const struct frame *frame = arg;

	printf("%s %s%s\n", frame->tool, line, frame->suffix);
}

/* Each line behind the name of the tool that shows it. */
static void print_lines(const char *tool, const struct str *lines, const char *suffix)
{
	struct frame frame = { tool, suffix };

	exec_each_line(lines, print_line, &frame);
}

static void print_variant(const struct kubeproxy_rules *rules)
{
	if (rules->unseen)
		printf("%s-save %s: rules of its kind, if any, are not seen\n", rules->tool,
		       exec_problem(rules->unseen));
	print_lines(rules->tool, &rules->found.lines, "");
	print_lines(rules->tool, &rules->found.kept, " stays: rules of others lead to it");
}

static void print_found(const struct kubeproxy *found)
{
	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		print_variant(&found->variants[i]);
	if (found->nft_unseen)
		printf("nft %s: tables of kube-proxy, if any, are not seen\n",
		       exec_problem(found->nft_unseen));
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		print_lines("nft", &found->nft[i], "");
	if (found->ipvs)
		puts("ip link " KUBEPROXY_DEVICE);
}

static int run(const char *const *argv, const struct str *input)
{
	int r;

	/* What is printed behind the list shall stand there. */
	fflush(stdout);
	r = exec_run(argv, input);
	if (r)
		client_complain("%s %s: what it would have removed stays", argv[0],
				exec_problem(r));
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int remove_variant(const struct kubeproxy_rules *rules)
{
	_cleanup_(mem_freep) char *restore = mem_printf("%s-restore", rules->tool);
	const char *const argv[] = { restore, "--noflush", NULL };

	return rules->found.script.len ? run(argv, &rules->found.script) : EXIT_SUCCESS;
}

static int remove_found(const struct kubeproxy *found)
{
	static const char *const device[] = { "ip", "link", "delete", KUBEPROXY_DEVICE, NULL };
	int status = EXIT_SUCCESS;

	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		status |= remove_variant(&found->variants[i]);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const char *const argv[] = { "nft",	  "delete",	"table",
					     families[i], "kube-proxy", NULL };

		if (found->tables[i])
			status |= run(argv, NULL);
	}
	if (found->ipvs)
		status |= run(device, NULL);
	return status;
}

/* The last words, and whether they are all that there is to say. */
static int conclude(const struct kubeproxy *found, int status, const char *text)
{
	bool unseen = kubeproxy_unseen(found);

	printf("%s%s\n", text, unseen ? "; there may be more, which could not be seen" : "");
	return unseen ? EXIT_FAILURE : status;
}

int kubeproxy_cleanup(bool apply)
{
	_cleanup_(kubeproxy_fini) struct kubeproxy found;
	pid_t pid = kubeproxy_pid();
	int status;

	if (apply && pid) {
		client_complain("kube-proxy is running (pid %d) and would write its rules again: "
				"stop it first",
				pid);
		return EXIT_FAILURE;
	}
	kubeproxy_look(&found);
	print_found(&found);
	if (!kubeproxy_any(&found))
		return conclude(&found, EXIT_SUCCESS,
				kubeproxy_unseen(&found) ? "nothing of kube-proxy is seen"
							 : "nothing of kube-proxy is left");
	if (!apply)
		return conclude(
			&found, EXIT_SUCCESS,
			"nothing was changed; naructl cleanup --kube-proxy --apply removes these");
	status = remove_found(&found);
	return conclude(&found, status, status ? "not all of it is removed" : "removed");
}
