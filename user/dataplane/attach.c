/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names below the links directory, N being an ifindex:
 *   N-ingress, N-egress, N-xdp	   pinned links
 *   N-clsact			   directory: our filters stand on the device's clsact qdisc
 *   N-qdisc			   directory: we made that qdisc
 *   cgroup-connect4 …, steer	   pinned links
 * A clsact filter has no object to pin, and its program cannot be looked up by id without
 * CAP_SYS_ADMIN; so a directory remembers that it is ours.
 *
 * A tcx link is appended after the programs of others. A device that went took its attachment
 * along, but the pin remains: updating such a link fails, and a new one is made.
 */
#include "dataplane/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"

/* Newer than the headers of Linux 6.1. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

/* Ours among clsact filters: late, and not at a number that others would take by chance. */
#define FILTER_PRIORITY 0x6e61
#define FILTER_HANDLE	0x6e617275

static const char tcx[] = "tcx", clsact[] = "clsact", native[] = "native";
static const char busy[] = "somebody else's XDP program is attached: TC only";

static char *pin_path(const char *links, uint32_t ifindex, const char *what)
{
	return mem_printf("%s/%u-%s", links, ifindex, what);
}

/* ---- links ---- */

/* The last reference of an unlinked pin is dropped later, by a kernel worker; detached at once, no
 * packet meets the program after we return. */
static void unpin(const char *path)
{
	_cleanup_(mem_closep) int link = bpf_obj_get(path);

	if (link >= 0)
		bpf_link_detach(link);
	unlink(path);
}

/* Whether the link is attached to what has that inode; -errno. */
static int is_on(int link, uint64_t inode)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	int r = bpf_obj_get_info_by_fd(link, &info, &len);

	if (r)
		return r;
	return inode ==
	       (info.type == BPF_LINK_TYPE_NETNS ? info.netns.netns_ino : info.cgroup.cgroup_id);
}

/* inode: that of the cgroup or network namespace that an existing link must be on, 0: any.
 * -ENOLINK: there is no link, or none that holds on to anything any more, or one elsewhere. After
 * any other error the link is what it was. */
static int update(struct attach *a, const char *path, int program, uint64_t inode)
{
	_cleanup_(mem_closep) int link = bpf_obj_get(path);
	int r = link < 0 ? link : 1;

	if (link >= 0 && inode)
		r = is_on(link, inode);
	if (r > 0) {
		r = bpf_link_update(link, program, NULL);
		a->replaced |= !r;
		return r;
	}
	return !r || r == -ENOENT ? -ENOLINK : r;
}

static void note(struct attach *a, const char *path)
{
	size_t cap = a->n_made;

	if (a->settled)
		return;
	a->made = mem_grow(a->made, a->n_made, &cap, sizeof(*a->made));
	a->made[a->n_made++] = mem_strdup(path);
}

/* What is pinned there is given up for a new one only. */
static int create(struct attach *a, const char *path, int program, int target,
		  enum bpf_attach_type type)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	_cleanup_(mem_closep) int link =
		bpf_link_create(program, target, type, type == BPF_XDP ? &opts : NULL);
	int r;

	if (link < 0)
		return link;
	unpin(path);
	r = bpf_obj_pin(link, path);
	if (!r)
		note(a, path);
	return r;
}

/* ---- TC ---- */

static int attach_tcx(struct attach *a, uint32_t ifindex, bool ingress)
{
	_cleanup_(mem_freep) char *path =
		pin_path(a->links, ifindex, ingress ? "ingress" : "egress");
	int program = ingress ? a->load->tc_ingress : a->load->tc_egress;
	int r = update(a, path, program, 0);

	if (r != -ENOLINK)
		return r;
	return create(a, path, program, (int)ifindex, ingress ? TCX_INGRESS : TCX_EGRESS);
}

static int set_filter(uint32_t ifindex, enum bpf_tc_attach_point point, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .prog_fd = program, .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

static int set_filters(const struct attach *a, uint32_t ifindex)
{
	int r = set_filter(ifindex, BPF_TC_INGRESS, a->load->tc_ingress);

	return r ? r : set_filter(ifindex, BPF_TC_EGRESS, a->load->tc_egress);
}

/* A directory says that the device is ours; somebody may have removed the qdisc since. */
static int attach_clsact(struct attach *a, uint32_t ifindex)
{
	_cleanup_(mem_freep) char *ours = pin_path(a->links, ifindex, clsact);
	_cleanup_(mem_freep) char *qdisc = pin_path(a->links, ifindex, "qdisc");
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int r;

	if (!access(ours, F_OK) && !set_filters(a, ifindex))
		return 0;
	r = bpf_tc_hook_create(&hook);
	if (!r)
		mkdir(qdisc, 0700);
	else if (r != -EEXIST)
		return r;
	if (!mkdir(ours, 0700))
		note(a, ours);
	return set_filters(a, ifindex);
}

static void detach_filter(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	bpf_tc_detach(&hook, &opts);
}

static void detach_clsact(const char *links, uint32_t ifindex)
{
	_cleanup_(mem_freep) char *ours = pin_path(links, ifindex, clsact);
	_cleanup_(mem_freep) char *qdisc = pin_path(links, ifindex, "qdisc");
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (access(ours, F_OK))
		return;
	detach_filter(ifindex, BPF_TC_INGRESS);
	detach_filter(ifindex, BPF_TC_EGRESS);
	if (!access(qdisc, F_OK)) {
		int filters = netlink_has_filters(ifindex);

		/* The directories stay, so that a later try knows whose the qdisc is. */
		if (filters < 0 && filters != -ENODEV)
			return;
		if (!filters)
			bpf_tc_hook_destroy(&hook);
	}
	rmdir(qdisc);
	rmdir(ours);
}

static void detach_tcx(const char *links, uint32_t ifindex)
{
	_cleanup_(mem_freep) char *ingress = pin_path(links, ifindex, "ingress");
	_cleanup_(mem_freep) char *egress = pin_path(links, ifindex, "egress");

	unpin(ingress);
	unpin(egress);
}

const char *attach_tc(struct attach *a, uint32_t ifindex)
{
	int r = -EINVAL;

	if (!a->clsact) {
		r = attach_tcx(a, ifindex, true);
		if (!r)
			r = attach_tcx(a, ifindex, false);
		/* An old kernel takes the attach type for an unknown one. */
		if (r == -EINVAL && !a->probed) {
			log_info("the kernel has no tcx: TC programs are attached by clsact");
			a->clsact = true;
		}
		a->probed |= !r;
		if (!r)
			detach_clsact(a->links, ifindex);
	}
	if (a->clsact) {
		r = attach_clsact(a, ifindex);
		if (!r)
			detach_tcx(a->links, ifindex);
	}
	if (r)
		return strerror(-r);
	return a->clsact ? clsact : tcx;
}

bool attach_tc_ok(const char *how)
{
	return how == tcx || how == clsact;
}

/* ---- XDP ---- */

const char *attach_xdp(struct attach *a, uint32_t ifindex, const char *why_not)
{
	_cleanup_(mem_freep) char *path = pin_path(a->links, ifindex, "xdp");
	int r;

	if (why_not || a->load->xdp < 0) {
		unpin(path);
		return why_not ? why_not : "off";
	}
	r = update(a, path, a->load->xdp, 0);
	/* TC does all of its work: better none than one of another load. */
	if (r) {
		unpin(path);
		r = create(a, path, a->load->xdp, (int)ifindex, BPF_XDP);
	}
	switch (-r) {
	case 0:
		return native;
	case EBUSY:
		return busy;
	case EOPNOTSUPP:
		return "the driver has no native XDP";
	default:
		return strerror(-r);
	}
}

bool attach_xdp_ok(const char *how)
{
	return how == native;
}

bool attach_xdp_may_change(const char *how)
{
	return how == busy;
}

void attach_detach(const char *links, uint32_t ifindex)
{
	_cleanup_(mem_freep) char *xdp = pin_path(links, ifindex, "xdp");

	unpin(xdp);
	detach_tcx(links, ifindex);
	detach_clsact(links, ifindex);
}

/* ---- cgroup ---- */

int attach_cgroup(struct attach *a, int cgroup_fd)
{
	struct stat st;

	/* A cgroup's id is its inode number. */
	if (fstat(cgroup_fd, &st))
		return -errno;
	for (int i = 0; i < LOAD_SOCK_HOOKS; i++) {
		const struct load_sock_hook *hook = &load_sock_hooks[i];
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", a->links, hook->name);
		int r = update(a, path, a->load->sock[i], st.st_ino);

		if (r == -ENOLINK)
			r = create(a, path, a->load->sock[i], cgroup_fd,
				   (enum bpf_attach_type)hook->attach_type);
		if (r)
			return log_err(r, "attach %s", hook->name);
	}
	return 0;
}

void attach_detach_cgroup(const char *links)
{
	for (int i = 0; i < LOAD_SOCK_HOOKS; i++) {
		_cleanup_(mem_freep) char *path =
			mem_printf("%s/%s", links, load_sock_hooks[i].name);

		unpin(path);
	}
}

/* ---- network namespace ---- */

int attach_steer(struct attach *a)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/steer", a->links);
	_cleanup_(mem_closep) int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (net < 0 || fstat(net, &st))
		return log_err(-errno, "open this network namespace");
	r = update(a, path, a->load->steer, st.st_ino);
	if (r == -ENOLINK)
		r = create(a, path, a->load->steer, net, BPF_SK_LOOKUP);
	return r ? log_err(r, "attach steering to the network namespace") : 0;
}

/* ---- all ---- */

static void forget(struct attach *a)
{
	for (size_t i = 0; i < a->n_made; i++)
		free(a->made[i]);
	free(a->made);
	a->made = NULL;
	a->n_made = 0;
}

void attach_settle(struct attach *a)
{
	a->settled = true;
	forget(a);
}

void attach_undo(struct attach *a)
{
	for (size_t i = a->n_made; i-- > 0;) {
		const char *name = strrchr(a->made[i], '/') + 1;
		unsigned ifindex;
		char what[16];

		if (sscanf(name, "%u-%15s", &ifindex, what) == 2 && !strcmp(what, clsact))
			detach_clsact(a->links, ifindex);
		else
			unpin(a->made[i]);
	}
	forget(a);
}

void attach_detach_all(const char *links)
{
	struct dirent *entry;
	DIR *dir = opendir(links);

	while (dir && (entry = readdir(dir))) {
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", links, entry->d_name);
		unsigned ifindex;
		char what[16];

		if (entry->d_name[0] == '.')
			continue;
		if (sscanf(entry->d_name, "%u-%15s", &ifindex, what) == 2)
			attach_detach(links, ifindex);
		else
			unpin(path);
	}
	if (dir)
		closedir(dir);
}
