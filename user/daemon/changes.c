// SPDX-License-Identifier: Apache-2.0
/* What is new in a list and what has gone from it, a line of the log each. daemon.c calls it. */
#include "daemon/changes.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* The line of a log has a level already. */
static const char *without_level(const char *text)
{
	static const char level[] = "warning: ";

	return strncmp(text, level, sizeof(level) - 1) ? text : text + sizeof(level) - 1;
}

static void tell_gone(const struct diag *diag)
{
	_cleanup_(mem_freep) char *text = diag_format(diag);

	log_info("no longer: %s", without_level(text));
}

static void tell_new(const struct diag *diag)
{
	_cleanup_(mem_freep) char *text = diag_format(diag);

	log_warn("%s", without_level(text));
}

/* What stands in both was said before. */
void changes_log(const struct diag_list *before, const struct diag_list *now)
{
	size_t i = 0, j = 0;

	while (i < before->n || j < now->n) {
		int order = i == before->n ? 1
			    : j == now->n  ? -1
					   : diag_compare(&before->items[i], &now->items[j]);

		if (order < 0)
			tell_gone(&before->items[i]);
		else if (order > 0)
			tell_new(&now->items[j]);
		i += order <= 0;
		j += order >= 0;
	}
}
