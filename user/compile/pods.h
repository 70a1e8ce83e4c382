/* SPDX-License-Identifier: Apache-2.0 */
/* What the pods of this node want: ports of it, and their sockets left alone. */
#pragma once
#include "compile/draft.h"

/*
 * Appends a draft for each hostPort and family of this node's pods, behind those of the Services,
 * with the frontends that it asks for, and fills plan->unbalanced. node: this one or NULL.
 */
void pods_draft(struct model *model, const struct node *node, struct plan *plan,
		struct drafts *drafts);

/* The only endpoint of a hostPort. */
void pods_fill(struct draft *draft);

/* Can the plan of a node depend on the pod at all? */
bool pods_matter(const struct pod *pod, const char *node);
