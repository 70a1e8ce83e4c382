/* SPDX-License-Identifier: Apache-2.0 */
/* Host names of listeners and routes: exact, "*." and one or more labels before it, or "": any. */
#pragma once

/* The name that both take: the more specific of the two; NULL: none. */
const char *hostnames_meet(const char *a, const char *b);

/* The more specific first: exact names, then longer wildcards, then any; then by name. */
int hostnames_compare(const char *a, const char *b);
