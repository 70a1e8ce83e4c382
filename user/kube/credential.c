// SPDX-License-Identifier: Apache-2.0
/*
 * Tokens and TLS contexts that follow their files. client.c asks before each request and each
 * connection. Invariants: a token and a key lie in memory of struct secret_bytes, and in no
 * message; an error is told once, and again only when it is another one.
 */
#include "kube/credential.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/tls.h"
#include "http/tls_client.h"
#include "kube/credential_exec.h"

#define TOKEN_MAX 65536
#define PEM_MAX	  1048576
/* A program's credential is renewed so long before its end. */
#define LEEWAY_US 10000000

/* Texts of files that make up a TLS context. */
struct material {
	char *ca; /* NULL: the system's */
	char *cert;
	struct secret_bytes key;
};

struct credential {
	const struct kubeconfig *access;
	const struct timing *timing;
	bool exec;
	struct secret_bytes header; /* "Bearer ..." */
	bool has_token;
	unsigned token;	   /* counts them */
	uint64_t token_ms; /* of the last look */
	struct tls_client *tls;
	struct material material;
	bool tls_looked;
	uint64_t tls_ms;
	struct credential_exec_answer answer;
	bool answered;
	char *problem;
};

/* ---- problems ------------------------------------------------------------------------------- */

/* Takes text over; old: something else is there to be used. */
static void complain(struct credential *c, bool old, char *text)
{
	if (strcmp(c->problem, text) != 0)
		log_warn("%s%s", text, old ? "; what was read before stays in force" : "");
	free(c->problem);
	c->problem = text;
}

/* file: "" for what stands in the kubeconfig file itself. */
static void complain_of(struct credential *c, bool old, const char *what, const char *file,
			const char *reason)
{
	complain(c, old,
		 mem_printf("the API server's %s: %s%s%s", what, file, *file ? ": " : "", reason));
}

static void be_content(struct credential *c)
{
	*c->problem = '\0';
}

const char *credential_problem(const struct credential *c)
{
	return c->problem;
}

/* ---- programs ------------------------------------------------------------------------------- */

static bool is_fresh(const struct credential *c)
{
	return c->answered &&
	       (!c->answer.expires_us || clock_wall_us() < c->answer.expires_us - LEEWAY_US);
}

/* False after a complaint. */
static bool ask_program(struct credential *c)
{
	struct credential_exec_answer answer = { 0 };
	char *error = NULL;

	if (is_fresh(c))
		return true;
	if (!c->exec) {
		complain(c, false,
			 mem_strdup("the user of the kubeconfig file needs a program (exec), "
				    "which is not run by daemons"));
		return false;
	}
	if (credential_exec_run(&c->access->exec, &answer, &error)) {
		complain(c, c->answered, error);
		return false;
	}
	credential_exec_fini(&c->answer);
	c->answer = answer;
	c->answered = true;
	/* It may have another certificate. */
	c->tls_looked = false;
	return true;
}

/* ---- tokens --------------------------------------------------------------------------------- */

/* Only what can stand in a field; so nothing of it is told. */
static bool set_token(struct credential *c, const char *text, size_t len)
{
	static const char scheme[] = "Bearer ";
	struct secret_bytes header = { 0 };

	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	if (!len)
		return false;
	secret_reserve(&header, sizeof(scheme) - 1 + len);
	memcpy(header.data, scheme, sizeof(scheme) - 1);
	memcpy(header.data + sizeof(scheme) - 1, text, len);
	c->token += !c->has_token || strcmp(header.data, c->header.data) != 0;
	secret_fini(&c->header);
	c->header = header;
	c->has_token = true;
	be_content(c);
	return true;
}

static void read_token(struct credential *c)
{
	const char *file = c->access->token_file;
	_cleanup_(mem_freep) char *text = NULL;
	size_t len = 0;
	int error = file_read(file, TOKEN_MAX, &text, &len);

	c->token_ms = c->timing->now_ms(c->timing->arg);
	if (error)
		complain_of(c, c->has_token, "token", file, file_problem(error));
	else if (!set_token(c, text, len))
		complain_of(c, c->has_token, "token", file, len ? "no token in it" : "empty");
	if (text)
		secret_wipe(text, len);
}

static bool needs_token(const struct credential *c)
{
	return *c->access->token_file || c->access->token.len || c->access->exec.command;
}

static void look_for_token(struct credential *c)
{
	const struct kubeconfig *access = c->access;

	if (access->exec.command) {
		if (ask_program(c) && c->answer.token.len)
			(void)set_token(c, c->answer.token.data, c->answer.token.len);
	} else if (*access->token_file) {
		if (!c->has_token ||
		    c->timing->now_ms(c->timing->arg) - c->token_ms >= CREDENTIAL_TOKEN_MS)
			read_token(c);
	} else if (access->token.len && !c->has_token &&
		   !set_token(c, access->token.data, access->token.len)) {
		complain(c, false, mem_strdup("the kubeconfig file's token is none"));
	}
}

int credential_authorization(struct credential *c, const char **ret_value)
{
	*ret_value = "";
	if (!needs_token(c))
		return 0;
	look_for_token(c);
	if (c->has_token)
		*ret_value = c->header.data;
	/* A program may give a certificate instead. */
	return c->has_token || (c->answered && c->answer.cert) ? 0 : -EACCES;
}

unsigned credential_token(const struct credential *c)
{
	return c->token;
}

bool credential_renew(struct credential *c, unsigned shown)
{
	const char *value;

	if (c->token != shown)
		return true;
	if (c->access->exec.command)
		c->answered = false;
	else if (*c->access->token_file)
		read_token(c);
	return !credential_authorization(c, &value) && c->token != shown;
}

/* ---- TLS ------------------------------------------------------------------------------------ */

static void fini_material(struct material *material)
{
	free(material->ca);
	free(material->cert);
	secret_fini(&material->key);
	*material = (struct material){ 0 };
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same_material(const struct material *a, const struct material *b)
{
	return is_same(a->ca, b->ca) && is_same(a->cert, b->cert) && a->key.len == b->key.len &&
	       (!a->key.len || !memcmp(a->key.data, b->key.data, a->key.len));
}

/* A text without NULs, not empty. False after a complaint. */
static bool read_pem(struct credential *c, const char *what, const char *file, char **ret_text)
{
	size_t len = 0;
	int error = file_read(file, PEM_MAX, ret_text, &len);

	if (error)
		complain_of(c, c->tls != NULL, what, file, file_problem(error));
	else if (!len)
		complain_of(c, c->tls != NULL, what, file, "empty");
	return !error && len;
}

/* The text itself, or what is in the file, or nothing. */
static bool get_pem(struct credential *c, const char *what, const char *text, const char *file,
		    char **ret_text)
{
	if (*text)
		*ret_text = mem_strdup(text);
	else if (*file)
		return read_pem(c, what, file, ret_text);
	return true;
}

static bool get_key(struct credential *c, struct secret_bytes *ret_key)
{
	_cleanup_(mem_freep) char *text = NULL;
	bool good = true;

	if (c->access->key.len)
		secret_set(ret_key, c->access->key.data, c->access->key.len);
	else if (*c->access->key_file)
		good = read_pem(c, "client key", c->access->key_file, &text);
	if (good && text)
		secret_set(ret_key, text, strlen(text));
	if (text)
		secret_wipe(text, strlen(text));
	return good;
}

static bool gather(struct credential *c, struct material *ret)
{
	const struct kubeconfig *access = c->access;

	if (!access->insecure &&
	    !get_pem(c, "certificate authority", access->ca, access->ca_file, &ret->ca))
		return false;
	if (access->exec.command && c->answer.cert) {
		ret->cert = mem_strdup(c->answer.cert);
		secret_set(&ret->key, c->answer.key.data, c->answer.key.len);
		return true;
	}
	return get_pem(c, "client certificate", access->cert, access->cert_file, &ret->cert) &&
	       get_key(c, &ret->key);
}

static void unref_cert(struct tls_cert **cert)
{
	tls_cert_unref(*cert);
}

/* False after a complaint. */
static bool build(struct credential *c, const struct material *material)
{
	struct tls_client_config config = {
		.authorities = material->ca,
		.insecure = c->access->insecure,
		.protocol = "h2",
	};
	_cleanup_(unref_cert) struct tls_cert *cert = NULL;
	struct tls_client *tls;
	const char *reason;

	if (material->cert && tls_cert_new(material->cert, &material->key, &cert, &reason)) {
		complain_of(c, c->tls != NULL, "client certificate", c->access->cert_file, reason);
		return false;
	}
	config.cert = cert;
	if (tls_client_new(&config, &tls, &reason)) {
		complain_of(c, c->tls != NULL, "certificate authority", c->access->ca_file, reason);
		return false;
	}
	tls_client_unref(c->tls);
	c->tls = tls;
	be_content(c);
	return true;
}

static void look_for_tls(struct credential *c)
{
	struct material material = { 0 };

	if (gather(c, &material) && (!c->tls || !is_same_material(&material, &c->material)) &&
	    build(c, &material)) {
		fini_material(&c->material);
		c->material = material;
		return;
	}
	fini_material(&material);
}

int credential_tls(struct credential *c, struct tls_client **ret_tls)
{
	uint64_t now_ms = c->timing->now_ms(c->timing->arg);

	if (c->access->exec.command && !ask_program(c))
		return -EACCES;
	/* Without one every connection is a try. */
	if (!c->tls || !c->tls_looked || now_ms - c->tls_ms >= CREDENTIAL_TLS_MS) {
		c->tls_looked = true;
		c->tls_ms = now_ms;
		look_for_tls(c);
	}
	*ret_tls = c->tls;
	return c->tls ? 0 : -EACCES;
}

const struct tls_client *credential_tls_known(const struct credential *c)
{
	return c->tls;
}

/* A program is asked when there is something to ask for, and not before. */
void credential_look(struct credential *c)
{
	struct tls_client *tls;

	c->tls_looked = false;
	if (c->access->exec.command)
		return;
	if (*c->access->token_file)
		read_token(c);
	(void)credential_tls(c, &tls);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct credential *credential_new(const struct credential_config *config)
{
	struct credential *c = mem_new(sizeof(*c));

	c->access = config->access;
	c->exec = config->exec;
	c->timing = config->timing ? config->timing : &backoff_timing;
	c->problem = mem_strdup("");
	return c;
}

void credential_free(struct credential *c)
{
	if (!c)
		return;
	secret_fini(&c->header);
	tls_client_unref(c->tls);
	fini_material(&c->material);
	credential_exec_fini(&c->answer);
	free(c->problem);
	free(c);
}
