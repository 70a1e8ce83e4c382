/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of kube-proxy's settings, under their names in its configuration and on its command
 * line. Settings that are empty, 0 or false are left out: kubeadm writes all of them.
 */
#include "migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/mem.h"
#include "base/str.h"
#include "client.h"
#include "kube/document.h"
#include "kube/yamldoc.h"
#include "table.h"

#define BYTES_MAX (1U << 20)

enum fate {
	OPTION,	    /* the same as an option of narud */
	NOT_NEEDED, /* naru does it in any case, or has no use for it */
	NOTHING,    /* no counterpart: something changes */
};

struct row {
	const char *path; /* in the configuration; one that ends in a dot stands for all below */
	const char *flag; /* on the command line; with a dash at its end for all that begin so */
	enum fate fate;
	const char *option; /* of narud */
	const char *port;   /* that is added to an address without one */
	const char *note;
};

static const struct row rows[] = {
	{ "apiVersion", NULL, NOT_NEEDED, NULL, NULL, "" },
	{ "kind", NULL, NOT_NEEDED, NULL, NULL, "" },
	{ "nodePortAddresses", "nodeport-addresses", OPTION, "--nodeport-addresses", NULL, "" },
	{ "healthzBindAddress", "healthz-bind-address", OPTION, "--healthz", "10256", "" },
	{ "metricsBindAddress", "metrics-bind-address", OPTION, "--admin", "10249",
	  "shows narud's state beside the metrics" },
	{ "hostnameOverride", "hostname-override", OPTION, "--node-name", NULL, "" },
	{ "clientConnection.", "kube-api-", NOT_NEEDED, NULL, NULL,
	  "how the API server is reached is told to narud itself" },
	{ NULL, "kubeconfig", NOT_NEEDED, NULL, NULL,
	  "how the API server is reached is told to narud itself" },
	{ NULL, "config", NOTHING, NULL, NULL, "give that file instead: it has the settings" },
	{ "mode", "proxy-mode", NOT_NEEDED, NULL, NULL, "no rule is written in any mode" },
	{ "clusterCIDR", "cluster-cidr", NOT_NEEDED, NULL, NULL, "pods are known by their device" },
	{ "detectLocal.", NULL, NOT_NEEDED, NULL, NULL, "pods are known by their device" },
	{ "detectLocalMode", "detect-local-mode", NOT_NEEDED, NULL, NULL,
	  "pods are known by their device" },
	{ "linux.masqueradeAll", "masquerade-all", NOTHING, NULL, NULL,
	  "sources are rewritten only where answers would not come back" },
	{ "iptables.masqueradeAll", NULL, NOTHING, NULL, NULL,
	  "sources are rewritten only where answers would not come back" },
	{ "nftables.masqueradeAll", NULL, NOTHING, NULL, NULL,
	  "sources are rewritten only where answers would not come back" },
	{ "iptables.localhostNodePorts", "iptables-localhost-nodeports", NOT_NEEDED, NULL, NULL,
	  "on unless --nodeport-addresses leaves the loopback out" },
	{ "iptables.", "iptables-", NOT_NEEDED, NULL, NULL, "no rule is written" },
	{ "nftables.", "nftables-", NOT_NEEDED, NULL, NULL, "no rule is written" },
	{ "ipvs.scheduler", "ipvs-scheduler", NOTHING, NULL, NULL, "always Maglev" },
	{ "ipvs.", "ipvs-", NOT_NEEDED, NULL, NULL, "IPVS is not used" },
	{ "linux.conntrack.", "conntrack-", NOTHING, NULL, NULL,
	  "flows are in a map of fixed size, with time-outs of their own" },
	{ "conntrack.", NULL, NOTHING, NULL, NULL,
	  "flows are in a map of fixed size, with time-outs of their own" },
	{ "linux.oomScoreAdj", "oom-score-adj", NOT_NEEDED, NULL, NULL, "set it on the pod" },
	{ "oomScoreAdj", NULL, NOT_NEEDED, NULL, NULL, "set it on the pod" },
	{ "bindAddress", "bind-address", NOT_NEEDED, NULL, NULL, "both families are served" },
	{ "bindAddressHardFail", "bind-address-hard-fail", NOTHING, NULL, NULL,
	  "a port that is taken is told and tried again" },
	{ "configSyncPeriod", "config-sync-period", NOT_NEEDED, NULL, NULL,
	  "changes are brought into force as they come" },
	{ "syncPeriod", "sync-period", NOT_NEEDED, NULL, NULL,
	  "changes are brought into force as they come" },
	{ "minSyncPeriod", "min-sync-period", NOT_NEEDED, NULL, NULL,
	  "changes are brought into force as they come" },
	{ "logging.", "v", NOT_NEEDED, NULL, NULL, "see --log-level" },
	{ "enableProfiling", "profiling", NOTHING, NULL, NULL, "no profile over HTTP" },
	{ "featureGates.", "feature-gates", NOTHING, NULL, NULL, "no feature gates" },
	{ "portRange", "proxy-port-range", NOT_NEEDED, NULL, NULL, "of no effect there either" },
	{ "windowsRunAsService", "windows-service", NOT_NEEDED, NULL, NULL, "Linux only" },
	{ "winkernel.", "winkernel-", NOT_NEEDED, NULL, NULL, "Linux only" },
	{ NULL, "cleanup", NOT_NEEDED, NULL, NULL, "naructl cleanup --kube-proxy" },
};

static const char *const fates[] = { "option", "not needed", "no counterpart" };

/* What was found so far. */
struct findings {
	struct table table;
	struct json_object *list;
	struct str command; /* narud's options */
	size_t read, lost;
};

static bool covers(const char *name, const char *setting, char all)
{
	size_t len = name ? strlen(name) : 0;

	if (!len)
		return false;
	return name[len - 1] == all ? !strncmp(name, setting, len) : !strcmp(name, setting);
}

static const struct row *find(const char *setting, bool flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (flag ? covers(rows[i].flag, setting, '-') : covers(rows[i].path, setting, '.'))
			return &rows[i];
	return NULL;
}

/* An address gets the port that kube-proxy adds. */
static char *option_value(const struct row *row, const char *value)
{
	const char *colon = strrchr(value, ':');
	bool v6 = colon && strchr(value, ':') != colon && value[0] != '[';

	if (!row->port || (colon && !v6 && (value[0] != '[' || colon[-1] == ']')))
		return mem_strdup(value);
	if (v6)
		return mem_printf("[%s]:%s", value, row->port);
	return mem_printf("%s:%s", value, row->port);
}

static void set(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, json_object_new_string(value));
}

static void take(struct findings *found, const char *setting, const char *value, bool flag)
{
	static const struct row unknown = { .fate = NOTHING, .note = "not known to naructl" };
	const struct row *row = find(setting, flag);
	_cleanup_(mem_freep) char *option = NULL;
	struct json_object *o;

	found->read++;
	row = row ? row : &unknown;
	if (row->fate == NOT_NEEDED && !*row->note)
		return;
	if (row->fate == OPTION) {
		_cleanup_(mem_freep) char *text = option_value(row, value);

		option = mem_printf("%s=%s", row->option, text);
		str_addf(&found->command, " %s", option);
	}
	found->lost += row->fate == NOTHING;
	table_cell(&found->table, "%s%s", flag ? "--" : "", setting);
	table_cell(&found->table, "%s", value);
	table_cell(&found->table, "%s", option ? option : fates[row->fate]);
	table_cell(&found->table, "%s", row->note);
	o = json_object_new_object();
	set(o, "setting", setting);
	set(o, "value", value);
	set(o, "becomes", fates[row->fate]);
	set(o, "option", option ? option : "");
	set(o, "note", row->note);
	json_object_array_add(found->list, o);
}

/* ---- configuration ------------------------------------------------------------------------- */

static char *join(struct json_object *list)
{
	struct str text = { 0 };

	for (size_t i = 0; i < json_object_array_length(list); i++)
		str_addf(&text, "%s%s", i ? "," : "",
			 json_object_get_string(json_object_array_get_idx(list, i)));
	return text.len ? text.buf : mem_strdup("");
}

static bool says_nothing(const char *value)
{
	return !*value || !strcmp(value, "0") || !strcmp(value, "0s") || !strcmp(value, "false");
}

/* Documents are at most so deep that this may call itself. */
static void walk(struct findings *found, struct json_object *object, const char *prefix)
{
	json_object_object_foreach (object, key, value) {
		_cleanup_(mem_freep) char *path = mem_printf("%s%s", prefix, key);
		_cleanup_(mem_freep) char *text = NULL;

		if (json_object_is_type(value, json_type_object)) {
			_cleanup_(mem_freep) char *below = mem_printf("%s.", path);

			walk(found, value, below);
			continue;
		}
		text = json_object_is_type(value, json_type_array) ? join(value)
		       : value ? mem_strdup(json_object_get_string(value))
			       : mem_strdup("");
		if (!says_nothing(text))
			take(found, path, text, false);
	}
}

static void on_document(void *arg, const struct document *document);

/* A ConfigMap has the text of the configuration in it. */
static void on_config_map(struct findings *found, struct json_object *root)
{
	struct json_object *data = NULL, *text = NULL;
	int line;

	if (!json_object_object_get_ex(root, "data", &data) ||
	    !json_object_object_get_ex(data, "config.conf", &text) ||
	    !json_object_is_type(text, json_type_string))
		return;
	if (!document_check_text(json_object_get_string(text),
				 (size_t)json_object_get_string_len(text), &line))
		yamldoc_read(json_object_get_string(text), (size_t)json_object_get_string_len(text),
			     on_document, found);
}

static void on_document(void *arg, const struct document *document)
{
	struct json_object *kind = NULL;
	const char *name;

	if (document->unreadable)
		client_complain("line %d: %s", document->line, document->unreadable);
	if (!json_object_is_type(document->root, json_type_object) ||
	    !json_object_object_get_ex(document->root, "kind", &kind) || !kind)
		return;
	name = json_object_get_string(kind);
	if (!strcmp(name, "KubeProxyConfiguration"))
		walk(arg, document->root, "");
	/* Not one within another: what is in it is a configuration, or nothing. */
	else if (!strcmp(name, "ConfigMap") && !((struct findings *)arg)->read)
		on_config_map(arg, document->root);
}

/* ---- options ------------------------------------------------------------------------------- */

#define BLANKS " \t\r\n\\"

/* "--name=value", "--name value", or "--name" for what is only on or off. */
static void read_options(struct findings *found, char *text)
{
	char *at = NULL, *next = strtok_r(text, BLANKS, &at);

	while (next) {
		char *name = next, *value = strchr(name, '=');

		next = strtok_r(NULL, BLANKS, &at);
		if (strncmp(name, "--", 2) != 0)
			continue; /* the program's name, or a list's dash */
		if (value) {
			*value++ = '\0';
		} else if (next && *next != '-') {
			value = next;
			next = strtok_r(NULL, BLANKS, &at);
		}
		take(found, name + 2, value ? value : "true", true);
	}
}

/* ---- the command --------------------------------------------------------------------------- */

static int read_text(const char *file, struct str *ret_text)
{
	_cleanup_(mem_closep) int opened = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	int fd = file ? opened : STDIN_FILENO;
	char piece[8192];
	ssize_t n = -1;

	while (fd >= 0 && ret_text->len <= BYTES_MAX && (n = read(fd, piece, sizeof(piece))) > 0)
		str_add(ret_text, piece, (size_t)n);
	if (n < 0)
		return -errno;
	return ret_text->len > BYTES_MAX ? -EFBIG : 0;
}

static void print(const struct findings *found)
{
	table_print(&found->table, "");
	printf("\nnarud%s\n", found->command.len ? found->command.buf : "");
	if (found->lost)
		printf("%zu without a counterpart\n", found->lost);
}

static int report(const struct findings *found, const char *file, bool json)
{
	if (!found->read) {
		client_complain("%s: neither a KubeProxyConfiguration, nor a ConfigMap with one, "
				"nor options",
				file ? file : "standard input");
		return EXIT_FAILURE;
	}
	if (json)
		puts(json_object_to_json_string_ext(found->list, JSON_C_TO_STRING_PLAIN));
	else
		print(found);
	return found->lost ? EXIT_FAILURE : EXIT_SUCCESS;
}

int migrate_kube_proxy(const char *file, bool json)
{
	static const char *const titles[] = { "KUBE-PROXY", "VALUE", "NARU", "NOTE" };
	_cleanup_(str_fini) struct str text = { 0 };
	struct findings found = { .list = json_object_new_array() };
	const char *reason;
	int line, status, r = read_text(file, &text);

	table_init(&found.table, ARRAY_SIZE(titles), titles);
	reason = r ? strerror(-r) : document_check_text(text.buf, text.len, &line);
	if (reason)
		client_complain("%s: %s", file ? file : "standard input", reason);
	else if (text.len && strstr(text.buf, "kind:"))
		yamldoc_read(text.buf, text.len, on_document, &found);
	else if (text.len)
		read_options(&found, text.buf);
	status = reason ? EXIT_FAILURE : report(&found, file, json);
	table_fini(&found.table);
	json_object_put(found.list);
	str_fini(&found.command);
	return status;
}
