/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's working memory for matching requests: that of regular expressions. */
#pragma once

struct match_scratch;

struct match_scratch *match_scratch_new(void);
/* NULL is legal. */
void match_scratch_free(struct match_scratch *scratch);
