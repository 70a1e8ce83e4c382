// SPDX-License-Identifier: Apache-2.0
/*
 * A conversation is a list of lines, sent one after the other, each when the answer to the one
 * before has come. The connection stays open after it: its end tells that the engine has ended, and
 * the next conversation follows as soon as there is one again.
 *
 * BIRD gets a file and the word to read it; FRR's bgpd says what it has, and gets the difference.
 * daemon/advertising.c calls it.
 */
#include "bgp/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "base/str.h"
#include "bgp/render.h"

#define RETRY_MS   1000
#define ANSWER_MS  10000
#define ANSWER_MAX (16u << 20)
#define FILE_MAX   (1u << 20)

struct engine {
	struct engine_config config;
	struct addr *addrs;
	size_t n;
	bool set;     /* there is something to say */
	bool current; /* it was said, to an engine that still runs */
	char *problem;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *retry, *deadline;
	struct str lines; /* of the conversation */
	size_t at;	  /* of the next line */
	struct str in;
	bool asked;  /* an answer is awaited */
	bool listed; /* FRR: the awaited answer is the configuration */
};

static void begin(struct engine *e);

/* ---- what is wrong ---- */

static void set_problem(struct engine *e, char *problem)
{
	bool same = e->problem && problem ? !strcmp(e->problem, problem) : e->problem == problem;

	free(e->problem);
	e->problem = problem;
	if (!same)
		e->config.changed(e->config.arg);
}

static void hang_up(struct engine *e)
{
	loop_fd_remove(TAKE_PTR(e->handle));
	loop_timer_remove(TAKE_PTR(e->deadline));
	mem_closep(&e->fd);
	e->fd = -1;
	e->current = e->asked = e->listed = false;
	str_fini(&e->lines);
	str_fini(&e->in);
	e->at = 0;
}

static void on_retry(void *arg)
{
	struct engine *e = arg;

	loop_timer_remove(TAKE_PTR(e->retry));
	begin(e);
}

/* Owns the text. */
static void fail(struct engine *e, char *problem)
{
	hang_up(e);
	set_problem(e, problem);
	if (!e->retry)
		e->retry = loop_timer_add(e->config.loop, RETRY_MS, 0, on_retry, e);
}

static void on_silence(void *arg)
{
	fail(arg, mem_strdup("it does not answer"));
}

/* ---- BIRD's file ---- */

static int write_all(int fd, const struct str *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = write(fd, text->buf + at, text->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Whole under its name, old or new. */
static int replace_file(const char *path, const struct str *text)
{
	_cleanup_(mem_freep) char *draft = mem_printf("%s.naru", path);
	_cleanup_(mem_closep) int fd = -1;
	int r = file_create(draft, 0644, &fd);

	if (!r)
		r = write_all(fd, text);
	/* BIRD is another user. */
	if (!r && fchmod(fd, 0644))
		r = -errno;
	if (!r && rename(draft, path))
		r = -errno;
	if (r && fd >= 0)
		unlink(draft);
	return r;
}

static int write_file(const struct engine *e)
{
	_cleanup_(str_fini) struct str text = { 0 };
	_cleanup_(mem_freep) char *old = NULL;
	size_t len;

	render_bird(e->addrs, e->n, &text);
	if (!file_read(e->config.file, FILE_MAX, &old, &len) && len == text.len &&
	    !memcmp(old, text.buf, len))
		return 0;
	return replace_file(e->config.file, &text);
}

/* ---- conversation ---- */

static void finish(struct engine *e)
{
	loop_timer_remove(TAKE_PTR(e->deadline));
	str_fini(&e->lines);
	e->at = 0;
	e->current = true;
	set_problem(e, NULL);
}

/* The next line, or the end. What a socket of this machine does not take at once it never will. */
static void say_next(struct engine *e)
{
	const char *line, *end;
	size_t len;

	if (e->at >= e->lines.len) {
		finish(e);
		return;
	}
	line = e->lines.buf + e->at;
	end = strchr(line, '\n');
	len = (size_t)(end - line);
	e->at += len + 1;
	if (e->config.kind == ENGINE_FRR) {
		_cleanup_(mem_freep) char *text = mem_printf("%.*s", (int)len, line);

		if (send(e->fd, text, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len + 1) {
			fail(e, mem_strdup("it hears nothing"));
			return;
		}
	} else if (send(e->fd, line, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len + 1) {
		fail(e, mem_strdup("it hears nothing"));
		return;
	}
	e->asked = true;
}

/* The configuration is there: what is to be said is the difference. */
static int take_config(struct engine *e, size_t len)
{
	_cleanup_(mem_freep) char *config = mem_printf("%.*s", (int)len, e->in.buf);
	_cleanup_(str_fini) struct str lines = { 0 };
	int r = render_frr(config, e->addrs, e->n, &lines);

	if (r)
		return r;
	str_fini(&e->lines);
	if (lines.len)
		str_add(&e->lines, lines.buf, lines.len);
	e->at = 0;
	e->listed = false;
	return 0;
}

static void take_answer(struct engine *e, size_t len, bool fine)
{
	_cleanup_(mem_freep) char *complaint = render_complaint(e->in.buf, len);
	_cleanup_(str_fini) struct str rest = { 0 };

	e->asked = false;
	if (fine && e->listed && e->at >= e->lines.len && take_config(e, len)) {
		fail(e, mem_strdup("bgpd has no router bgp"));
		return;
	}
	if (!fine) {
		fail(e, mem_printf("it refuses what it is told: %s", complaint));
		return;
	}
	if (e->in.len > len)
		str_add(&rest, e->in.buf + len, e->in.len - len);
	str_fini(&e->in);
	e->in = rest;
	rest = (struct str){ 0 };
	say_next(e);
}

static void on_readable(void *arg, unsigned events)
{
	struct engine *e = arg;
	char data[16384];
	ssize_t n = recv(e->fd, data, sizeof(data), MSG_DONTWAIT);
	bool fine;
	size_t len;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || e->in.len + (size_t)n > ANSWER_MAX) {
		fail(e, mem_strdup("it has ended the connection"));
		return;
	}
	if (!e->asked)
		return; /* nothing that was asked for */
	str_add(&e->in, data, (size_t)n);
	len = e->config.kind == ENGINE_FRR ? render_frr_answer(e->in.buf, e->in.len, &fine)
					   : render_bird_answer(e->in.buf, e->in.len, &fine);
	if (len)
		take_answer(e, len, fine);
}

static int dial(struct engine *e)
{
	struct sockaddr_un at;
	int r = sockaddr_from_path(e->config.socket, &at);

	if (r)
		return r;
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0 || connect(e->fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	e->handle = loop_fd_add(e->config.loop, e->fd, LOOP_READ, on_readable, e);
	return e->handle ? 0 : -EIO;
}

/* BIRD speaks first. */
static void converse(struct engine *e, bool fresh)
{
	static const char list[] = "enable\nshow running-config\n", read[] = "configure\n";

	if (!e->deadline)
		e->deadline = loop_timer_add(e->config.loop, ANSWER_MS, 0, on_silence, e);
	str_fini(&e->lines);
	e->at = 0;
	if (e->config.kind == ENGINE_FRR)
		str_add(&e->lines, list, sizeof(list) - 1);
	else
		str_add(&e->lines, read, sizeof(read) - 1);
	e->listed = e->config.kind == ENGINE_FRR;
	if (e->config.kind == ENGINE_BIRD && fresh)
		e->asked = true;
	else
		say_next(e);
}

static void begin(struct engine *e)
{
	bool fresh = e->fd < 0;
	int r = 0;

	if (!e->set || e->current || e->asked)
		return;
	if (e->config.kind == ENGINE_BIRD && (r = write_file(e))) {
		fail(e, mem_printf("%s cannot be written: %s", e->config.file, file_problem(r)));
		return;
	}
	if (fresh)
		r = dial(e);
	if (r)
		fail(e, mem_printf("%s: %s", e->config.socket, strerror(-r)));
	else
		converse(e, fresh);
}

/* ---- from outside ---- */

struct engine *engine_new(const struct engine_config *config)
{
	bool bird = config->kind == ENGINE_BIRD;
	struct engine *e;

	if (config->kind == ENGINE_OFF)
		return NULL;
	e = mem_new(sizeof(*e));
	*e = (struct engine){ .config = *config, .fd = -1 };
	if (!*e->config.socket)
		e->config.socket = bird ? ENGINE_BIRD_SOCKET : ENGINE_FRR_SOCKET;
	if (!*e->config.file)
		e->config.file = ENGINE_BIRD_FILE;
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	hang_up(e);
	loop_timer_remove(e->retry);
	free(e->addrs);
	free(e->problem);
	free(e);
}

/* A conversation under way is given up: its answers would be those to older lines. */
void engine_set(struct engine *e, const struct addr *addrs, size_t n)
{
	if (!e || (e->set && n == e->n && (!n || !memcmp(addrs, e->addrs, n * sizeof(*addrs)))))
		return;
	free(e->addrs);
	e->addrs = mem_array(n, sizeof(*addrs));
	for (size_t i = 0; i < n; i++)
		e->addrs[i] = addrs[i];
	e->n = n;
	e->set = true;
	e->current = false;
	if (e->asked)
		hang_up(e);
	if (!e->retry)
		begin(e);
}

bool engine_is_current(const struct engine *e)
{
	return e && e->current;
}

const char *engine_problem(const struct engine *e)
{
	return e ? e->problem : NULL;
}

void engine_report(const struct engine *e, struct diag_list *diags)
{
	if (e && e->problem)
		diag_add(diags, DIAG_ERROR, "", 0,
			 e->config.kind == ENGINE_BIRD ? "BGP engine bird" : "BGP engine frr", "",
			 "%s", e->problem);
}
