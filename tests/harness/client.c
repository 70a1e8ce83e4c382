// SPDX-License-Identifier: Apache-2.0
/*
 * The client of demo and tests: talks to echo.c and counts what came of it (see wire.h).
 *
 *	client [OPTION]… who|hold|stream ADDR PORT
 *
 * who: each request on a socket of its own. hold: all requests on one socket per thread. stream:
 * one TCP transfer of -n numbered lines, each checked. Prints "up" after the first success, "from
 * NAME" after the first of each server, "failed WHY" after the first failure of each kind, and at
 * the end one line of JSON: how many succeeded, what failed, which servers answered and which
 * addresses they saw. Without -n, who and hold run until SIGTERM. Exit status 1 if any failed.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define TALLY_MAX 64
#define KEY_LEN	  96

typedef void *(*body_fn)(void *);

struct tally {
	const char *name;
	unsigned n;
	struct {
		char key[KEY_LEN];
		unsigned count;
	} item[TALLY_MAX];
};

static struct {
	bool udp;	   /* -u */
	bool unconnected;  /* -x: sendto() and recvfrom() */
	bool mapped;	   /* -m: IPv4 through an IPv6 socket */
	bool full;	   /* -f: peers with their ports */
	bool again;	   /* -r: hold -u dials anew when its socket lost its peer */
	unsigned n;	   /* -n: requests of each thread, lines of stream; 0: until SIGTERM */
	unsigned threads;  /* -c */
	int timeout_ms;	   /* -t */
	unsigned gap_us;   /* -i: pause after each request, in stream before each line */
	const char *src;   /* -s: address to send from */
	uint16_t src_port; /* -p */
	struct sockaddr_in6 dst;
	socklen_t dst_len;
} opt = { .n = 0, .threads = 1, .timeout_ms = 3000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t stopping;
static unsigned ok_count, fail_count;
static struct tally by = { .name = "by" }, errors = { .name = "errors" };
static struct tally peers = { .name = "peers" }, locals = { .name = "locals" };

static void count(struct tally *tally, const char *key)
{
	unsigned i;

	for (i = 0; i < tally->n && strcmp(tally->item[i].key, key) != 0; i++)
		;
	if (i == TALLY_MAX)
		return;
	if (i == tally->n)
		snprintf(tally->item[tally->n++].key, KEY_LEN, "%s", key);
	tally->item[i].count++;
}

static void count_failure(const char *why)
{
	unsigned kinds;

	pthread_mutex_lock(&lock);
	fail_count++;
	kinds = errors.n;
	count(&errors, why);
	if (errors.n != kinds) {
		printf("failed %s\n", why);
		fflush(stdout);
	}
	pthread_mutex_unlock(&lock);
}

/* Cuts the port off "ADDR:PORT". */
static void cut_port(char *addr)
{
	char *colon = strrchr(addr, ':');

	if (colon)
		*colon = '\0';
}

static void count_success(const char *server, char *peer, char *local)
{
	unsigned servers;

	if (!opt.full)
		cut_port(peer);
	pthread_mutex_lock(&lock);
	if (ok_count++ == 0)
		puts("up");
	servers = by.n;
	count(&by, server);
	if (by.n != servers)
		printf("from %s\n", server);
	if (by.n != servers || ok_count == 1)
		fflush(stdout);
	count(&peers, peer);
	count(&locals, local);
	pthread_mutex_unlock(&lock);
}

/* Text to address of the family that the sockets use. Returns its length, 0 if it is none. */
static socklen_t parse_addr(const char *text, uint16_t port, struct sockaddr_in6 *ret_sa)
{
	struct sockaddr_in *sa4 = (struct sockaddr_in *)ret_sa;
	char mapped[WIRE_ADDR_LEN];

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (!opt.mapped && inet_pton(AF_INET, text, &sa4->sin_addr) == 1) {
		sa4->sin_family = AF_INET;
		sa4->sin_port = htons(port);
		return sizeof(*sa4);
	}
	snprintf(mapped, sizeof(mapped), "%s%s", opt.mapped ? "::ffff:" : "", text);
	if (inet_pton(AF_INET6, mapped, &ret_sa->sin6_addr) != 1)
		return 0;
	ret_sa->sin6_family = AF_INET6;
	ret_sa->sin6_port = htons(port);
	return sizeof(*ret_sa);
}

static bool same_addr(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	char a_text[WIRE_ADDR_LEN], b_text[WIRE_ADDR_LEN];

	return strcmp(wire_addr(a, a_text), wire_addr(b, b_text)) == 0;
}

/* Returns a connected TCP or a ready UDP socket, or -1 with *ret_why. */
static int open_socket(const char **ret_why)
{
	int fd = socket(opt.dst.sin6_family, opt.udp ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;
	struct timeval timeout = { opt.timeout_ms / 1000, opt.timeout_ms % 1000 * 1000 };
	struct sockaddr_in6 src, peer = { 0 };
	socklen_t len = sizeof(peer);

	if (fd < 0)
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (opt.src) {
		socklen_t src_len = parse_addr(opt.src, opt.src_port, &src);

		/* Not without need: UDP sockets would get ports that others have. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&src, src_len))
			goto fail;
	}
	if (opt.unconnected)
		return fd;
	if (connect(fd, (struct sockaddr *)&opt.dst, opt.dst_len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &len))
		goto fail;
	if (same_addr(&peer, &opt.dst))
		return fd;
	*ret_why = "getpeername differs from the address dialled";
	close(fd);
	return -1;
fail:
	*ret_why = errno == EINPROGRESS ? "timeout" : strerrorname_np(errno);
	close(fd);
	return -1;
}

static ssize_t send_request(int fd, const char *line)
{
	if (opt.unconnected)
		return sendto(fd, line, strlen(line), MSG_NOSIGNAL, (struct sockaddr *)&opt.dst,
			      opt.dst_len);
	return send(fd, line, strlen(line), MSG_NOSIGNAL);
}

/* One line of an answer, NUL instead of newline. Returns NULL or why not. */
static const char *receive_line(int fd, char line[static WIRE_TEXT_LEN])
{
	struct sockaddr_in6 from = { 0 };
	size_t len = 0;

	do {
		socklen_t from_len = sizeof(from);
		ssize_t r = recvfrom(fd, line + len, WIRE_TEXT_LEN - 1 - len, 0,
				     (struct sockaddr *)&from, &from_len);

		if (r < 0)
			return errno == EAGAIN ? "timeout" : strerrorname_np(errno);
		if (r == 0)
			return "closed by server";
		len += (size_t)r;
	} while (line[len - 1] != '\n' && len < WIRE_TEXT_LEN - 1);
	line[len - 1] = '\0';
	if (opt.udp && !same_addr(&from, &opt.dst))
		return "answer from another address than the one dialled";
	return NULL;
}

/* One request with a token that must come back. Returns NULL or why it failed. */
static const char *ask(int fd, unsigned token)
{
	char line[WIRE_TEXT_LEN], server[64], peer[WIRE_ADDR_LEN], local[WIRE_ADDR_LEN];
	const char *why;
	unsigned back;

	snprintf(line, sizeof(line), "who %u\n", token);
	if (send_request(fd, line) < 0)
		return strerrorname_np(errno);
	why = receive_line(fd, line);
	if (why)
		return why;
	if (sscanf(line, "%63s %63s %63s %u", server, peer, local, &back) != 4 || back != token)
		return "wrong answer";
	count_success(server, peer, local);
	return NULL;
}

static bool more(unsigned done)
{
	return !stopping && (opt.n == 0 || done < opt.n);
}

static void *run_who(void *arg)
{
	(void)arg;
	for (unsigned i = 0; more(i); i++) {
		const char *why;
		int fd = open_socket(&why);

		if (fd >= 0) {
			why = ask(fd, i);
			close(fd);
		}
		if (fd < 0 || why)
			count_failure(why);
		usleep(opt.gap_us);
	}
	return NULL;
}

/* Who sends before receiving is told just that there is no peer. */
static bool lost_peer(const char *why)
{
	return why && (!strcmp(why, "ECONNABORTED") || !strcmp(why, "EDESTADDRREQ"));
}

static void *run_hold(void *arg)
{
	const char *why;
	int fd = open_socket(&why);

	(void)arg;
	if (fd < 0) {
		count_failure(why);
		return NULL;
	}
	for (unsigned i = 0; more(i); i++) {
		if (fd < 0)
			fd = open_socket(&why);
		if (fd >= 0)
			why = ask(fd, i);
		if (why)
			count_failure(why);
		if (why && !opt.udp)
			break;
		if (fd >= 0 && opt.again && lost_peer(why)) {
			close(fd);
			fd = -1;
		}
		usleep(opt.gap_us);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static const char *receive_stream(int fd)
{
	char line[WIRE_LINE_LEN], want[WIRE_LINE_LEN];

	for (unsigned i = 1; i <= opt.n; i++) {
		ssize_t r = recv(fd, line, sizeof(line), MSG_WAITALL);

		if (r < 0)
			return errno == EAGAIN ? "timeout" : strerrorname_np(errno);
		if (r != sizeof(line))
			return "closed by server";
		wire_line(want, i);
		if (memcmp(line, want, sizeof(line)) != 0)
			return "bytes differ";
		count_success("stream", (char[]){ "-" }, (char[]){ "-" });
	}
	return NULL;
}

static void *run_stream(void *arg)
{
	char line[WIRE_TEXT_LEN];
	const char *why;
	int fd = open_socket(&why);

	(void)arg;
	if (fd < 0) {
		count_failure(why);
		return NULL;
	}
	snprintf(line, sizeof(line), "stream %u %u\n", opt.n, opt.gap_us);
	why = send_request(fd, line) < 0 ? strerrorname_np(errno) : receive_stream(fd);
	if (why)
		count_failure(why);
	close(fd);
	return NULL;
}

static void print_tally(const struct tally *tally)
{
	printf(", \"%s\": {", tally->name);
	for (unsigned i = 0; i < tally->n; i++)
		printf("%s\"%s\": %u", i ? ", " : "", tally->item[i].key, tally->item[i].count);
	printf("}");
}

static void on_term(int sig)
{
	(void)sig;
	stopping = 1;
}

/* Reads options and operands. Returns the body of a thread, NULL on misuse. */
static body_fn parse(int argc, char **argv)
{
	static const struct {
		const char *name;
		body_fn fn;
	} modes[] = { { "who", run_who }, { "hold", run_hold }, { "stream", run_stream } };
	int c;

	while ((c = getopt(argc, argv, "uxmfrn:c:t:i:s:p:")) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'u':
			opt.udp = true;
			break;
		case 'x':
			opt.udp = opt.unconnected = true;
			break;
		case 'm':
			opt.mapped = true;
			break;
		case 'f':
			opt.full = true;
			break;
		case 'r':
			opt.again = true;
			break;
		case 'n':
			opt.n = (unsigned)value;
			break;
		case 'c':
			opt.threads = (unsigned)value;
			break;
		case 't':
			opt.timeout_ms = (int)value;
			break;
		case 'i':
			opt.gap_us = (unsigned)value;
			break;
		case 's':
			opt.src = optarg;
			break;
		case 'p':
			opt.src_port = (uint16_t)value;
			break;
		default:
			return NULL;
		}
	}
	if (argc - optind != 3 || opt.threads == 0 || opt.threads > 256)
		return NULL;
	opt.dst_len = parse_addr(argv[optind + 1], (uint16_t)strtoul(argv[optind + 2], NULL, 10),
				 &opt.dst);
	for (size_t i = 0; opt.dst_len && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[optind], modes[i].name) == 0)
			return modes[i].fn;
	return NULL;
}

int main(int argc, char **argv)
{
	body_fn body = parse(argc, argv);
	/* Requests under way end as if nothing had come. */
	struct sigaction term = { .sa_handler = on_term, .sa_flags = SA_RESTART };
	pthread_t thread[256];

	if (!body) {
		fprintf(stderr,
			"usage: client [-u|-x] [-m] [-f] [-r] [-n N] [-c THREADS] [-t MS] [-i US] "
			"[-s ADDR] [-p PORT] who|hold|stream ADDR PORT\n");
		return 2;
	}
	sigaction(SIGTERM, &term, NULL);
	for (unsigned i = 0; i < opt.threads; i++) {
		if (pthread_create(&thread[i], NULL, body, NULL)) {
			perror("client: pthread_create");
			return 2;
		}
	}
	for (unsigned i = 0; i < opt.threads; i++)
		pthread_join(thread[i], NULL);
	printf("{\"ok\": %u, \"failed\": %u", ok_count, fail_count);
	print_tally(&errors);
	print_tally(&by);
	print_tally(&peers);
	print_tally(&locals);
	printf("}\n");
	return fail_count ? 1 : 0;
}
