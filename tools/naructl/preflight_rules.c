// SPDX-License-Identifier: Apache-2.0
/* What the rules of iptables and nftables say, as their own tools list them. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "exec.h"
#include "field.h"
#include "preflight.h"

void preflight_rules_kubeproxy(struct preflight *preflight)
{
	pid_t pid = kubeproxy_pid();

	if (pid)
		preflight_add(
			preflight, PREFLIGHT_WARNING, "kube-proxy",
			"let narud run, then stop kube-proxy (with kubeadm: kubectl -n "
			"kube-system delete daemonset kube-proxy), then naructl cleanup "
			"--kube-proxy",
			"is running (pid %d); naru translates first, but Services with routes "
			"are taken away from naru-proxy",
			pid);
	else
		preflight_add(preflight, PREFLIGHT_FINE, "kube-proxy", NULL, "is not running");
}

#define CLEANUP                                                                                    \
	"naructl cleanup --kube-proxy lists it line by line, and removes it with --apply, once "   \
	"kube-proxy is stopped"

static void count_variant(struct preflight *preflight, const struct kubeproxy_rules *rules)
{
	const struct leftovers *found = &rules->found;

	if (rules->unseen)
		preflight_add(preflight, PREFLIGHT_WARNING, "rules of kube-proxy",
			      "see that it works (Debian: iptables), if rules of its kind may be "
			      "there",
			      "%s-save %s: nobody can tell", rules->tool,
			      exec_problem(rules->unseen));
	if (found->chains)
		preflight_add(preflight, PREFLIGHT_WARNING, "rules of kube-proxy", CLEANUP,
			      "%s has %zu chains, %zu rules, %zu jumps", rules->tool, found->chains,
			      found->rules, found->jumps);
}

void preflight_rules_leftovers(struct preflight *preflight)
{
	static const char *const families[] = { "ip", "ip6" };
	const struct kubeproxy *found = &preflight->kubeproxy;

	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		count_variant(preflight, &found->variants[i]);
	if (found->nft_unseen)
		preflight_add(preflight, PREFLIGHT_WARNING, "rules of kube-proxy",
			      "see that it works (Debian: nftables), if rules of its kind may be "
			      "there",
			      "nft %s: nobody can tell", exec_problem(found->nft_unseen));
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (found->tables[i])
			preflight_add(preflight, PREFLIGHT_WARNING, "rules of kube-proxy", CLEANUP,
				      "nftables has table %s kube-proxy", families[i]);
	if (found->ipvs)
		preflight_add(preflight, PREFLIGHT_WARNING, "rules of kube-proxy",
			      CLEANUP "; virtual servers: ipvsadm --list",
			      "the device " KUBEPROXY_DEVICE
			      " makes addresses of Services the node's own");
	if (!kubeproxy_any(found) && !kubeproxy_unseen(found))
		preflight_add(preflight, PREFLIGHT_FINE, "rules of kube-proxy", NULL, "none seen");
}

/* ---- FORWARD ------------------------------------------------------------------------------- */

#define FORWARD_ADVICE                                                                             \
	"let the CNI add its rules, or allow the pods' ranges in both directions: iptables -I "    \
	"FORWARD -s POD_CIDR -j ACCEPT; iptables -I FORWARD -d POD_CIDR -j ACCEPT"

/* A rule of FORWARD that may let pods' packets through: not kube-proxy's, whose mark naru does not
 * set, and not those of containers that are no pods. */
static bool is_exception(const char *rule)
{
	static const char *const others[] = { " -j KUBE-", " -j DOCKER", " docker0 ", " -o br-",
					      " -i br-" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strstr(rule, others[i]))
			return false;
	return strstr(rule, " -j ") && !strstr(rule, " -j DROP") && !strstr(rule, " -j REJECT");
}

struct forward {
	bool filter, drops, excepts;
};

static void read_forward(struct forward *forward, const char *line)
{
	if (*line == '*')
		forward->filter = !strcmp(line, "*filter");
	else if (forward->filter && !strncmp(line, ":FORWARD DROP", 13))
		forward->drops = true;
	else if (forward->filter && !strncmp(line, "-A FORWARD ", 11))
		forward->excepts |= is_exception(line);
}

static void on_forward_line(void *arg, const char *line)
{
	read_forward(arg, line);
}

static void add_forward(struct preflight *preflight, const char *what, bool excepts)
{
	if (excepts)
		preflight_add(preflight, PREFLIGHT_FINE, "forwarding", NULL,
			      "%s drops by default, but has rules that let packets through", what);
	else
		preflight_add(preflight, PREFLIGHT_FATAL, "forwarding", FORWARD_ADVICE,
			      "%s drops everything, and no rule of a CNI lets packets of pods "
			      "through: pods of this node are not reached from outside",
			      what);
}

static void add_unlisted(struct preflight *preflight, const char *what, int r)
{
	preflight_add(preflight, PREFLIGHT_WARNING, "forwarding",
		      "see that it works (Debian: nftables), if there are chains of nftables",
		      "%s cannot be listed: nft %s", what, exec_problem(r));
}

/* A base chain of nftables that iptables did not make. */
static void check_nft_chain(struct preflight *preflight, struct json_object *chain)
{
	const char *family = field_text(chain, "family"), *table = field_text(chain, "table");
	const char *name = field_text(chain, "name");
	const char *const argv[] = { "nft", "list", "chain", family, table, name, NULL };
	_cleanup_(mem_freep) char *what =
		mem_printf("nftables' chain %s %s %s", family, table, name);
	_cleanup_(str_fini) struct str text = { 0 };
	int r;

	if (strcmp(field_text(chain, "hook"), "forward") != 0 ||
	    strcmp(field_text(chain, "policy"), "drop") != 0 || !strcmp(name, "FORWARD"))
		return;
	r = exec_read(argv, &text);
	if (r) {
		add_unlisted(preflight, what, r);
		return;
	}
	add_forward(preflight, what,
		    text.len && (strstr(text.buf, " accept\n") || strstr(text.buf, "jump ") ||
				 strstr(text.buf, "goto ") || strstr(text.buf, " vmap ")));
}

static void check_nft(struct preflight *preflight)
{
	static const char *const argv[] = { "nft", "-j", "list", "chains", NULL };
	_cleanup_(str_fini) struct str text = { 0 };
	struct json_object *root, *chain;
	int r = exec_read(argv, &text);

	if (r)
		add_unlisted(preflight, "chains of nftables", r);
	if (r || !text.len)
		return;
	root = json_tokener_parse(text.buf);
	for (size_t i = 0; i < field_count(root, "nftables"); i++)
		if (json_object_object_get_ex(field_at(root, "nftables", i), "chain", &chain))
			check_nft_chain(preflight, chain);
	json_object_put(root);
}

void preflight_rules_forward(struct preflight *preflight)
{
	size_t before = preflight->n;

	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++) {
		const struct kubeproxy_rules *rules = &preflight->kubeproxy.variants[i];
		_cleanup_(mem_freep) char *what = mem_printf("%s' FORWARD", rules->tool);
		struct forward forward = { 0 };

		exec_each_line(&rules->saved, on_forward_line, &forward);
		if (forward.drops)
			add_forward(preflight, what, forward.excepts);
	}
	check_nft(preflight);
	/* Of tools that could not list theirs the check of kube-proxy's rules has warned. */
	if (preflight->n == before && !kubeproxy_unseen(&preflight->kubeproxy))
		preflight_add(preflight, PREFLIGHT_FINE, "forwarding", NULL,
			      "no chain seen that drops by default");
}

/* ---- marks --------------------------------------------------------------------------------- */

static void on_mark_line(void *arg, const char *line)
{
	if (!strncmp(line, "-A ", 3) && strncmp(line, "-A KUBE-", 8) != 0 &&
	    strstr(line, "0x4000/0x4000"))
		++*(size_t *)arg;
}

void preflight_rules_marks(struct preflight *preflight)
{
	size_t n = 0;

	for (size_t i = 0; i < KUBEPROXY_VARIANTS; i++)
		exec_each_line(&preflight->kubeproxy.variants[i].saved, on_mark_line, &n);
	if (n)
		preflight_add(
			preflight, PREFLIGHT_WARNING, "marks",
			"look whether they wait for packets that kube-proxy has marked: "
			"iptables-save | grep 0x4000",
			"%zu rules of others use the mark 0x4000, which naru neither sets nor "
			"reads",
			n);
	else if (!kubeproxy_unseen(&preflight->kubeproxy))
		preflight_add(preflight, PREFLIGHT_FINE, "marks", NULL,
			      "no rule of others uses kube-proxy's mark 0x4000");
}
