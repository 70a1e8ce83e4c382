/* SPDX-License-Identifier: Apache-2.0 */
/* What is served of layer 7: the plan, with what the proxy reported last. For the table in views.c;
 * the argument is the struct daemon. */
#pragma once
#include "base/str.h"

int views_l7_routes(void *arg, struct str *ret_body);
int views_l7_backends(void *arg, struct str *ret_body);
int views_l7_listeners(void *arg, struct str *ret_body);
