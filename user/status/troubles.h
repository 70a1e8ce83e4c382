/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics that the status of an object is to tell of: from narud's own, by way of NodeStates,
 * and to conditions. Plain data.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "model/model.h"
#include "status/wants.h"

struct json_object;

/* What is wrong with one object, by what a condition says of it. */
struct trouble {
	enum object_kind kind;
	char *namespace, *name; /* owned */
	enum diag_matter matter;
	char *message; /* owned; of several the worst first */
};

struct troubles {
	struct trouble *items; /* by kind, namespace, name and condition */
	size_t n, cap;
};

/* Adds those diagnostics that are about something; to be sorted when all are there. */
void troubles_add(struct troubles *troubles, const struct diag_list *diags);
/* Sorts, and makes one of those of one object and condition. */
void troubles_sort(struct troubles *troubles);
bool troubles_equal(const struct troubles *a, const struct troubles *b);
/* NULL: there is no such. */
const struct trouble *troubles_find(const struct troubles *troubles, enum object_kind kind,
				    const char *namespace, const char *name,
				    enum diag_matter matter);

/* As a list of the API, up to a limit: a new reference. */
struct json_object *troubles_format(const struct troubles *troubles);
/* list may be anything; entries that are none are left out. What ret_troubles had goes. */
void troubles_parse(struct json_object *list, struct troubles *ret_troubles);

/* Adds a copy of one. */
void troubles_copy(struct troubles *troubles, const struct trouble *trouble);
/* Adds what `from` has, as found on a node. */
void troubles_append(struct troubles *troubles, const struct troubles *from, const char *node);
/* Adds to each Service that is in trouble what its conditions should say. */
void troubles_want(const struct troubles *troubles, struct model *model, struct wants *wants);
/* Is there perhaps one of these conditions in a status, as text? */
bool troubles_said(const char *status);
/* Adds that of these conditions only those should be there that are wanted already. */
void troubles_clear(const struct object *service, struct wants *wants);

void troubles_fini(struct troubles *troubles);
