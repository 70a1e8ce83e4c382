// SPDX-License-Identifier: Apache-2.0
/*
 * The server that stands in for a pod in demo and tests: says who it is and which addresses it
 * sees, over TCP and UDP, IPv4 and IPv6 (see wire.h). One thread per connection; a connection stays
 * until its client closes it. SIGTERM stops accepting and ends the process when the last
 * connection is gone.
 *
 *	echo --name NAME --port PORT [--bind ADDR]
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

static const char *server_name = "echo";
static int listener = -1;
static volatile sig_atomic_t stopping;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static unsigned connections;

static void die(const char *what)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Writes the answer to "who [TOKEN]". Returns its length. */
static int answer_who(const char *request, const struct sockaddr_in6 *peer,
		      const struct sockaddr_in6 *local, char buf[static WIRE_TEXT_LEN])
{
	char peer_text[WIRE_ADDR_LEN], local_text[WIRE_ADDR_LEN];
	const char *token = strncmp(request, "who ", 4) == 0 ? request + 3 : "";

	return snprintf(buf, WIRE_TEXT_LEN, "%s %s %s%.128s\n", server_name,
			wire_addr(peer, peer_text), wire_addr(local, local_text), token);
}

static bool send_stream(FILE *out, unsigned n, unsigned delay_us)
{
	char line[WIRE_LINE_LEN];

	for (unsigned i = 1; i <= n; i++) {
		wire_line(line, i);
		if (fwrite(line, sizeof(line), 1, out) != 1)
			return false;
		if (delay_us && (fflush(out) || usleep(delay_us)))
			return false;
	}
	return true;
}

/* Reads the header to its end and answers. */
static void answer_http(FILE *in, FILE *out, const char *who)
{
	char line[WIRE_TEXT_LEN];

	while (fgets(line, sizeof(line), in) && line[0] != '\r' && line[0] != '\n')
		;
	fprintf(out, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(who), who);
}

/* Answers lines until the client closes or asks for HTTP, which ends a connection. */
static void converse(FILE *in, FILE *out, const struct sockaddr_in6 *peer,
		     const struct sockaddr_in6 *local)
{
	char line[WIRE_TEXT_LEN], who[WIRE_TEXT_LEN];
	unsigned n, delay_us;

	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\r\n")] = '\0';
		answer_who(line, peer, local, who);
		delay_us = 0;
		if (strncmp(line, "GET ", 4) == 0) {
			answer_http(in, out, who);
			return;
		}
		if (sscanf(line, "stream %u %u", &n, &delay_us) >= 1) {
			if (!send_stream(out, n, delay_us))
				return;
		} else {
			fputs(who, out);
		}
		if (fflush(out))
			return;
	}
}

static void *serve_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	struct sockaddr_in6 peer = { 0 }, local = { 0 };
	socklen_t peer_len = sizeof(peer), local_len = sizeof(local);

	if (in && out && getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&local, &local_len) == 0)
		converse(in, out, &peer, &local);
	if (out)
		fclose(out);
	if (in)
		fclose(in);
	pthread_mutex_lock(&lock);
	connections--;
	pthread_cond_signal(&idle);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Answers one datagram from the address it was sent to. */
static void serve_datagram(int fd)
{
	char request[WIRE_TEXT_LEN], answer[WIRE_TEXT_LEN];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_in6 peer = { 0 }, local = { .sin6_family = AF_INET6 };
	struct iovec iov = { request, sizeof(request) - 1 };
	struct msghdr msg = { &peer, sizeof(peer), &iov, 1, &control, sizeof(control), 0 };
	socklen_t local_len = sizeof(local);
	ssize_t len = recvmsg(fd, &msg, 0);
	struct cmsghdr *cmsg = len < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	struct in6_pktinfo info;

	if (!cmsg || cmsg->cmsg_type != IPV6_PKTINFO)
		return;
	request[len] = '\0';
	request[strcspn(request, "\r\n")] = '\0';
	getsockname(fd, (struct sockaddr *)&local, &local_len);
	memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
	local.sin6_addr = info.ipi6_addr;
	/* The address is to be kept; the way back is for the routing table to choose. */
	info.ipi6_ifindex = 0;
	memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
	iov.iov_base = answer;
	iov.iov_len = (size_t)answer_who(request, &peer, &local, answer);
	(void)sendmsg(fd, &msg, 0);
}

static void *serve_datagrams(void *arg)
{
	for (;;)
		serve_datagram((int)(intptr_t)arg);
	return NULL;
}

static int open_socket(int type, const char *bind_addr, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1, off = 0;

	if (inet_pton(AF_INET6, bind_addr, &sa.sin6_addr) != 1) {
		fprintf(stderr, "echo: --bind %s: not an IPv6 address\n", bind_addr);
		exit(2);
	}
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)))
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		die("listen");
	return fd;
}

static void on_term(int sig)
{
	(void)sig;
	stopping = 1;
	shutdown(listener, SHUT_RDWR);
}

static void start_thread(void *(*fn)(void *), int fd)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	errno = pthread_create(&thread, &attr, fn, (void *)(intptr_t)fd);
	if (errno)
		die("pthread_create");
	pthread_attr_destroy(&attr);
}

static void accept_until_stopped(void)
{
	while (!stopping) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		pthread_mutex_lock(&lock);
		connections++;
		pthread_mutex_unlock(&lock);
		start_thread(serve_connection, fd);
	}
	close(listener);
	pthread_mutex_lock(&lock);
	while (connections)
		pthread_cond_wait(&idle, &lock);
	pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "port", required_argument, NULL, 'p' },
		{ "bind", required_argument, NULL, 'b' },
		{ 0 },
	};
	struct sigaction term = { .sa_handler = on_term };
	const char *bind_addr = "::";
	unsigned long port = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'n')
			server_name = optarg;
		else if (opt == 'p')
			port = strtoul(optarg, NULL, 10);
		else if (opt == 'b')
			bind_addr = optarg;
		else
			return 2;
	}
	if (port == 0 || port > 65535 || optind != argc) {
		fprintf(stderr, "usage: echo --name NAME --port PORT [--bind ADDR]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	listener = open_socket(SOCK_STREAM, bind_addr, (uint16_t)port);
	start_thread(serve_datagrams, open_socket(SOCK_DGRAM, bind_addr, (uint16_t)port));
	sigaction(SIGTERM, &term, NULL);
	puts("ready");
	fflush(stdout);
	accept_until_stopped();
	return 0;
}
