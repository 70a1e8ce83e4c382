/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of blocks in a flat array (`lut`, `ep_list`): a buddy allocator whose state is not stored
 * anywhere but follows from the runs that are in use, so that a restart rebuilds it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct segments;

/* n is a power of two. */
struct segments *segments_new(uint32_t n);
void segments_free(struct segments *segments);

/* Takes a run of at least `blocks` (> 0) blocks. -ENOSPC. */
int segments_take(struct segments *segments, uint32_t blocks, uint32_t *ret_first);
/* Takes just this run: a restart marks what is in use. -EEXIST when a part is taken, -EINVAL. */
int segments_reserve(struct segments *segments, uint32_t first, uint32_t blocks);
/* Gives back a run; blocks as when it was taken. */
void segments_give(struct segments *segments, uint32_t first, uint32_t blocks);

/* Blocks that are taken, with what rounding costs. */
uint32_t segments_used(const struct segments *segments);
