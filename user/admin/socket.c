/* SPDX-License-Identifier: Apache-2.0 */
/* Where servers listen: ports, and one file. admin.c calls it, and what in daemon/ has ports. */
#include "admin/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPE  (SOCK_STREAM | FLAGS)

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int socket_tcp(const struct addr *addr, uint16_t port, int *ret_fd)
{
	_cleanup_(mem_closep) int fd = -1;
	struct sockaddr_storage name;
	socklen_t len = sockaddr_from_addr(addr, port, &name);
	int r;

	fd = socket(name.ss_family, TYPE, 0);
	if (fd < 0)
		return -errno;
	r = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!r && name.ss_family == AF_INET6)
		r = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (!r && bind(fd, (struct sockaddr *)&name, len) < 0)
		r = -errno;
	if (!r)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int socket_tcp_any(uint16_t port, int *ret_fd)
{
	static const struct addr any6, any4 = { .byte = { [10] = 0xff, [11] = 0xff } };
	int r = socket_tcp(&any6, port, ret_fd);

	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? socket_tcp(&any4, port, ret_fd) : r;
}

/* Is somebody behind the socket file? 0: no, and the file is gone now. */
static int clear_path(const struct sockaddr_un *name, int type)
{
	_cleanup_(mem_closep) int fd = socket(AF_UNIX, type, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(name->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (!connect(fd, (const struct sockaddr *)name, sizeof(*name)) || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(name->sun_path) < 0 ? -errno : 0;
}

static int make_file(const char *path, int type, int *ret_fd)
{
	_cleanup_(mem_closep) int fd = socket(AF_UNIX, type, 0);
	struct sockaddr_un name;
	int r;

	if (fd < 0)
		return -errno;
	r = sockaddr_from_path(path, &name);
	if (!r)
		r = clear_path(&name, type);
	if (r < 0)
		return r;
	/* The file takes the descriptor's mode: there is no moment in which others may connect. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int socket_unix(const char *path, int *ret_fd)
{
	return make_file(path, TYPE, ret_fd);
}

int socket_unix_packets(const char *path, int *ret_fd)
{
	return make_file(path, SOCK_SEQPACKET | FLAGS, ret_fd);
}
