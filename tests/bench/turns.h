/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two processes that measure in turns, so that what disturbs one disturbs both: for what cannot be
 * loaded twice into one process. The first one holds the turn from the start, and reports.
 */
#pragma once
#include <stddef.h>

/* Forks. Returns 0 in the first process and, in its turn, 1 in the second one, which dies with the
 * first; so does the first when the second fails. */
int turns_begin(void);
/* Gives the turn away, and waits until it comes back. */
void turns_next(void);
/* The second process's last call, in its turn. */
void turns_leave(void);
/* The first one's: lets the second one come to its end. */
void turns_end(void);
/* Memory of both, zeroed; to be asked for before they part. */
void *turns_memory(size_t size);
