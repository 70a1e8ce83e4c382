// SPDX-License-Identifier: Apache-2.0
/* A feature is found by trying it, as everywhere in naru. */
#include "dataplane/survey.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/paths.h>

#include "base/mem.h"

/* Newer than the headers of Linux 6.1. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

#define PROGRAMS_MAX 64 /* at one hook of one device: the kernel's own limit */

static const struct {
	enum bpf_prog_type type;
	const char *name;
} programs[] = {
	{ BPF_PROG_TYPE_SCHED_CLS, "TC programs" },
	{ BPF_PROG_TYPE_XDP, "XDP programs" },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "programs at the sockets of a cgroup" },
	{ BPF_PROG_TYPE_SK_LOOKUP, "sk_lookup programs (Linux 5.9)" },
};

static const struct {
	enum bpf_map_type type;
	const char *name;
} maps[] = {
	{ BPF_MAP_TYPE_HASH, "hash maps" },
	{ BPF_MAP_TYPE_PERCPU_ARRAY, "arrays for each CPU" },
	{ BPF_MAP_TYPE_LPM_TRIE, "maps of prefixes" },
	{ BPF_MAP_TYPE_SOCKMAP, "maps of sockets" },
	{ BPF_MAP_TYPE_SK_STORAGE, "storage of sockets" },
	{ BPF_MAP_TYPE_RINGBUF, "ring buffers" },
};

/* libbpf's probes take a refusal for want of privilege for a lack. */
static bool may_load(void)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_(mem_closep) int fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, NULL, "GPL", pass, ARRAY_SIZE(pass), NULL);

	return fd != -EPERM;
}

int survey_kernel(void (*lacks)(void *arg, const char *feature), void *arg)
{
	int r;

	if (!may_load())
		return -EPERM;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		r = libbpf_probe_bpf_prog_type(programs[i].type, NULL);
		if (r != 1)
			lacks(arg, programs[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		r = libbpf_probe_bpf_map_type(maps[i].type, NULL);
		if (r != 1)
			lacks(arg, maps[i].name);
	}
	r = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_loop, NULL);
	if (r != 1)
		lacks(arg, "bpf_loop() (Linux 5.17)");
	return 0;
}

/* Of the program behind a pinned link; 0: there is none. */
static uint32_t own_id(const char *bpffs_dir, uint32_t ifindex, const char *what)
{
	_cleanup_(mem_freep) char *path =
		mem_printf("%s/" NARU_PIN_SUBDIR "/" NARU_LINK_SUBDIR "/%u-%s", bpffs_dir, ifindex,
			   what);
	_cleanup_(mem_closep) int fd = bpf_obj_get(path);
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.prog_id;
}

static void describe(uint32_t id, const char *hook, struct survey_program *ret_program)
{
	_cleanup_(mem_closep) int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	*ret_program = (struct survey_program){ .hook = hook, .id = id };
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(ret_program->name, info.name, sizeof(ret_program->name) - 1);
}

static uint32_t query_tcx(uint32_t ifindex, enum bpf_attach_type type, uint32_t *ids)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids, .prog_cnt = PROGRAMS_MAX);

	return bpf_prog_query_opts((int)ifindex, type, &opts) ? 0 : opts.prog_cnt;
}

void survey_device(const char *bpffs_dir, uint32_t ifindex,
		   void (*found)(void *arg, const struct survey_program *program), void *arg)
{
	static const struct {
		const char *hook, *pin;
		enum bpf_attach_type type;
	} hooks[] = { { "tcx ingress", "ingress", TCX_INGRESS },
		      { "tcx egress", "egress", TCX_EGRESS } };
	struct survey_program program;
	uint32_t ids[PROGRAMS_MAX], id = 0;

	if (!bpf_xdp_query_id((int)ifindex, 0, &id) && id &&
	    id != own_id(bpffs_dir, ifindex, "xdp")) {
		describe(id, "xdp", &program);
		found(arg, &program);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		uint32_t n = query_tcx(ifindex, hooks[i].type, ids);
		uint32_t own = own_id(bpffs_dir, ifindex, hooks[i].pin);

		for (uint32_t j = 0; j < n && ids[j] != own; j++) {
			describe(ids[j], hooks[i].hook, &program);
			found(arg, &program);
		}
	}
}
