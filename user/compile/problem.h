/* SPDX-License-Identifier: Apache-2.0 */
/* A diagnostic on an object of the model: origin and name filled in from it. */
#pragma once
#include "base/diag.h"
#include "model/model.h"
#include "plan/verdict.h"

/* What is wrong with an object, and which verdict on it, or on a part of it, follows. */
struct problem {
	struct diag_list *diags;
	const struct object *object;
	const char *field;
	struct verdict_conditions *said;
	enum verdict_id id;
	enum verdict_id besides; /* a second one; 0: none */
};

#define PROBLEM(diags_, object_, field_, said_, id_)                                               \
	(&(const struct problem){                                                                  \
		.diags = (diags_),                                                                 \
		.object = (object_),                                                               \
		.field = (field_),                                                                 \
		.said = (said_),                                                                   \
		.id = (id_),                                                                       \
	})

/* field is "" for the object as a whole; reason is a format. */
void problem_add(struct diag_list *diags, enum diag_level level, const struct object *object,
		 const char *field, const char *reason, ...) __attribute__((format(printf, 5, 6)));

/* One decision, told twice in the same words: as an error and as a condition. */
void problem_judge(const struct problem *problem, const char *reason, ...)
	__attribute__((format(printf, 2, 3)));
