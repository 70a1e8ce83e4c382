/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in, documents out: strict JSON, one document or several one after the other. A key that is
 * there twice is a fault of the object around it, as in YAML. What cannot be read ends the file.
 */
#pragma once
#include "kube/document.h"

/* text has passed document_check_text(). */
void jsondoc_read(const char *text, size_t len, document_fn fn, void *arg);
