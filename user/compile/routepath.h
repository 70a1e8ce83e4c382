/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of routes in the form in which the proxy has those of requests (http/target.h). */
#pragma once

/* A new string; NULL: no request has such a path, *ret_reason (static) says why. */
char *routepath_normal(const char *path, const char **ret_reason);
