/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pages.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pages_follow(struct pages *pages, const char *token)
{
	if (pages->mark && !strcmp(token, pages->mark))
		return -ELOOP;
	free(pages->next);
	pages->next = mem_strdup(token);
	if (pages->since++ == pages->until) {
		free(pages->mark);
		pages->mark = mem_strdup(token);
		pages->since = 0;
		pages->until = 2 * pages->until + 1;
	}
	return 0;
}

void pages_leave(struct pages *pages)
{
	free(pages->next);
	free(pages->mark);
	*pages = (struct pages){ 0 };
}
