// SPDX-License-Identifier: Apache-2.0
/*
 * kubeconfig files by decode tables, and what pods have instead. client.c and what people type call
 * it. Invariants: no value of the file stands in an error, since it may be a secret; only the
 * cluster and the user of the chosen context have to make sense; relative file names are relative
 * to the kubeconfig file.
 */
#include "kube/kubeconfig.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/base64.h"
#include "base/diag.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/decode.h"
#include "kube/document.h"
#include "kube/field.h"
#include "kube/yamldoc.h"

#define FILE_MAX      1048576
#define ENTRIES_MAX   1024
#define NAMESPACE_MAX 256

/* ---- what stands in a file ------------------------------------------------------------------ */

struct cluster {
	char *name, *server, *ca_file, *ca_data, *tls_name, *proxy;
	bool insecure;
};

struct pair {
	char *name, *value;
};

struct user {
	char *name, *token, *token_file, *cert_file, *cert_data, *key_file, *key_data;
	bool basic, provider, has_exec;
	char *command, *version;
	char **args;
	size_t n_args;
	struct pair *env;
	size_t n_env;
};

struct context {
	char *name, *cluster, *user, *namespace;
};

struct raw {
	char *current;
	struct cluster *clusters;
	size_t n_clusters;
	struct user *users;
	size_t n_users;
	struct context *contexts;
	size_t n_contexts;
};

#define TEXT(key, type, member)                                                                    \
	{                                                                                          \
		.name = (key), .fn = field_string, .offset = offsetof(struct type, member)         \
	}
#define BOOL(key, type, member, how)                                                               \
	{                                                                                          \
		.name = (key), .fn = (how), .offset = offsetof(struct type, member)                \
	}
/* A list whose number of elements stands in count. */
#define LIST(struct_, items, count, element_, fn_, arg_)                                           \
	{                                                                                          \
		.size = sizeof(element_),                                                          \
		.count_offset = (ptrdiff_t)(offsetof(struct struct_, count) -                      \
					    offsetof(struct struct_, items)),                      \
		.max = ENTRIES_MAX, .element = { .fn = (fn_), .arg = (arg_) },                     \
	}

static const struct decode_field cluster_fields[] = {
	TEXT("server", cluster, server),
	TEXT("certificate-authority", cluster, ca_file),
	TEXT("certificate-authority-data", cluster, ca_data),
	TEXT("tls-server-name", cluster, tls_name),
	TEXT("proxy-url", cluster, proxy),
	BOOL("insecure-skip-tls-verify", cluster, insecure, field_bool),
	{ 0 },
};

static const struct decode_field pair_fields[] = {
	TEXT("name", pair, name),
	TEXT("value", pair, value),
	{ 0 },
};

static const struct decode_array args = LIST(user, args, n_args, char *, field_string, NULL);
static const struct decode_array env =
	LIST(user, env, n_env, struct pair, decode_object, pair_fields);

static const struct decode_field exec_fields[] = {
	TEXT("command", user, command),
	TEXT("apiVersion", user, version),
	{ .name = "args", .fn = decode_array, .offset = offsetof(struct user, args), .arg = &args },
	{ .name = "env", .fn = decode_array, .offset = offsetof(struct user, env), .arg = &env },
	{ 0 },
};

static const struct decode_field user_fields[] = {
	TEXT("token", user, token),
	TEXT("tokenFile", user, token_file),
	TEXT("client-certificate", user, cert_file),
	TEXT("client-certificate-data", user, cert_data),
	TEXT("client-key", user, key_file),
	TEXT("client-key-data", user, key_data),
	BOOL("username", user, basic, field_present),
	BOOL("auth-provider", user, provider, field_present),
	BOOL("exec", user, has_exec, field_present),
	{ .name = "exec", .fn = decode_object, .arg = exec_fields },
	{ 0 },
};

static const struct decode_field context_fields[] = {
	TEXT("cluster", context, cluster),
	TEXT("user", context, user),
	TEXT("namespace", context, namespace),
	{ 0 },
};

/* Each entry of the three lists is a name and what is named. */
static const struct decode_field named_cluster[] = {
	TEXT("name", cluster, name),
	{ .name = "cluster", .fn = decode_object, .arg = cluster_fields },
	{ 0 },
};
static const struct decode_field named_user[] = {
	TEXT("name", user, name),
	{ .name = "user", .fn = decode_object, .arg = user_fields },
	{ 0 },
};
static const struct decode_field named_context[] = {
	TEXT("name", context, name),
	{ .name = "context", .fn = decode_object, .arg = context_fields },
	{ 0 },
};

#define RAW(key, items, array)                                                                     \
	{                                                                                          \
		.name = (key), .fn = decode_array, .offset = offsetof(struct raw, items),          \
		.arg = &(array),                                                                   \
	}

static const struct decode_array clusters =
	LIST(raw, clusters, n_clusters, struct cluster, decode_object, named_cluster);
static const struct decode_array users =
	LIST(raw, users, n_users, struct user, decode_object, named_user);
static const struct decode_array contexts =
	LIST(raw, contexts, n_contexts, struct context, decode_object, named_context);

static const struct decode_field raw_fields[] = {
	TEXT("current-context", raw, current),
	RAW("clusters", clusters, clusters),
	RAW("users", users, users),
	RAW("contexts", contexts, contexts),
	{ 0 },
};

static void free_secret(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

static void free_user(struct user *user)
{
	free(user->name);
	free_secret(user->token);
	free(user->token_file);
	free(user->cert_file);
	free(user->cert_data);
	free(user->key_file);
	free_secret(user->key_data);
	free(user->command);
	free(user->version);
	for (size_t i = 0; i < user->n_args; i++)
		free_secret(user->args[i]);
	free(user->args);
	for (size_t i = 0; i < user->n_env; i++) {
		free(user->env[i].name);
		free_secret(user->env[i].value);
	}
	free(user->env);
}

static void free_raw(struct raw *raw)
{
	for (size_t i = 0; i < raw->n_clusters; i++) {
		struct cluster *cluster = &raw->clusters[i];

		free(cluster->name);
		free(cluster->server);
		free(cluster->ca_file);
		free(cluster->ca_data);
		free(cluster->tls_name);
		free(cluster->proxy);
	}
	for (size_t i = 0; i < raw->n_users; i++)
		free_user(&raw->users[i]);
	for (size_t i = 0; i < raw->n_contexts; i++) {
		free(raw->contexts[i].name);
		free(raw->contexts[i].cluster);
		free(raw->contexts[i].user);
		free(raw->contexts[i].namespace);
	}
	free(raw->current);
	free(raw->clusters);
	free(raw->users);
	free(raw->contexts);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reading {
	const char *path;
	struct raw raw;
	struct diag_list diags;
	bool found;
};

static void take_document(void *arg, const struct document *document)
{
	struct reading *r = arg;
	struct decode d = {
		.diags = &r->diags,
		.file = r->path,
		.object = "",
		.line = document->line,
		.confidential = true,
	};

	if (document->unreadable)
		diag_add(&r->diags, DIAG_ERROR, r->path, document->line, "", "", "%s",
			 document->unreadable);
	else if (document->n_faults)
		diag_add(&r->diags, DIAG_ERROR, r->path, document->faults[0].line, "", "", "%s",
			 document->faults[0].reason);
	else if (document->root && !r->found)
		decode_fields(&d, raw_fields, document->root, &r->raw);
	else if (document->root)
		diag_add(&r->diags, DIAG_ERROR, r->path, document->line, "", "",
			 "a second document");
	r->found |= document->root != NULL;
	document_wipe(document->root);
}

static int read_text(struct reading *r, const char *text, size_t len)
{
	int line = 0;
	const char *reason = document_check_text(text, len, &line);

	if (reason)
		diag_add(&r->diags, DIAG_ERROR, r->path, line, "", "", "%s", reason);
	else
		yamldoc_read(text, len, take_document, r);
	if (!reason && !r->found && !r->diags.n)
		diag_add(&r->diags, DIAG_ERROR, r->path, 0, "", "", "nothing in it");
	return r->diags.n ? -EINVAL : 0;
}

/* ---- choosing ------------------------------------------------------------------------------- */

/* One problem, told with the place in the file. */
struct choice {
	const struct reading *reading;
	struct kubeconfig *config;
	char *error;
};

static int refuse(struct choice *c, const char *place, const char *reason)
{
	c->error = mem_printf("%s: %s%s%s", c->reading->path, place, *place ? ": " : "", reason);
	return -EINVAL;
}

static int refuse_at(struct choice *c, const char *list, size_t i, const char *field,
		     const char *reason)
{
	_cleanup_(mem_freep) char *place = mem_printf("%s[%zu].%s", list, i, field);

	return refuse(c, place, reason);
}

static bool is_set(const char *text)
{
	return text && *text;
}

static char *copy(const char *text)
{
	return mem_strdup(text ? text : "");
}

static char *resolve(const struct choice *c, const char *file)
{
	const char *slash = strrchr(c->reading->path, '/');

	if (!is_set(file) || *file == '/' || !slash)
		return copy(file);
	return mem_printf("%.*s/%s", (int)(slash - c->reading->path), c->reading->path, file);
}

/* PEM in base 64. */
static bool take_data(const char *text, struct secret_bytes *ret_bytes)
{
	size_t len = strlen(text), used = 0;
	struct secret_bytes room = { 0 };
	bool good;

	secret_reserve(&room, BASE64_DECODED_MAX(len));
	good = !base64_decode(text, len, room.data, &used) && used && strlen(room.data) >= used;
	if (good)
		secret_set(ret_bytes, room.data, used);
	secret_fini(&room);
	return good;
}

static bool take_public(const char *text, char **ret_pem)
{
	struct secret_bytes bytes = { 0 };

	if (!is_set(text)) {
		*ret_pem = mem_strdup("");
		return true;
	}
	if (!take_data(text, &bytes))
		return false;
	*ret_pem = mem_strdup(bytes.data);
	secret_fini(&bytes);
	return true;
}

static int take_cluster(struct choice *c, size_t i)
{
	const struct cluster *cluster = &c->reading->raw.clusters[i];
	struct kubeconfig *config = c->config;
	const char *reason;

	if (is_set(cluster->proxy))
		return refuse_at(c, "clusters", i, "cluster.proxy-url",
				 "proxies are not supported");
	if (kubeconfig_server_parse(cluster->server ? cluster->server : "", &config->server,
				    &reason))
		return refuse_at(c, "clusters", i, "cluster.server", reason);
	if (!take_public(cluster->ca_data, &config->ca))
		return refuse_at(c, "clusters", i, "cluster.certificate-authority-data",
				 "expected base 64 of PEM");
	config->insecure = cluster->insecure;
	if (config->insecure && (*config->ca || is_set(cluster->ca_file)))
		return refuse_at(c, "clusters", i, "cluster.insecure-skip-tls-verify",
				 "contradicts the certificate authority");
	config->tls_name = copy(cluster->tls_name);
	/* Data goes before a file everywhere. */
	config->ca_file = *config->ca ? copy("") : resolve(c, cluster->ca_file);
	return 0;
}

/* A command without a slash is looked for in PATH. */
static void take_exec(const struct choice *c, const struct user *user, struct kubeconfig_exec *exec)
{
	exec->command =
		strchr(user->command, '/') ? resolve(c, user->command) : mem_strdup(user->command);
	exec->version = copy(user->version);
	exec->args = mem_array(user->n_args, sizeof(*exec->args));
	for (size_t i = 0; i < user->n_args; i++)
		exec->args[exec->n_args++] = copy(user->args[i]);
	exec->env = mem_array(user->n_env, sizeof(*exec->env));
	for (size_t i = 0; i < user->n_env; i++)
		exec->env[exec->n_env++] =
			mem_printf("%s=%s", user->env[i].name, user->env[i].value);
}

/* What there must be both or neither of. */
static int check_user(struct choice *c, size_t i)
{
	const struct user *user = &c->reading->raw.users[i];
	bool cert = is_set(user->cert_file) || is_set(user->cert_data);
	bool key = is_set(user->key_file) || is_set(user->key_data);

	if (user->basic)
		return refuse_at(c, "users", i, "user.username",
				 "user names and passwords are not supported, nor by Kubernetes");
	if (user->provider)
		return refuse_at(c, "users", i, "user.auth-provider",
				 "is not supported, exec has taken its place");
	if (user->has_exec && !is_set(user->command))
		return refuse_at(c, "users", i, "user.exec.command", "is required");
	if (cert && !key)
		return refuse_at(c, "users", i, "user.client-certificate", "has no key beside it");
	if (key && !cert)
		return refuse_at(c, "users", i, "user.client-key", "has no certificate beside it");
	return 0;
}

static int take_user(struct choice *c, size_t i)
{
	const struct user *user = &c->reading->raw.users[i];
	struct kubeconfig *config = c->config;
	int error = check_user(c, i);

	if (error)
		return error;
	if (!take_public(user->cert_data, &config->cert))
		return refuse_at(c, "users", i, "user.client-certificate-data",
				 "expected base 64 of PEM");
	if (is_set(user->key_data) && !take_data(user->key_data, &config->key))
		return refuse_at(c, "users", i, "user.client-key-data", "expected base 64 of PEM");
	config->cert_file = *config->cert ? copy("") : resolve(c, user->cert_file);
	config->key_file = config->key.len ? copy("") : resolve(c, user->key_file);
	config->token_file = resolve(c, user->token_file);
	/* A file is newer than what somebody wrote down beside it. */
	if (is_set(user->token) && !*config->token_file)
		secret_set(&config->token, user->token, strlen(user->token));
	if (user->has_exec)
		take_exec(c, user, &config->exec);
	return 0;
}

#define FIND(raw, list, wanted, ret_i)                                                             \
	({                                                                                         \
		size_t at_ = 0;                                                                    \
		while (at_ < (raw)->n_##list && strcmp((raw)->list[at_].name, (wanted)) != 0)      \
			at_++;                                                                     \
		*(ret_i) = at_;                                                                    \
		at_ < (raw)->n_##list;                                                             \
	})

static int choose(struct choice *c, const char *name)
{
	const struct raw *raw = &c->reading->raw;
	const struct context *context;
	size_t i, cluster, user;
	int error;

	if (!is_set(name))
		return refuse(c, "current-context", "names no context");
	if (!FIND(raw, contexts, name, &i))
		return refuse(c, "contexts", "the context asked for is not among them");
	context = &raw->contexts[i];
	if (!FIND(raw, clusters, context->cluster, &cluster))
		return refuse_at(c, "contexts", i, "context.cluster", "no such cluster");
	error = take_cluster(c, cluster);
	if (error)
		return error;
	c->config->namespace = copy(context->namespace);
	/* Some server may want to know nobody. */
	if (!is_set(context->user))
		return 0;
	if (!FIND(raw, users, context->user, &user))
		return refuse_at(c, "contexts", i, "context.user", "no such user");
	return take_user(c, user);
}

/* No member that is a string is NULL, but for the command. */
static void fill(struct kubeconfig *config)
{
	char **texts[] = { &config->tls_name,	&config->ca_file,   &config->ca,
			   &config->token_file, &config->cert_file, &config->cert,
			   &config->key_file,	&config->namespace };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!*texts[i])
			*texts[i] = mem_strdup("");
}

static int load(struct reading *r, const char *context, struct kubeconfig *config, char **ret_error)
{
	struct choice c = { .reading = r, .config = config };
	int error = choose(&c, context ? context : r->raw.current);

	if (error)
		*ret_error = c.error;
	return error;
}

int kubeconfig_load(const char *path, const char *context, struct kubeconfig *ret_config,
		    char **ret_error)
{
	_cleanup_(kubeconfig_fini) struct kubeconfig config = { 0 };
	_cleanup_(mem_freep) char *text = NULL;
	struct reading r = { .path = path };
	size_t len = 0;
	int error = file_read(path, FILE_MAX, &text, &len);

	if (error) {
		*ret_error = mem_printf("%s: %s", path, file_problem(error));
		return error;
	}
	error = read_text(&r, text, len);
	secret_wipe(text, len);
	if (error)
		*ret_error = diag_format(&r.diags.items[0]);
	else
		error = load(&r, context, &config, ret_error);
	free_raw(&r.raw);
	diag_fini(&r.diags);
	if (error)
		return error;
	fill(&config);
	*ret_config = config;
	config = (struct kubeconfig){ 0 };
	return 0;
}

/* ---- in a pod ------------------------------------------------------------------------------- */

/* One line; NULL when it cannot be read: only who writes needs it. */
static char *read_namespace(const char *directory)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/namespace", directory);
	char *text;
	size_t len;

	if (file_read(path, NAMESPACE_MAX, &text, &len) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

int kubeconfig_in_cluster(const char *directory, struct kubeconfig *ret_config, char **ret_error)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	_cleanup_(mem_freep) char *url = NULL;
	struct kubeconfig config = { 0 };
	const char *reason;

	if (!is_set(host) || !is_set(port)) {
		*ret_error =
			mem_strdup("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
				   "set: this is no pod, so a kubeconfig file is needed");
		return -ENOENT;
	}
	url = mem_printf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	if (kubeconfig_server_parse(url, &config.server, &reason)) {
		*ret_error =
			mem_printf("KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: %s", reason);
		return -EINVAL;
	}
	config.ca_file = mem_printf("%s/ca.crt", directory);
	config.token_file = mem_printf("%s/token", directory);
	config.namespace = read_namespace(directory);
	fill(&config);
	*ret_config = config;
	return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

void kubeconfig_fini(struct kubeconfig *config)
{
	kubeconfig_server_fini(&config->server);
	free(config->tls_name);
	free(config->ca_file);
	free(config->ca);
	free(config->token_file);
	secret_fini(&config->token);
	free(config->cert_file);
	free(config->cert);
	free(config->key_file);
	secret_fini(&config->key);
	free(config->exec.command);
	free(config->exec.version);
	for (size_t i = 0; i < config->exec.n_args; i++)
		free_secret(config->exec.args[i]);
	free(config->exec.args);
	for (size_t i = 0; i < config->exec.n_env; i++)
		free_secret(config->exec.env[i]);
	free(config->exec.env);
	free(config->namespace);
	*config = (struct kubeconfig){ 0 };
}
