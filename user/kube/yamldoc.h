/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in, documents out. Lines that begin with "---" separate documents before anything else is
 * looked at, so that a document that cannot be read leaves those behind it readable. A key that
 * is there twice is a fault of the object around it. Aliases and merge keys are taken, up to a
 * cap on what they expand to.
 */
#pragma once
#include "kube/document.h"

/* Nodes that the aliases of one document may stand for, all together. */
#define YAMLDOC_ALIAS_NODES_MAX 100000

/* text has passed document_check_text(). */
void yamldoc_read(const char *text, size_t len, document_fn fn, void *arg);
