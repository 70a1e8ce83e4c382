/* SPDX-License-Identifier: Apache-2.0 */
/* What race.bpf.c and test_table.c share. */
#pragma once
#include <naru/table.h>

#define RACE_CPUS 64
#define RACE_KEYS 4096 /* at most, and as many of the other direction */

/* Each of these stays 0, or the table is wrong. */
enum race_anomaly {
	RACE_ACTION,	/* a hit whose action is another key's, or not whole */
	RACE_WINNERS,	/* two inserters of one key have both succeeded */
	RACE_DUPLICATE, /* a key answers in two slots at the same time */
	RACE_ERRNO,	/* an error that cannot be */
	RACE_ANOMALIES,
};

enum race_count {
	RACE_OPS,
	RACE_HIT,
	RACE_MISS,
	RACE_INSERTED,
	RACE_EXISTS,
	RACE_FULL,
	RACE_REMOVED,
	RACE_COUNTS,
};

/* Of one CPU. */
struct race_cpu {
	__u64 random;
	__u64 count[RACE_COUNTS];
	__u64 anomaly[RACE_ANOMALIES];
	__u64 pad[4];
};

/* Set while programs run. */
struct race_setting {
	__u32 keys;	  /* in use, a power of two */
	__u32 yield_mask; /* one delay in so many places */
	__u32 yield_max;  /* of so many readings of the clock */
	__u32 next;	  /* key for `fill` and `find` */
	__u32 marks;	  /* of what `fill` inserts */
	__u32 now;
};

/* An entry that has any mark is over after so many ticks; with RACE_MARK_OPEN, never. */
#define RACE_OVER      3
#define RACE_MARK_OPEN 0x800
