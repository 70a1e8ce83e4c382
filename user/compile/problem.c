/* SPDX-License-Identifier: Apache-2.0 */
/* The one place of compile/ that words where a diagnostic belongs. */
#include "compile/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

/* Room for a reason. */
#define REASON_LEN 512

static void report(struct diag_list *diags, enum diag_level level, const struct object *object,
		   const char *field, const char *text)
{
	_cleanup_(mem_freep) char *name =
		mem_printf("%s %s%s%s", object_kind_name(object->kind), object->namespace,
			   *object->namespace ? "/" : "", object->name);
	const struct diag_where where = {
		.file = object->origin.file,
		.line = object->origin.line,
		.object = name,
		.field = field,
	};

	diag_report(diags, level, &where, "%s", text);
}

void problem_add(struct diag_list *diags, enum diag_level level, const struct object *object,
		 const char *field, const char *reason, ...)
{
	char text[REASON_LEN];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	report(diags, level, object, field, text);
}

void problem_judge(const struct problem *problem, const char *reason, ...)
{
	_cleanup_(mem_freep) char *message = NULL;
	char text[REASON_LEN];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	report(problem->diags, DIAG_ERROR, problem->object, problem->field, text);
	message = mem_printf("%s%s%s", problem->field, *problem->field ? ": " : "", text);
	verdict_say(problem->said, problem->id, message);
	if (problem->besides)
		verdict_say(problem->said, problem->besides, message);
}
