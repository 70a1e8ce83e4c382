// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.c calls it. Invariant: yielded() is called once, and after it the other one writes nothing
 * any more: it has said so, or it has ended.
 */
#include "daemon/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "daemon/packet.h"

#define ANSWER_MS 5000 /* who takes longer to yield hangs */

struct heir {
	struct heir_config config;
	char *predecessor;
	int fd;	   /* -1: the other one has ended */
	int pidfd; /* of the other one, -1: it is of another PID namespace */
	struct loop_fd *handle;
	struct loop_timer *deadline, *ending;
	bool ready, yielded;
};

static void yielded(struct heir *heir)
{
	loop_timer_remove(TAKE_PTR(heir->deadline));
	loop_timer_remove(TAKE_PTR(heir->ending));
	if (heir->yielded)
		return;
	heir->yielded = true;
	heir->config.yielded(heir->config.arg);
}

static void on_ended(void *arg)
{
	yielded(arg);
}

static void on_end(struct heir *heir)
{
	loop_fd_remove(TAKE_PTR(heir->handle));
	close(TAKE_FD(heir->fd));
	if (heir->yielded)
		return;
	log_info("the narud that served has ended");
	heir->ending = loop_timer_add(heir->config.loop, PACKET_ENDING_MS, 0, on_ended, heir);
}

static void on_refused(struct heir *heir, const char *text)
{
	loop_timer_remove(TAKE_PTR(heir->deadline));
	log_info("this narud does not take over: %s; it waits until the other one ends", text);
}

static void on_packet(void *arg, unsigned events)
{
	struct heir *heir = arg;
	char packet[PACKET_MAX];
	const char *text = "";
	int r = packet_receive(heir->fd, packet, &text);

	(void)events;
	if (r < 0) {
		on_end(heir);
	} else if (r && !strcmp(packet, PACKET_SERVING)) {
		free(heir->predecessor);
		heir->predecessor = mem_strdup(text);
	} else if (r && !strcmp(packet, PACKET_REFUSED)) {
		on_refused(heir, text);
	} else if (r && !strcmp(packet, PACKET_YIELDED) && heir->ready) {
		yielded(heir);
	}
}

/* Its end is what the connection tells. */
static void on_late(void *arg)
{
	struct heir *heir = arg;

	loop_timer_remove(TAKE_PTR(heir->deadline));
	if (heir->pidfd < 0)
		log_warn("the narud that serves does not answer, and cannot be ended from here: "
			 "this one waits");
	else if (pidfd_send_signal(heir->pidfd, SIGKILL, NULL, 0) < 0)
		log_err(-errno, "the narud that serves does not answer, and cannot be ended");
	else
		log_warn("the narud that served did not answer for %d s and was ended",
			 ANSWER_MS / 1000);
}

void heir_ready(struct heir *heir)
{
	if (heir->ready)
		return;
	heir->ready = true;
	if (heir->fd < 0)
		return;
	log_info("takes over from the narud that serves");
	packet_send(heir->fd, PACKET_READY, heir->config.instance);
	heir->deadline = loop_timer_add(heir->config.loop, ANSWER_MS, 0, on_late, heir);
}

void heir_taken(struct heir *heir)
{
	if (heir->fd >= 0)
		packet_send(heir->fd, PACKET_TAKEN, "");
}

bool heir_is_watched(const struct heir *heir)
{
	return heir->yielded && heir->fd >= 0;
}

const char *heir_predecessor(const struct heir *heir)
{
	return heir->predecessor;
}

/* The process as it is now: while the connection stands, its number is nobody else's. */
static int find_process(int fd)
{
	struct pollfd poll_fd = { .fd = fd };
	struct ucred peer;
	socklen_t len = sizeof(peer);
	_cleanup_(mem_closep) int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return -1;
	pidfd = pidfd_open(peer.pid, 0);
	if (poll(&poll_fd, 1, 0) < 0 || poll_fd.revents & (POLLHUP | POLLERR))
		return -1;
	return TAKE_FD(pidfd);
}

static int connect_to(const char *run_dir, int *ret_fd)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%s", run_dir, NARU_HANDOVER_SOCKET);
	_cleanup_(mem_closep) int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un name;
	int r = sockaddr_from_path(path, &name);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return errno == ECONNREFUSED ? -ENOENT : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* As it left it; it says so itself, too, unless it hangs. A pipe in its place is not waited for. */
static char *read_name(const char *run_dir)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/" NARU_INSTANCE_FILE, run_dir);
	_cleanup_(mem_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char name[PACKET_MAX] = "";

	if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	return mem_strdup(name);
}

int heir_open(const struct heir_config *config, struct heir **ret_heir)
{
	struct heir *heir;
	int fd = -1, r = connect_to(config->run_dir, &fd);

	if (r < 0)
		return r;
	heir = mem_new(sizeof(*heir));
	heir->config = *config;
	heir->predecessor = read_name(config->run_dir);
	heir->fd = fd;
	heir->pidfd = find_process(fd);
	heir->handle = loop_fd_add(config->loop, fd, LOOP_READ, on_packet, heir);
	if (!heir->handle) {
		heir_close(heir);
		return log_err(-EIO, "the narud that serves cannot be watched");
	}
	*ret_heir = heir;
	return 0;
}

void heir_close(struct heir *heir)
{
	if (!heir)
		return;
	loop_timer_remove(heir->deadline);
	loop_timer_remove(heir->ending);
	loop_fd_remove(heir->handle);
	if (heir->fd >= 0)
		close(heir->fd);
	if (heir->pidfd >= 0)
		close(heir->pidfd);
	free(heir->predecessor);
	free(heir);
}
