/* SPDX-License-Identifier: Apache-2.0 */
/* A diagnostic on an object of the model: origin and name filled in from it. */
#pragma once
#include "base/diag.h"
#include "model/model.h"

/* field is "" for the object as a whole; reason is a format. */
void problem_add(struct diag_list *diags, enum diag_level level, const struct object *object,
		 const char *field, const char *reason, ...) __attribute__((format(printf, 5, 6)));
