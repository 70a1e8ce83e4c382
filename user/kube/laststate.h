/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of the API server as they were last, in a file: for a node that boots while no API
 * server answers. Everything but Secrets. A file that is not whole, or of a narud with other
 * structs, is as good as none.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "kube/backoff.h"
#include "model/model.h"

struct laststate;

struct laststate *laststate_new(const char *path, const struct timing *timing);
/* NULL is legal. */
void laststate_free(struct laststate *laststate);

/* Is there a file, whatever it has? NULL: no. */
bool laststate_is_there(const struct laststate *laststate);

/* There is something to write: at most once a minute, see laststate_due_ms(). */
void laststate_note(struct laststate *laststate);
uint64_t laststate_due_ms(const struct laststate *laststate);
/* Writes what the model has, if it is time. A failure is logged, at most once an hour. */
void laststate_run(struct laststate *laststate, struct model *model);
/* The same without waiting, if there is something to write. */
void laststate_flush(struct laststate *laststate, struct model *model);

/* How often it could not be written. NULL is legal. */
uint64_t laststate_failures(const struct laststate *laststate);

/* While it is held nothing is written, and nothing is forgotten. NULL is legal. */
void laststate_hold(struct laststate *laststate, bool held);

/*
 * Reads the file: a new array of new objects, and the wall clock's time at which it was written.
 * -ENOENT…; -EBADMSG: what is there cannot be used.
 */
int laststate_load(const struct laststate *laststate, struct object ***ret_objects, size_t *ret_n,
		   int64_t *ret_written_us);
