// SPDX-License-Identifier: Apache-2.0
/* What is new in a list and what has gone from it, a line of the log each. daemon.c calls it. */
#include "daemon/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static char **format_all(const struct diag_list *diags)
{
	char **texts = mem_array(diags->n, sizeof(*texts));

	for (size_t i = 0; i < diags->n; i++)
		texts[i] = diag_format(&diags->items[i]);
	if (diags->n)
		qsort(texts, diags->n, sizeof(*texts), str_rank);
	return texts;
}

static void free_all(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

/* The line of a log has a level already. */
static const char *without_level(const char *text)
{
	static const char level[] = "warning: ";

	return strncmp(text, level, sizeof(level) - 1) ? text : text + sizeof(level) - 1;
}

/* What stands in both was said before. */
void changes_log(const struct diag_list *before, const struct diag_list *now)
{
	char **old = format_all(before), **new = format_all(now);
	size_t i = 0, j = 0;

	while (i < before->n || j < now->n) {
		int order = i == before->n ? 1 : j == now->n ? -1 : strcmp(old[i], new[j]);

		if (order < 0)
			log_info("no longer: %s", without_level(old[i]));
		else if (order > 0)
			log_warn("%s", without_level(new[j]));
		i += order <= 0;
		j += order >= 0;
	}
	free_all(old, before->n);
	free_all(new, now->n);
}
