// SPDX-License-Identifier: Apache-2.0
/*
 * Packets behind a queue of our own: what the kernel holds for a peer that is slow is little.
 * feed.c and proxy/control.c call it. Invariants: a handler may close the channel, whose memory
 * stays until the handler has returned; bytes that may have been a key are wiped on both sides.
 */
#include "feed/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"

#define QUEUE_MAX  (64 * 1024 * 1024) /* bytes */
#define BURST	   64		      /* messages taken in one turn of the loop */
#define FAILED_MS  0
#define FDS_MAX	   4 /* room to see that a peer sends more than the one it may */
#define PACKET_LEN (MESSAGE_MAX + 1)

struct packet {
	struct packet *next;
	struct str bytes;
	int fd;
};

struct channel {
	struct loop *loop;
	struct channel_handlers handlers;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *failing; /* calls closed() from the loop */
	struct packet *first, **last;
	size_t queued;
	bool calling, closed;
	char *buffer; /* of what comes in */
};

/* ---- out ----------------------------------------------------------------------------------- */

static void packet_free(struct packet *packet)
{
	if (packet->fd >= 0)
		close(packet->fd);
	secret_wipe(packet->bytes.buf, packet->bytes.len);
	str_fini(&packet->bytes);
	free(packet);
}

static void drop_first(struct channel *channel)
{
	struct packet *packet = channel->first;

	channel->first = packet->next;
	if (!channel->first)
		channel->last = &channel->first;
	channel->queued -= packet->bytes.len;
	packet_free(packet);
}

static ssize_t send_packet(int fd, const struct packet *packet)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { packet->bytes.buf, packet->bytes.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (packet->fd >= 0) {
		struct cmsghdr *header;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &packet->fd, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool is_later(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ETOOMANYREFS;
}

static void on_failed(void *arg);

static void fail(struct channel *channel)
{
	if (channel->failing)
		return;
	loop_fd_events(channel->handle, 0);
	channel->failing = loop_timer_add(channel->loop, FAILED_MS, 0, on_failed, channel);
}

static void flush(struct channel *channel)
{
	while (channel->first && !channel->failing) {
		if (send_packet(channel->fd, channel->first) >= 0) {
			drop_first(channel);
			continue;
		}
		/* A peer that has gone: what it sent before is still to be read, then its end. */
		if (!is_later(errno) && errno != EPIPE && errno != ECONNRESET)
			fail(channel);
		break;
	}
	if (!channel->failing)
		loop_fd_events(channel->handle,
			       channel->first ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

int channel_send(struct channel *channel, const struct message *message)
{
	struct packet *packet = mem_new(sizeof(*packet));
	int r = message_encode(message, &packet->bytes);

	packet->fd = message->fd < 0 ? -1 : fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
	if (r < 0) {
		packet_free(packet);
		return r;
	}
	channel->queued += packet->bytes.len;
	*channel->last = packet;
	channel->last = &packet->next;
	if ((message->fd >= 0 && packet->fd < 0) || channel->queued > QUEUE_MAX)
		fail(channel);
	else
		flush(channel);
	return 0;
}

bool channel_idle(const struct channel *channel)
{
	return !channel->first;
}

/* ---- in ------------------------------------------------------------------------------------ */

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* The descriptor of a packet or -1. -EBADMSG: more than one, which are closed. */
static int take_fd(struct msghdr *msg, int *ret_fd)
{
	int fds[FDS_MAX];
	size_t n = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header;
	     header = CMSG_NXTHDR(msg, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(header), n * sizeof(int));
	}
	if (n > 1 || msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_all(fds, n);
		return -EBADMSG;
	}
	*ret_fd = n ? fds[0] : -1;
	return 0;
}

/* 1: a message; 0: none yet; -errno: the end. */
static int receive(struct channel *channel, struct message *ret_message)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { channel->buffer, PACKET_LEN };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd, r;

	if (n < 0)
		return is_later(errno) ? 0 : -errno;
	r = take_fd(&msg, &fd);
	/* No message is empty, so this is the end of the connection. */
	if (!n && !r && fd < 0)
		return -ECONNRESET;
	if (!r)
		r = message_decode(channel->buffer, (size_t)n, fd, ret_message);
	secret_wipe(channel->buffer, (size_t)n);
	return r < 0 ? r : 1;
}

static void destroy(struct channel *channel)
{
	loop_fd_remove(channel->handle);
	loop_timer_remove(channel->failing);
	mem_closep(&channel->fd);
	while (channel->first)
		drop_first(channel);
	mem_freep(&channel->buffer);
	mem_freep(&channel);
}

static void on_failed(void *arg)
{
	struct channel *channel = arg;

	channel->handlers.closed(channel->handlers.arg);
}

static void take_in(struct channel *channel)
{
	struct message message;
	int r = 1;

	for (int i = 0; i < BURST && !channel->closed && r > 0; i++) {
		r = receive(channel, &message);
		if (r > 0) {
			channel->handlers.message(channel->handlers.arg, &message);
			message_fini(&message);
		}
	}
	if (r < 0 && !channel->closed)
		channel->handlers.closed(channel->handlers.arg);
}

static void on_ready(void *arg, unsigned events)
{
	struct channel *channel = arg;

	channel->calling = true;
	if (events & LOOP_WRITE)
		flush(channel);
	if (events & LOOP_READ && !channel->failing)
		take_in(channel);
	channel->calling = false;
	if (channel->closed)
		destroy(channel);
}

/* ---- start and end ------------------------------------------------------------------------- */

int channel_listen(const char *path, int backlog, int *ret_fd)
{
	_cleanup_(mem_closep) int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un name;
	int r = sockaddr_from_path(path, &name);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	/* Whoever holds the admin socket of this folder owns this one, too. */
	unlink(path);
	/* Proxies have another user: who may connect is seen from where they come. */
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, backlog) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int channel_open(struct loop *loop, int fd, const struct channel_handlers *handlers,
		 struct channel **ret_channel)
{
	struct channel *channel = mem_new(sizeof(*channel));
	int size = MESSAGE_MAX;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	channel->loop = loop;
	channel->handlers = *handlers;
	channel->fd = fd;
	channel->last = &channel->first;
	channel->buffer = mem_new(PACKET_LEN);
	channel->handle = loop_fd_add(loop, fd, LOOP_READ, on_ready, channel);
	if (!channel->handle) {
		channel->fd = -1; /* the caller's still */
		destroy(channel);
		return -EIO;
	}
	*ret_channel = channel;
	return 0;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	channel->closed = true;
	if (!channel->calling)
		destroy(channel);
}
