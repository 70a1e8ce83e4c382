/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there without narud: what this kernel lacks, and which programs others have attached to a
 * device. Reads only; for naructl preflight.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Tells the name of each feature that naru needs and the kernel lacks. -EPERM: who asks may not
 * know. */
int survey_kernel(void (*lacks)(void *arg, const char *feature), void *arg);

struct survey_program {
	const char *hook; /* "xdp", "tcx ingress", "tcx egress" */
	uint32_t id;
	char name[16]; /* "" when it may not be known */
};

/* Programs of others at a device that run before naru's would, or do; the links of naru's are
 * pinned below bpffs_dir. */
void survey_device(const char *bpffs_dir, uint32_t ifindex,
		   void (*found)(void *arg, const struct survey_program *program), void *arg);
