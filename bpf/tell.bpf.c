/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What narud has to say on a link: run by narud alone, by test run, on a frame of its own; attached
 * nowhere, so nobody else can have it send anything. It needs neither a packet socket nor a driver
 * that can do more than send.
 */
#include "lib/maps_node.h"

#include "lib/count.h"

/* The device is in cb[0]. Returns 0 or errno. */
SEC("tc")
int tell(struct __sk_buff *ctx)
{
	long r = bpf_clone_redirect(ctx, ctx->cb[0], 0);

	if (r < 0)
		return -r;
	count(NARU_C_TOLD);
	return 0;
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
