// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the program with the arguments that the file gives, never through a shell, and reads what it
 * says. Invariant: its output is wiped, and no part of it stands in an error.
 */
#include "kube/credential_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/document.h"

#define OUTPUT_MAX  1048576
#define DEADLINE_MS 60000
#define GROUP	    "client.authentication.k8s.io/"

/* ---- running -------------------------------------------------------------------------------- */

/* Ours, then the file's, which go before where both are. */
static char **make_env(const struct kubeconfig_exec *exec, char *info)
{
	size_t n = 0, at = 0;
	char **env;

	while (environ[n])
		n++;
	env = mem_array(n + exec->n_env + 2, sizeof(*env));
	for (size_t i = 0; i < exec->n_env; i++)
		env[at++] = exec->env[i];
	env[at++] = info;
	memcpy(env + at, environ, n * sizeof(*env));
	return env;
}

static char **make_args(const struct kubeconfig_exec *exec)
{
	char **args = mem_array(exec->n_args + 2, sizeof(*args));

	args[0] = exec->command;
	if (exec->n_args)
		memcpy(args + 1, exec->args, exec->n_args * sizeof(*args));
	return args;
}

static int spawn(const struct kubeconfig_exec *exec, int out, pid_t *ret_pid)
{
	_cleanup_(mem_freep) char *info = mem_printf(
		"KUBERNETES_EXEC_INFO={\"apiVersion\":\"%s\",\"kind\":\"ExecCredential\","
		"\"spec\":{\"interactive\":false}}",
		exec->version);
	_cleanup_(mem_freep) char **env = make_env(exec, info);
	_cleanup_(mem_freep) char **args = make_args(exec);
	posix_spawn_file_actions_t actions;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	error = posix_spawnp(ret_pid, exec->command, &actions, NULL, args, env);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

/* All that comes until the end of the stream. */
static int read_output(int fd, struct secret_bytes *output)
{
	uint64_t end_ms = clock_ms() + DEADLINE_MS;
	size_t len = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		uint64_t now_ms = clock_ms();
		ssize_t n;

		if (now_ms >= end_ms || !poll(&poll_fd, 1, (int)(end_ms - now_ms)))
			return -ETIMEDOUT;
		n = read(fd, output->data + len, output->len - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (n && len == output->len)
			return -EFBIG;
		if (!n)
			break;
	}
	output->len = len;
	return 0;
}

/* A program that is not done with its output in time has had it. */
static int wait_for(pid_t pid, int error)
{
	int status = 0;

	if (error)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (error)
		return error;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EACCES;
}

static int run(const struct kubeconfig_exec *exec, struct secret_bytes *output)
{
	_cleanup_(mem_closep) int in = -1, out = -1;
	int fds[2], error;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	out = fds[1];
	error = spawn(exec, out, &pid);
	if (error)
		return error;
	mem_closep(&out);
	out = -1;
	return wait_for(pid, read_output(in, output));
}

/* ---- reading -------------------------------------------------------------------------------- */

/* RFC 3339. False: it is none. */
static bool parse_time(const char *text, int64_t *ret_us)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	long hours = 0, minutes = 0, sign = 1;

	if (!rest)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (strcmp(rest, "Z") != 0) {
		char *end;

		if (strlen(rest) != 6 || !strchr("+-", *rest) || rest[3] != ':')
			return false;
		sign = *rest == '-' ? -1 : 1;
		hours = strtol(rest + 1, &end, 10);
		minutes = strtol(rest + 4, &end, 10);
	}
	*ret_us = ((int64_t)timegm(&tm) - sign * (hours * 3600 + minutes * 60)) * 1000000;
	return true;
}

/* Returns what is wrong, or NULL. */
static const char *take(const struct kubeconfig_exec *exec, struct json_object *root,
			struct credential_exec_answer *answer)
{
	struct json_object *status = apijson_member(root, "status");
	const char *token = apijson_text(status, "token");
	const char *cert = apijson_text(status, "clientCertificateData");
	const char *key = apijson_text(status, "clientKeyData");
	const char *expires = apijson_text(status, "expirationTimestamp");

	if (strcmp(apijson_text(root, "kind"), "ExecCredential") != 0 ||
	    strcmp(apijson_text(root, "apiVersion"), exec->version) != 0)
		return "it gave no ExecCredential of the version that the file asks for";
	if (!*token && !*cert)
		return "it gave neither a token nor a certificate";
	if (!*cert != !*key)
		return "it gave a certificate without a key, or the other way round";
	if (*expires && !parse_time(expires, &answer->expires_us))
		return "the expirationTimestamp that it gave is no time";
	if (*token)
		secret_set(&answer->token, token, strlen(token));
	if (*cert) {
		answer->cert = mem_strdup(cert);
		secret_set(&answer->key, key, strlen(key));
	}
	return NULL;
}

static const char *parse(const struct kubeconfig_exec *exec, const struct secret_bytes *output,
			 struct credential_exec_answer *answer)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *root = apijson_parse(tokener, output->data, output->len);
	const char *problem = root ? take(exec, root, answer) : "it gave no JSON";

	document_wipe(root);
	json_object_put(root);
	json_tokener_free(tokener);
	return problem;
}

int credential_exec_run(const struct kubeconfig_exec *exec,
			struct credential_exec_answer *ret_answer, char **ret_error)
{
	struct credential_exec_answer answer = { 0 };
	struct secret_bytes output = { 0 };
	const char *problem = NULL;
	int error;

	if (strcmp(exec->version, GROUP "v1") != 0 && strcmp(exec->version, GROUP "v1beta1") != 0) {
		*ret_error = mem_printf("user.exec.apiVersion: expected " GROUP "v1");
		return -EINVAL;
	}
	secret_reserve(&output, OUTPUT_MAX);
	error = run(exec, &output);
	if (!error)
		problem = parse(exec, &output, &answer);
	secret_fini(&output);
	if (!error && !problem) {
		*ret_answer = answer;
		return 0;
	}
	credential_exec_fini(&answer);
	*ret_error = mem_printf("the program %s of the kubeconfig file: %s", exec->command,
				problem		   ? problem
				: error == -EACCES ? "failed"
						   : strerror(-error));
	return error ? error : -EINVAL;
}

void credential_exec_fini(struct credential_exec_answer *answer)
{
	secret_fini(&answer->token);
	free(answer->cert);
	secret_fini(&answer->key);
	*answer = (struct credential_exec_answer){ 0 };
}
