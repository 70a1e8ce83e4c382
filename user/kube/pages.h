/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way through the pages of a list: each one names the next by a token. A server whose tokens
 * lead back to a page that was read before would be read for ever, hence the mark: one token of
 * the way, at distances that double, until the way comes by it again.
 *
 * Source: Richard P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20 (1980).
 */
#pragma once
#include <stdint.h>

/* {0} is the way before the first page. */
struct pages {
	char *next; /* token of the page that is to be read, NULL: none */
	char *mark;
	uint64_t since; /* pages behind the mark, */
	uint64_t until; /* and how many there may be before it is moved */
};

/* A page was read that names `token` as the next one, which is copied. -ELOOP: it leads to a page
 * that was read before; that is seen after three times the pages of the way at most. */
int pages_follow(struct pages *pages, const char *token);

/* To before the first page; what is held is freed. */
void pages_leave(struct pages *pages);
