// SPDX-License-Identifier: Apache-2.0
/* One table of iptables after the other: its chains, its rules, then the verdict on each. */
#include "leftovers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct chain {
	char *name;
	bool builtin, goes;
};

struct rule {
	char *line; /* as iptables-save has it: -A CHAIN … */
	char *chain, *target;
};

struct table {
	char *name; /* NULL: between two tables */
	struct chain *chains;
	size_t n_chains, cap_chains;
	struct rule *rules;
	size_t n_rules, cap_rules;
};

/* What built-in chains jump to. */
static const char *const entries[] = {
	"KUBE-SERVICES",    "KUBE-EXTERNAL-SERVICES",
	"KUBE-NODEPORTS",   "KUBE-POSTROUTING",
	"KUBE-FORWARD",	    "KUBE-PROXY-FIREWALL",
	"KUBE-NODE-PORT",   "KUBE-SOURCE-RANGES-FIREWALL",
	"KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER",
};

static const char *const inner[] = { "KUBE-MARK-MASQ", "KUBE-PROXY-CANARY", "KUBE-LOAD-BALANCER" };

/* Of single services and endpoints; a hash follows. */
static const char *const prefixes[] = { "KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-",
					"KUBE-EXT-", "KUBE-FW-",  "KUBE-XLB-" };

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool is_entry(const char *name)
{
	return is_one_of(name, entries, ARRAY_SIZE(entries));
}

static bool is_kube_proxys(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return is_entry(name) || is_one_of(name, inner, ARRAY_SIZE(inner));
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The next word: quotes keep words together, a backslash the next character. NULL: no more. */
static char *next_word(const char **rest)
{
	const char *at = *rest + strspn(*rest, " ");
	struct str word = { 0 };
	bool quoted = false;

	if (!*at)
		return NULL;
	str_add(&word, "", 0);
	for (; *at && (quoted || *at != ' '); at++) {
		if (*at == '"') {
			quoted = !quoted;
			continue;
		}
		if (*at == '\\' && at[1])
			at++;
		str_add(&word, at, 1);
	}
	*rest = at;
	return word.buf ? word.buf : mem_strdup("");
}

static void add_chain(struct table *table, const char *line)
{
	const char *rest = line + 1;
	struct chain chain = { .name = next_word(&rest) };
	_cleanup_(mem_freep) char *policy = next_word(&rest);

	if (!chain.name)
		return;
	chain.builtin = policy && strcmp(policy, "-") != 0;
	chain.goes = !chain.builtin && is_kube_proxys(chain.name);
	table->chains = mem_grow(table->chains, table->n_chains, &table->cap_chains,
				 sizeof(*table->chains));
	table->chains[table->n_chains++] = chain;
}

/* The word behind the last -j or -g; "" when the rule leads nowhere. */
static char *find_target(const char *rest)
{
	char *target = mem_strdup(""), *word;
	bool next = false;

	while ((word = next_word(&rest))) {
		if (next) {
			mem_freep(&target);
			target = TAKE_PTR(word);
			next = false;
			continue;
		}
		next = !strcmp(word, "-j") || !strcmp(word, "-g");
		mem_freep(&word);
	}
	return target;
}

static void add_rule(struct table *table, const char *line)
{
	const char *rest = line + strlen("-A ");
	struct rule rule = { .chain = next_word(&rest) };

	if (!rule.chain)
		return;
	rule.line = mem_strdup(line);
	rule.target = find_target(rest);
	table->rules =
		mem_grow(table->rules, table->n_rules, &table->cap_rules, sizeof(*table->rules));
	table->rules[table->n_rules++] = rule;
}

static void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->n_chains; i++)
		free(table->chains[i].name);
	for (size_t i = 0; i < table->n_rules; i++) {
		free(table->rules[i].line);
		free(table->rules[i].chain);
		free(table->rules[i].target);
	}
	free(table->chains);
	free(table->rules);
	free(table->name);
	*table = (struct table){ 0 };
}

/* ---- the verdict --------------------------------------------------------------------------- */

static int compare_chains(const void *a, const void *b)
{
	return strcmp(((const struct chain *)a)->name, ((const struct chain *)b)->name);
}

static struct chain *find_chain(const struct table *table, const char *name)
{
	const struct chain key = { .name = (char *)name };

	if (!table->n_chains)
		return NULL;
	return bsearch(&key, table->chains, table->n_chains, sizeof(key), compare_chains);
}

/* Does the rule hold on to a chain that was to go? */
static struct chain *held_by(const struct table *table, const struct rule *rule)
{
	const struct chain *from = find_chain(table, rule->chain);
	struct chain *to = find_chain(table, rule->target);

	if (!from || from->goes || !to || !to->goes)
		return NULL;
	return from->builtin && is_entry(to->name) ? NULL : to;
}

/* Until nothing is held any more that is to go. */
static void keep_held(struct table *table, struct leftovers *ret_leftovers)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < table->n_rules; i++) {
			struct chain *held = held_by(table, &table->rules[i]);

			if (!held)
				continue;
			held->goes = false;
			again = true;
			str_addf(&ret_leftovers->kept, "%s: %s\n", table->name, held->name);
		}
	}
}

static void note(struct leftovers *leftovers, const struct table *table, const char *line)
{
	str_addf(&leftovers->lines, "%s: %s\n", table->name, line);
}

static void add_jumps(const struct table *table, struct leftovers *ret_leftovers)
{
	for (size_t i = 0; i < table->n_rules; i++) {
		const struct rule *rule = &table->rules[i];
		const struct chain *from = find_chain(table, rule->chain);
		const struct chain *to = find_chain(table, rule->target);

		if (from && from->goes) {
			note(ret_leftovers, table, rule->line);
			ret_leftovers->rules++;
		} else if (to && to->goes) {
			note(ret_leftovers, table, rule->line);
			str_addf(&ret_leftovers->script, "-D %s\n", rule->line + strlen("-A "));
			ret_leftovers->jumps++;
		}
	}
}

/* Rules of a chain go with it: naming a chain empties it, and then it can be deleted. */
static void judge(struct table *table, struct leftovers *ret_leftovers)
{
	size_t before = ret_leftovers->chains;

	if (table->n_chains)
		qsort(table->chains, table->n_chains, sizeof(*table->chains), compare_chains);
	keep_held(table, ret_leftovers);
	for (size_t i = 0; i < table->n_chains; i++) {
		const struct chain *chain = &table->chains[i];

		if (!chain->goes)
			continue;
		if (ret_leftovers->chains == before)
			str_addf(&ret_leftovers->script, "*%s\n", table->name);
		str_addf(&ret_leftovers->script, ":%s - [0:0]\n", chain->name);
		str_addf(&ret_leftovers->lines, "%s: :%s\n", table->name, chain->name);
		ret_leftovers->chains++;
	}
	if (ret_leftovers->chains == before)
		return;
	add_jumps(table, ret_leftovers);
	for (size_t i = 0; i < table->n_chains; i++)
		if (table->chains[i].goes)
			str_addf(&ret_leftovers->script, "-X %s\n", table->chains[i].name);
	str_addf(&ret_leftovers->script, "COMMIT\n");
}

static void take_line(struct table *table, const char *line, struct leftovers *ret_leftovers)
{
	if (*line == '*') {
		table_fini(table);
		table->name = mem_strdup(line + 1);
	} else if (table->name && *line == ':') {
		add_chain(table, line);
	} else if (table->name && !strncmp(line, "-A ", 3)) {
		add_rule(table, line);
	} else if (table->name && !strcmp(line, "COMMIT")) {
		judge(table, ret_leftovers);
		table_fini(table);
	}
}

/* A comment of a rule may have line ends in its quotes. */
static size_t line_len(const char *at)
{
	bool quoted = false;
	size_t len = 0;

	if (strncmp(at, "-A ", 3) != 0)
		return strcspn(at, "\n");
	for (; at[len] && (quoted || at[len] != '\n'); len++) {
		if (at[len] == '"')
			quoted = !quoted;
		else if (at[len] == '\\' && at[len + 1])
			len++;
	}
	return len;
}

void leftovers_find(const char *saved, struct leftovers *ret_leftovers)
{
	_cleanup_(table_fini) struct table table = { 0 };

	*ret_leftovers = (struct leftovers){ 0 };
	while (*saved) {
		size_t len = line_len(saved);
		_cleanup_(mem_freep) char *line = mem_printf("%.*s", (int)len, saved);

		take_line(&table, line, ret_leftovers);
		saved += len + (saved[len] == '\n');
	}
}

void leftovers_fini(struct leftovers *leftovers)
{
	str_fini(&leftovers->lines);
	str_fini(&leftovers->script);
	str_fini(&leftovers->kept);
}
