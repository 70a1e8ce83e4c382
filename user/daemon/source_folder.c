// SPDX-License-Identifier: Apache-2.0
/* A folder of manifests as a source. Who may write it owns the machine. */
#include <errno.h>
#include <fcntl.h>

#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/assign.h"
#include "daemon/options.h"
#include "daemon/source_body.h"
#include "kube/manifests.h"

struct state {
	const struct source_config *config;
	struct manifests *manifests;
	struct loop_fd *handle;
	struct diag_list diags; /* of the manifests, and of what pools could not give */
};

static void assign(struct state *state)
{
	diag_fini(&state->diags);
	diag_append(&state->diags, manifests_diags(state->manifests));
	assign_local(state->config->model, state->config->options, &state->diags);
}

static int refuse(const char *dir, int r)
{
	if (r == -EACCES)
		return log_err(r,
			       "--manifests %s: narud reads without root's right to read "
			       "everything; let its user read the folder",
			       dir);
	return log_err(r, "--manifests %s", dir);
}

/* A wrong name is told before the kernel is touched; the objects are read later. */
static int check(const struct options *options)
{
	const char *dir = options->manifests;
	_cleanup_(mem_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? refuse(dir, -errno) : 0;
}

/* Links in the folder lead anywhere, and the folder itself may come anew. */
static void reads(const struct options *options, void (*fn)(void *arg, const char *path), void *arg)
{
	(void)options;
	fn(arg, "/");
}

static void on_readable(void *arg, unsigned events)
{
	struct state *state = arg;
	int r = manifests_process(state->manifests);

	(void)events;
	if (r < 0)
		log_err(r, "folder %s", state->config->options->manifests);
	if (r > 0) {
		assign(state);
		state->config->changed(state->config->arg);
	}
}

static void close_state(void *arg)
{
	struct state *state = arg;

	loop_fd_remove(state->handle);
	manifests_close(state->manifests);
	diag_fini(&state->diags);
	free(state);
}

static int open_state(const struct source_config *config, void **ret_state)
{
	struct state *state = mem_new(sizeof(*state));
	const char *dir = config->options->manifests;
	int r = manifests_open(dir, config->model, &state->manifests);

	state->config = config;
	if (r < 0)
		r = refuse(dir, r);
	else
		state->handle = loop_fd_add(config->loop, manifests_fd(state->manifests), LOOP_READ,
					    on_readable, state);
	if (!r && !state->handle)
		r = log_err(-EIO, "the manifest folder cannot be watched");
	if (r < 0) {
		close_state(state);
		return r;
	}
	assign(state);
	*ret_state = state;
	return 0;
}

static bool is_ready(const void *arg)
{
	(void)arg;
	return true;
}

static const struct diag_list *diags(const void *arg)
{
	const struct state *state = arg;

	return &state->diags;
}

static size_t skipped(const void *arg)
{
	const struct state *state = arg;

	return manifests_skipped(state->manifests);
}

static void write_state(const void *arg, struct json *json)
{
	const struct state *state = arg;

	json_string(json, "manifests", state->config->options->manifests);
}

const struct source_body source_folder = {
	.check = check,
	.reads = reads,
	.open = open_state,
	.close = close_state,
	.is_ready = is_ready,
	.is_synced = is_ready,
	.diags = diags,
	.skipped = skipped,
	.write = write_state,
	.may_use_loopback = true,
};
