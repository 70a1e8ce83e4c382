/* SPDX-License-Identifier: Apache-2.0 */
/* The view of address pools and of who has which of their addresses, for the table of views.c. */
#pragma once
#include "base/str.h"

int views_addresses(void *arg, struct str *ret_body);
