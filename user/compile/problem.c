/* SPDX-License-Identifier: Apache-2.0 */
/* The one place of compile/ that words where a diagnostic belongs. */
#include "compile/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void problem_add(struct diag_list *diags, enum diag_level level, const struct object *object,
		 const char *field, const char *reason, ...)
{
	_cleanup_(mem_freep) char *name = NULL;
	struct diag_where where;
	char text[512];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	name = mem_printf("%s %s%s%s", object_kind_name(object->kind), object->namespace,
			  *object->namespace ? "/" : "", object->name);
	where = (struct diag_where){
		.file = object->origin.file,
		.line = object->origin.line,
		.object = name,
		.field = field,
	};
	diag_report(diags, level, &where, "%s", text);
}
