/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What else there is on the node and in naru's way: a kube-proxy, and processes that listen where
 * ports of Services are served. Looks by itself, while Services are served here.
 */
#pragma once
#include "base/diag.h"

struct beside;
struct daemon;

/* NULL: Services are not served. Reads daemon; changed() is for other findings than before. */
struct beside *beside_open(struct daemon *daemon, void (*changed)(void *arg));
/* NULL is legal, here and below. */
void beside_close(struct beside *beside);

/* On Services, and on pods with a hostPort. */
const struct diag_list *beside_ports(const struct beside *beside);
/* What was found of kube-proxy, NULL: nothing. Lasts until the next change. */
const char *beside_kube_proxy(const struct beside *beside);
/* Adds what is wrong with ports. */
void beside_report(const struct beside *beside, struct diag_list *diags);
