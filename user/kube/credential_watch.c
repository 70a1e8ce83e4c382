// SPDX-License-Identifier: Apache-2.0
/*
 * client.c owns one. Invariant: an event says no more than that somebody should look; what a file
 * has in it is for credential.c to judge.
 */
#include "kube/credential_watch.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/kubeconfig.h"

#define FILES_MAX 4
#define EVENTS	  (IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR)
/* A symbolic link to the folder that has the files of the volume. */
#define DATA_LINK "..data"

struct credential_watch {
	struct io_file *file;
	struct io_op op;
	char *names[FILES_MAX]; /* without their folders */
	size_t n;
	void (*changed)(void *arg);
	void *arg;
};

static void free_watch(struct credential_watch *w)
{
	while (w->n)
		free(w->names[--w->n]);
	free(w);
}

static bool is_ours(const struct credential_watch *w, const struct inotify_event *event)
{
	/* Events were lost. */
	if (event->mask & IN_Q_OVERFLOW)
		return true;
	if (!event->len)
		return false;
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(event->name, w->names[i]))
			return true;
	return !strcmp(event->name, DATA_LINK);
}

/* All that there is to read: was one of ours in it? */
static bool drain(const struct credential_watch *w)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool ours = false;
	ssize_t n;

	while ((n = read(io_fd(w->file), buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
				(const struct inotify_event *)(const void *)(buf + at);

			ours |= is_ours(w, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	return ours;
}

static void on_ready(struct io_op *op, ssize_t result)
{
	struct credential_watch *w = op->arg;
	bool ours;

	if (result == -ECANCELED) {
		free_watch(w);
		return;
	}
	if (result < 0)
		return;
	ours = drain(w);
	io_ready(w->file, &w->op, on_ready);
	if (ours)
		w->changed(w->arg);
}

/* One folder may have several of the files: the kernel knows it by then. */
static void add(struct credential_watch *w, int fd, const char *path)
{
	_cleanup_(mem_freep) char *folder = mem_strdup(path), *name = mem_strdup(path);

	if (inotify_add_watch(fd, dirname(folder), EVENTS) < 0)
		log_info("%s is not watched, but looked at every few minutes: %s", path,
			 strerror(errno));
	else
		w->names[w->n++] = mem_strdup(basename(name));
}

struct credential_watch *credential_watch_new(struct io *io, const struct kubeconfig *access,
					      void (*changed)(void *arg), void *arg)
{
	const char *const files[FILES_MAX] = { access->ca_file, access->token_file,
					       access->cert_file, access->key_file };
	_cleanup_(mem_closep) int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct credential_watch *w = mem_new(sizeof(*w));

	w->changed = changed;
	w->arg = arg;
	w->op.arg = w;
	for (size_t i = 0; i < FILES_MAX && fd >= 0; i++)
		if (*files[i])
			add(w, fd, files[i]);
	w->file = w->n ? io_open(io, fd) : NULL;
	if (!w->file) {
		if (fd < 0)
			log_warn("files of the API server's access are not watched, but looked at "
				 "every few minutes: the kernel gives no inotify");
		free_watch(w);
		return NULL;
	}
	(void)TAKE_FD(fd);
	io_ready(w->file, &w->op, on_ready);
	return w;
}

/* The rest follows when the operation has ended. */
void credential_watch_free(struct credential_watch *watch)
{
	bool pending = watch && watch->op.pending;

	if (!watch)
		return;
	io_close(watch->file);
	if (!pending)
		free_watch(watch);
}
