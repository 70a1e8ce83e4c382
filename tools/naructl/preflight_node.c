// SPDX-License-Identifier: Apache-2.0
/* What the kernel has and how it is set, by its own interfaces. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/mem.h"
#include "base/netlink.h"
#include "base/sockdiag.h"
#include "dataplane/cgroup.h"
#include "dataplane/survey.h"
#include "preflight.h"

#define PROBE_PORT 10256

/* A number below /proc/sys/net; -1: there is none. */
static long setting(const char *name)
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/sys/net/%s", name);
	_cleanup_(mem_closefilep) FILE *file = fopen(path, "re");
	long value;

	return file && fscanf(file, "%ld", &value) == 1 ? value : -1;
}

/* ---- kernel and mounts --------------------------------------------------------------------- */

static void on_lack(void *arg, const char *feature)
{
	preflight_add(arg, PREFLIGHT_FATAL, "kernel", "use Linux 6.1 or later, built with it",
		      "lacks %s", feature);
}

void preflight_node_kernel(struct preflight *preflight)
{
	size_t before = preflight->n;

	if (survey_kernel(on_lack, preflight) == -EPERM)
		preflight_add(preflight, PREFLIGHT_FATAL, "kernel", "run naructl as root",
			      "what it has only root can find out");
	else if (preflight->n == before)
		preflight_add(preflight, PREFLIGHT_FINE, "kernel", NULL, "has all that naru needs");
}

static void check_cgroup(struct preflight *preflight)
{
	_cleanup_(mem_freep) char *dir = NULL;
	_cleanup_(mem_closep) int fd = -1;
	const char *named = *preflight->cgroup_dir ? preflight->cgroup_dir : NULL;
	int r = cgroup_open(named, &fd, &dir);

	if (r == -EXDEV)
		preflight_add(preflight, PREFLIGHT_FATAL, "cgroup2",
			      "mount the host's root into the container and name it with --cgroup",
			      "this container sees a part of the tree only");
	else if (r && named)
		preflight_add(preflight, PREFLIGHT_FATAL, "cgroup2",
			      "name a folder of the tree with --cgroup, or none",
			      "%s is no folder of a cgroup2 tree", named);
	else if (r)
		preflight_add(preflight, PREFLIGHT_WARNING, "cgroup2",
			      "mount -t cgroup2 none /sys/fs/cgroup",
			      "no tree is mounted: sockets are not translated, packets are");
	else
		preflight_add(preflight, PREFLIGHT_FINE, "cgroup2", NULL, "mounted at %s", dir);
}

void preflight_node_mounts(struct preflight *preflight)
{
	struct statfs fs;

	if (statfs(preflight->bpffs_dir, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC)
		preflight_add(preflight, PREFLIGHT_FATAL, "bpffs",
			      "mount -t bpf bpf /sys/fs/bpf, or name another with --bpffs",
			      "%s is no BPF file system", preflight->bpffs_dir);
	else
		preflight_add(preflight, PREFLIGHT_FINE, "bpffs", NULL, "mounted at %s",
			      preflight->bpffs_dir);
	check_cgroup(preflight);
}

/* ---- settings ------------------------------------------------------------------------------ */

void preflight_node_forwarding(struct preflight *preflight)
{
	const char *l4 = getenv("NARU_L4");
	bool proxy_only = l4 && !strcmp(l4, "off"); /* which needs nothing forwarded */

	if (setting("ipv4/ip_forward") == 0)
		preflight_add(preflight, proxy_only ? PREFLIGHT_WARNING : PREFLIGHT_FATAL,
			      "forwarding", "sysctl -w net.ipv4.ip_forward=1",
			      "net.ipv4.ip_forward is 0: packets do not reach pods of this node");
	else
		preflight_add(preflight, PREFLIGHT_FINE, "forwarding", NULL, "IPv4 is forwarded");
	if (setting("ipv6/conf/all/forwarding") == 0)
		preflight_add(
			preflight, PREFLIGHT_WARNING, "forwarding",
			"sysctl -w net.ipv6.conf.all.forwarding=1, if pods have IPv6",
			"net.ipv6.conf.all.forwarding is 0: packets do not reach pods of this "
			"node by IPv6");
}

/* The stricter of a device's own value and that of all: the larger one of 0 and 1; 2 is loose. */
static void on_rp_filter(const char *device, long all, size_t *strict)
{
	_cleanup_(mem_freep) char *name = mem_printf("ipv4/conf/%s/rp_filter", device);
	long own = setting(name);

	*strict += (own > all ? own : all) == 1;
}

void preflight_node_rp_filter(struct preflight *preflight)
{
	_cleanup_(mem_closedirp) DIR *dir = opendir("/proc/sys/net/ipv4/conf");
	long all = setting("ipv4/conf/all/rp_filter");
	const struct dirent *entry;
	size_t strict = 0;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.' && strcmp(entry->d_name, "all") != 0 &&
		    strcmp(entry->d_name, "default") != 0)
			on_rp_filter(entry->d_name, all, &strict);
	if (strict)
		preflight_add(
			preflight, PREFLIGHT_FINE, "rp_filter", NULL,
			"strict on %zu devices, which is fine: a packet whose source naru has "
			"rewritten never enters the stack",
			strict);
	else
		preflight_add(preflight, PREFLIGHT_FINE, "rp_filter", NULL,
			      "strict on no device, which is fine");
}

void preflight_node_bridges(struct preflight *preflight)
{
	long value = setting("bridge/bridge-nf-call-iptables");

	if (value < 0)
		return;
	preflight_add(preflight, PREFLIGHT_FINE, "bridges", NULL,
		      "net.bridge.bridge-nf-call-iptables is %ld: naru works with either, rules of "
		      "others see bridged packets with 1 only",
		      value);
}

/* ---- ports --------------------------------------------------------------------------------- */

void preflight_node_snat_ports(struct preflight *preflight)
{
	_cleanup_(mem_closefilep) FILE *file =
		fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	const char *given = getenv("NARU_SNAT_PORTS");
	unsigned min = 1024, max = 29999, low, high;

	/* What is wrong with a value narud says. */
	if (given && sscanf(given, "%u-%u", &min, &max) != 2)
		given = NULL;
	if (!file || fscanf(file, "%u %u", &low, &high) != 2)
		return;
	if (min <= high && max >= low)
		preflight_add(
			preflight, PREFLIGHT_WARNING, "source ports",
			"give narud other --snat-ports, or this host another "
			"net.ipv4.ip_local_port_range",
			"narud's %u-%u overlap this host's own, %u-%u: its connections may lose "
			"answers",
			min, max, low, high);
	else
		preflight_add(preflight, PREFLIGHT_FINE, "source ports", NULL,
			      "narud's %u-%u and this host's own, %u-%u, are apart", min, max, low,
			      high);
}

/* The inode of a socket that listens on a port; 0: nobody does. */
static unsigned long find_listener(unsigned port)
{
	_cleanup_(mem_freep) struct sockdiag_listener *listeners = NULL;
	size_t n = 0;

	if (sockdiag_listeners(&listeners, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (listeners[i].port == port)
			return listeners[i].inode;
	return 0;
}

/* -EACCES: it may not be looked into, which is so of narud for who has narud's rights alone. */
static int holds(const char *pid, const char *wanted)
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/%s/fd", pid);
	_cleanup_(mem_closedirp) DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	while (dir && (entry = readdir(dir))) {
		char text[64];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);

		if (n < 0 && errno == EACCES)
			r = -EACCES;
		if (n < 0)
			continue;
		text[n] = 0;
		if (!strcmp(text, wanted))
			return 1;
	}
	return r;
}

/* The name of a process; "" and false when it cannot be read. */
static bool get_name(const char *pid, char name[static 32])
{
	_cleanup_(mem_freep) char *path = mem_printf("/proc/%s/comm", pid);
	_cleanup_(mem_closefilep) FILE *file = fopen(path, "re");

	*name = 0;
	return file && fscanf(file, "%31[^\n]", name) == 1;
}

/* The name of the process that has a socket, to be freed. A narud that may not be looked into is
 * taken for it when nobody else is. */
static char *find_holder(unsigned long inode)
{
	_cleanup_(mem_freep) char *wanted = mem_printf("socket:[%lu]", inode);
	_cleanup_(mem_closedirp) DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool hidden = false;
	char name[32] = "";

	while (proc && (entry = readdir(proc))) {
		int r = isdigit((unsigned char)*entry->d_name) ? holds(entry->d_name, wanted) : 0;

		if (!r || !get_name(entry->d_name, name))
			continue;
		if (r > 0)
			return mem_strdup(name);
		hidden |= !strcmp(name, "narud");
	}
	return mem_strdup(hidden ? "narud" : "a process that cannot be seen");
}

void preflight_node_probe_port(struct preflight *preflight)
{
	unsigned long inode = find_listener(PROBE_PORT);
	_cleanup_(mem_freep) char *holder = NULL;

	if (inode)
		holder = find_holder(inode);
	if (!inode)
		preflight_add(preflight, PREFLIGHT_FINE, "probe port", NULL, "%u is free",
			      PROBE_PORT);
	else if (!strcmp(holder, "narud"))
		preflight_add(preflight, PREFLIGHT_FINE, "probe port", NULL, "%u is narud's",
			      PROBE_PORT);
	else
		preflight_add(preflight, PREFLIGHT_WARNING, "probe port",
			      "stop it, or give narud another --healthz; until then narud tries "
			      "again every second",
			      "%u, where narud answers /healthz, is taken by %s", PROBE_PORT,
			      holder);
}
