// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.c calls it. Invariants: only root and narud's own user are listened to; one is yielded to
 * at most, and everybody else is hung up on then, so that they find the next one.
 */
#include "daemon/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <naru/paths.h>

#include "admin/socket.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/packet.h"

#define CALLERS_MAX 4

struct caller {
	struct handover *handover;
	int fd; /* -1: free */
	struct loop_fd *handle;
};

struct handover {
	struct handover_config config;
	char *path, *instance, *predecessor;
	int fd; /* -1: shut */
	struct loop_fd *accepting;
	struct caller callers[CALLERS_MAX];
	struct caller *heir; /* who was yielded to */
	struct loop_timer *ending;
};

static void hang_up(struct caller *caller)
{
	loop_fd_remove(TAKE_PTR(caller->handle));
	mem_closep(&caller->fd);
	caller->fd = -1;
}

static void yield(struct caller *caller)
{
	struct handover *handover = caller->handover;

	handover->heir = caller;
	handover_shut(handover);
	handover->config.yield(handover->config.arg);
	packet_send(caller->fd, PACKET_YIELDED, "");
}

static void on_ready(struct caller *caller, const char *instance)
{
	const struct handover *handover = caller->handover;

	if (handover->heir)
		return;
	if (!*handover->predecessor || strcmp(handover->predecessor, instance) != 0) {
		yield(caller);
		return;
	}
	log_info("%s is not yielded to: this narud has taken over from it", instance);
	packet_send(caller->fd, PACKET_REFUSED, "it has been taken over from");
}

/* The last thing that is done in a callback: it may free all of this. */
static void on_gone(void *arg)
{
	struct handover *handover = arg;

	loop_timer_remove(TAKE_PTR(handover->ending));
	handover->config.gone(handover->config.arg);
}

static void on_end(struct caller *caller)
{
	struct handover *handover = caller->handover;

	hang_up(caller);
	if (caller == handover->heir)
		handover->ending = loop_timer_add(handover->config.loop, PACKET_ENDING_MS, 0,
						  on_gone, handover);
}

static void on_packet(void *arg, unsigned events)
{
	struct caller *caller = arg;
	char packet[PACKET_MAX];
	const char *text = "";
	int r = packet_receive(caller->fd, packet, &text);

	(void)events;
	if (r < 0)
		on_end(caller);
	else if (r && !strcmp(packet, PACKET_READY))
		on_ready(caller, text);
	else if (r && !strcmp(packet, PACKET_TAKEN) && caller == caller->handover->heir)
		caller->handover->config.taken(caller->handover->config.arg);
}

static bool may_call(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == geteuid());
}

static struct caller *free_one(struct handover *handover)
{
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (handover->callers[i].fd < 0)
			return &handover->callers[i];
	return NULL;
}

static void on_call(void *arg, unsigned events)
{
	struct handover *handover = arg;
	struct caller *caller = free_one(handover);
	_cleanup_(mem_closep) int fd =
		accept4(handover->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0 || !caller || !may_call(fd))
		return;
	caller->handle = loop_fd_add(handover->config.loop, fd, LOOP_READ, on_packet, caller);
	if (!caller->handle)
		return;
	packet_send(fd, PACKET_SERVING, handover->instance);
	caller->fd = TAKE_FD(fd);
}

static int start(struct handover *handover)
{
	int r = socket_unix_packets(handover->path, &handover->fd);

	if (r < 0)
		return r;
	if (listen(handover->fd, CALLERS_MAX) < 0)
		return -errno;
	handover->accepting =
		loop_fd_add(handover->config.loop, handover->fd, LOOP_READ, on_call, handover);
	return handover->accepting ? 0 : -EIO;
}

/* For who comes when this narud does not answer any more. */
static void leave_name(const struct handover_config *config)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/" NARU_INSTANCE_FILE, config->run_dir);
	_cleanup_(mem_closep) int fd = -1;
	size_t len = strlen(config->instance);
	int r = file_create(path, 0600, &fd);

	if (!r && write(fd, config->instance, len) != (ssize_t)len)
		r = -errno;
	if (r)
		log_warn("%s: %s", path, file_problem(r));
}

int handover_open(const struct handover_config *config, struct handover **ret_handover)
{
	struct handover *handover = mem_new(sizeof(*handover));
	int r;

	handover->config = *config;
	handover->fd = -1;
	handover->path = mem_printf("%s/%s", config->run_dir, NARU_HANDOVER_SOCKET);
	handover->instance = mem_strdup(config->instance);
	handover->predecessor = mem_strdup(config->predecessor);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		handover->callers[i] = (struct caller){ .handover = handover, .fd = -1 };
	r = start(handover);
	if (r < 0) {
		log_err(r, "socket %s", handover->path);
		handover_close(handover);
		return r;
	}
	leave_name(config);
	*ret_handover = handover;
	return 0;
}

void handover_shut(struct handover *handover)
{
	if (!handover || handover->fd < 0)
		return;
	loop_fd_remove(TAKE_PTR(handover->accepting));
	close(TAKE_FD(handover->fd));
	unlink(handover->path);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (&handover->callers[i] != handover->heir && handover->callers[i].fd >= 0)
			hang_up(&handover->callers[i]);
}

void handover_close(struct handover *handover)
{
	if (!handover)
		return;
	handover_shut(handover);
	loop_timer_remove(handover->ending);
	if (handover->heir && handover->heir->fd >= 0)
		hang_up(handover->heir);
	free(handover->path);
	free(handover->instance);
	free(handover->predecessor);
	free(handover);
}
