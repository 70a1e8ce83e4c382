/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of routes in the form in which the proxy has those of requests. */
#pragma once

/* A new string; NULL: it is what ROUTEPATH_REFUSED says. */
char *routepath_normal(const char *path);
#define ROUTEPATH_REFUSED                                                                          \
	"no request has such a path: no slash in front, a broken escape, an empty or dot "         \
	"segment, or a character that needs an escape"
