/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pin directory: who may use it, and what lies in it. One process at a time holds the lock; a
 * child that it forks does not.
 */
#pragma once

struct pins {
	char *dir;   /* <bpffs>/naru */
	char *links; /* <bpffs>/naru/links */
	int lock;    /* descriptor of dir */
	struct pins *next_locked;
};

/* Makes the directories if need be and locks; who has the lock gets wait_ms to give it back.
 * -EBUSY: somebody else has it. -EINVAL: not a BPF file system. Logs failures. pins must stay where
 * it is until pins_close(). */
int pins_open(struct pins *pins, const char *bpffs_dir, unsigned wait_ms);
/* The same for an existing directory only. -ENOENT. */
int pins_open_existing(struct pins *pins, const char *bpffs_dir);
/* Unpins all maps and removes the directories; links must be detached before. 0 or -errno. */
int pins_remove(struct pins *pins);
/* Gives the lock back; {0} or closed twice is fine. */
void pins_close(struct pins *pins);
