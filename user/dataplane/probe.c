/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c asks before it fills the programs' settings. A kernel feature is found by using it, never
 * guessed from a version number.
 */
#include "dataplane/probe.h"

#include <sys/socket.h>
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "base/mem.h"

/* Newer than the headers of Linux 6.1. */
#define CSUM_F_IPV6 (1u << 7)

uint32_t probe_shift_for(uint64_t jiffy_ns)
{
	const uint64_t second = 1000000000;
	uint32_t shift = 0;

	while (jiffy_ns << (shift + 1) <= second)
		shift++;
	/* The next one is longer than a second: nearer? */
	if ((jiffy_ns << (shift + 1)) - second < second - (jiffy_ns << shift))
		shift++;
	return shift;
}

uint32_t probe_tick_shift(void)
{
	struct timespec resolution = { .tv_nsec = 4000000 };

	/* The coarse clock advances once a jiffy. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
	return probe_shift_for((uint64_t)resolution.tv_nsec);
}

uint64_t probe_netns(void)
{
	_cleanup_(mem_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) ? 0 : cookie;
}

uint32_t probe_csum6_flags(void)
{
	/* return bpf_l4_csum_replace(ctx, 40, 0, 0, CSUM_F_IPV6 | 4): changes nothing, but an
	 * unknown flag is -EINVAL. */
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 40 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K,
		  .dst_reg = BPF_REG_5,
		  .imm = CSUM_F_IPV6 | 4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_l4_csum_replace },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	uint8_t packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	_cleanup_(mem_closep) int fd =
		bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "naru_probe", "Dual BSD/GPL", insns,
			      ARRAY_SIZE(insns), NULL);

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run) || run.retval)
		return 0;
	return CSUM_F_IPV6;
}
