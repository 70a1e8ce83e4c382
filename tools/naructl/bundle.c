/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of sources, each a file of the archive. What cannot be had is told in missing.txt, so that
 * who reads the archive knows that it was asked for.
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <naru/paths.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "client.h"
#include "exec.h"
#include "tar.h"

#define FOLDER	   "naru-bundle/"
#define FILE_BYTES (4U << 20) /* of a file of the system */
#define ARGS_MAX   8

static const struct {
	const char *file, *path;
} views[] = {
	{ "narud/status.json", "/v1/status" },	     { "narud/services.json", "/v1/services" },
	{ "narud/endpoints.json", "/v1/endpoints" }, { "narud/listeners.json", "/v1/listeners" },
	{ "narud/routes.json", "/v1/routes" },	     { "narud/backends.json", "/v1/backends" },
	{ "narud/plan.txt", "/v1/plan.txt" },	     { "narud/drops.json", "/v1/drops" },
	{ "narud/traffic.json", "/v1/traffic" },     { "narud/metrics.txt", "/metrics" },
	{ "narud/diff.json", "/v1/diff" },	     { "narud/addresses.json", "/v1/addresses" },
	{ "narud/announce.json", "/v1/announce" },
};

/* Lines, of which there may be very many. */
#define FLOWS_PATH  "/v1/flows?limit=20000"
#define FLOWS_BYTES (64u << 20) /* if narud gives more nevertheless */

static const struct {
	const char *file, *path;
} files[] = {
	{ "node/version.txt", "/proc/version" },
	{ "node/mounts.txt", "/proc/self/mounts" },
	{ "node/meminfo.txt", "/proc/meminfo" },
	{ "node/cpuinfo.txt", "/proc/cpuinfo" },
	{ "node/os-release.txt", "/etc/os-release" },
	{ "node/capabilities.txt", "/proc/self/status" },
	{ "node/cgroup.txt", "/proc/self/cgroup" },
	{ "node/softnet_stat.txt", "/proc/net/softnet_stat" },
	{ "node/ip_forward.txt", "/proc/sys/net/ipv4/ip_forward" },
	{ "node/ip_local_port_range.txt", "/proc/sys/net/ipv4/ip_local_port_range" },
	{ "node/unprivileged_bpf_disabled.txt", "/proc/sys/kernel/unprivileged_bpf_disabled" },
};

static const struct {
	const char *file;
	const char *argv[ARGS_MAX];
} commands[] = {
	{ "node/link.txt", { "ip", "-d", "-s", "link" } },
	{ "node/addr.txt", { "ip", "addr" } },
	{ "node/rule4.txt", { "ip", "-4", "rule" } },
	{ "node/rule6.txt", { "ip", "-6", "rule" } },
	{ "node/route4.txt", { "ip", "-4", "route", "show", "table", "all" } },
	{ "node/route6.txt", { "ip", "-6", "route", "show", "table", "all" } },
	{ "node/neigh.txt", { "ip", "neigh" } },
	{ "node/programs.txt", { "bpftool", "prog", "show" } },
	{ "node/links.txt", { "bpftool", "link", "show" } },
	{ "node/net.txt", { "bpftool", "net", "show" } },
};

/* Those that are small, and read well. */
static const char *const maps[] = { "counters",	 "device",    "endpoint", "meta",
				    "node_addr", "steer_vip", "svc",	  "svc_name" };

struct archive {
	FILE *out;
	int64_t now_s;
	size_t n;
	struct str missing;
};

static void add(struct archive *archive, const char *file, const struct str *text)
{
	_cleanup_(mem_freep) char *name = mem_printf(FOLDER "%s", file);

	if (!tar_add(archive->out, name, text->len ? text->buf : "", text->len, archive->now_s))
		archive->n++;
}

static void miss(struct archive *archive, const char *file, const char *why)
{
	str_addf(&archive->missing, "%s: %s\n", file, why);
}

/* ---- narud --------------------------------------------------------------------------------- */

static bool keep_line(void *arg, const char *line)
{
	struct str *text = arg;

	str_addf(text, "%s\n", line);
	return text->len <= FLOWS_BYTES;
}

static int add_view(struct archive *archive, const char *socket_path, const char *file,
		    const char *path)
{
	_cleanup_(str_fini) struct str text = { 0 };
	int r = !strcmp(path, FLOWS_PATH) ? client_lines(socket_path, path, false, keep_line, &text)
					  : client_get(socket_path, path, &text);

	if (r)
		miss(archive, file, "narud does not tell");
	else
		add(archive, file, &text);
	if (text.len > FLOWS_BYTES && !strcmp(path, FLOWS_PATH))
		miss(archive, file, "cut: there are more");
	return r;
}

static int add_views(struct archive *archive, const char *socket_path)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(views) && !r; i++)
		r = add_view(archive, socket_path, views[i].file, views[i].path);
	return r ? r : add_view(archive, socket_path, "narud/flows.jsonl", FLOWS_PATH);
}

/* ---- the node ------------------------------------------------------------------------------ */

static void add_file(struct archive *archive, const char *file, const char *path)
{
	_cleanup_(mem_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_(str_fini) struct str text = { 0 };
	char piece[8192];
	ssize_t n = 0;

	while (fd >= 0 && text.len < FILE_BYTES && (n = read(fd, piece, sizeof(piece))) > 0)
		str_add(&text, piece, (size_t)n);
	if (fd < 0 || n < 0)
		miss(archive, file, strerror(errno));
	else
		add(archive, file, &text);
}

static void add_command(struct archive *archive, const char *file, const char *const *argv)
{
	_cleanup_(str_fini) struct str text = { 0 };
	int r = exec_read(argv, &text);

	if (r)
		str_addf(&archive->missing, "%s: %s %s\n", file, argv[0], exec_problem(r));
	if (!r || text.len)
		add(archive, file, &text);
}

static void add_maps(struct archive *archive, const char *bpffs_dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		_cleanup_(mem_freep) char *file = mem_printf("maps/%s.json", maps[i]);
		_cleanup_(mem_freep) char *path =
			mem_printf("%s/" NARU_PIN_SUBDIR "/%s", bpffs_dir, maps[i]);
		const char *const argv[] = { "bpftool", "-j", "map", "dump", "pinned", path, NULL };

		add_command(archive, file, argv);
	}
}

/* What preflight itself prints. It fails, too, for what it has found. */
static void add_preflight(struct archive *archive, const char *bpffs_dir)
{
	const char *const argv[] = { "/proc/self/exe", "preflight", "--bpffs", bpffs_dir, "-o",
				     "json",	       NULL };
	_cleanup_(str_fini) struct str text = { 0 };

	exec_read(argv, &text);
	if (text.len)
		add(archive, "node/preflight.json", &text);
	else
		miss(archive, "node/preflight.json", "naructl preflight failed");
}

static void add_node(struct archive *archive, const char *bpffs_dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		add_file(archive, files[i].file, files[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		add_command(archive, commands[i].file, commands[i].argv);
	add_maps(archive, bpffs_dir);
	add_preflight(archive, bpffs_dir);
}

/* ---- the archive --------------------------------------------------------------------------- */

static FILE *open_output(const char *file)
{
	int fd;

	if (!file && isatty(STDOUT_FILENO)) {
		client_complain("an archive is not for a terminal: name a file");
		return NULL;
	}
	/* Addresses of clients are in it: for who has made it. */
	fd = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
		  : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		client_complain("%s: %s", file ? file : "standard output", strerror(errno));
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int finish(struct archive *archive, const char *file)
{
	bool written;

	if (archive->missing.len)
		add(archive, "missing.txt", &archive->missing);
	tar_end(archive->out);
	written = !fflush(archive->out) && !ferror(archive->out);
	written &= !fclose(archive->out);
	if (!written)
		client_complain("%s: not written whole", file ? file : "standard output");
	else if (file)
		printf("%s: %zu files%s\n", file, archive->n,
		       archive->missing.len ? "; missing.txt says what is not there" : "");
	str_fini(&archive->missing);
	return written ? EXIT_SUCCESS : EXIT_FAILURE;
}

int bundle_run(const char *socket_path, const char *bpffs_dir, const char *file)
{
	struct archive archive = { .now_s = clock_wall_us() / 1000000 };
	_cleanup_(str_fini) struct str version = { 0 };
	int r, status;

	archive.out = open_output(file);
	if (!archive.out)
		return EXIT_FAILURE;
	str_addf(&version, "naructl " NARU_VERSION "\n");
	add(&archive, "version.txt", &version);
	r = add_views(&archive, socket_path);
	add_node(&archive, bpffs_dir);
	status = finish(&archive, file);
	return r ? EXIT_FAILURE : status;
}
