// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For the far ends of veth pairs in rigs: a frame that XDP sends into a veth arrives only if the
 * receiving end runs an XDP program too. This one changes nothing.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
