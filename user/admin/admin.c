/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths there are, on the two sockets of narud's own window. */
#include "admin/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/server.h"
#include "admin/socket.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sockaddr.h"

struct admin {
	struct server *server;
	const struct admin_route *routes;
	const struct admin_source *sources; /* may be NULL */
	void *arg;
	char *socket_path; /* NULL until it is bound */
};

static void begin(const struct admin *admin, const struct admin_source *source,
		  struct server_answer *ret_answer)
{
	ret_answer->status = 503;
	ret_answer->type = "text/plain; charset=utf-8";
	if (!ret_answer->stream) {
		str_addf(&ret_answer->body, "too many streams are open\n");
		return;
	}
	ret_answer->status = source->open(admin->arg, ret_answer->query, ret_answer->stream,
					  &ret_answer->state, &ret_answer->body);
	if (ret_answer->status == 200)
		ret_answer->source = &source->source;
}

static void answer(void *arg, const char *path, struct server_answer *ret_answer)
{
	const struct admin *admin = arg;

	for (const struct admin_route *route = admin->routes; route->path; route++) {
		if (strcmp(route->path, path) != 0)
			continue;
		ret_answer->status = route->fn(admin->arg, &ret_answer->body);
		ret_answer->type = route->content_type;
		return;
	}
	for (const struct admin_source *source = admin->sources; source && source->path; source++) {
		if (strcmp(source->path, path) != 0)
			continue;
		begin(admin, source, ret_answer);
		return;
	}
	server_error(404, ret_answer);
}

static int start(struct admin *admin, int *fd)
{
	const struct server_handler handler = { .answer = answer, .arg = admin };
	struct server_listener *listener;
	int r = server_listen(admin->server, *fd, &handler, &listener);

	if (!r)
		TAKE_FD(*fd);
	return r;
}

static int open_unix(struct admin *admin, const char *path)
{
	_cleanup_(mem_closep) int fd = -1;
	int r = socket_unix(path, &fd);

	if (r < 0)
		return r;
	admin->socket_path = mem_strdup(path);
	return start(admin, &fd);
}

static int open_tcp(struct admin *admin, const char *text)
{
	_cleanup_(mem_closep) int fd = -1;
	struct addr addr;
	uint16_t port;
	int r = sockaddr_parse(text, &addr, &port) == 1 ? 0 : -EINVAL;

	if (!r)
		r = socket_tcp(&addr, port, &fd);
	return r ? r : start(admin, &fd);
}

int admin_open(struct loop *loop, const char *socket_path, const char *listen,
	       const struct admin_route *routes, void *arg, struct admin **ret_admin)
{
	struct admin *admin = mem_new(sizeof(*admin));
	int r;

	admin->server = server_new(loop);
	admin->routes = routes;
	admin->arg = arg;
	r = open_unix(admin, socket_path);
	if (r < 0)
		log_err(r, "socket %s", socket_path);
	if (!r && listen) {
		r = open_tcp(admin, listen);
		if (r < 0)
			log_err(r, "--admin %s", listen);
	}
	if (r < 0) {
		admin_close(admin);
		return r;
	}
	*ret_admin = admin;
	return 0;
}

void admin_set_sources(struct admin *admin, const struct admin_source *sources)
{
	admin->sources = sources;
}

void admin_close(struct admin *admin)
{
	if (!admin)
		return;
	server_free(admin->server);
	if (admin->socket_path)
		unlink(admin->socket_path);
	free(admin->socket_path);
	free(admin);
}
