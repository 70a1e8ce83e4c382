/* SPDX-License-Identifier: Apache-2.0 */
/* What a Service says about its clients: who may come, who stays with an endpoint, what is shut. */
#pragma once
#include "compile/compile.h"
#include "compile/draft.h"

/* Reports what will not be as the Service says. */
void access_check(const struct service *service, const struct compile_config *config,
		  struct diag_list *diags);

/* May the address be served as an external IP? */
bool access_external_ip(const struct compile_config *config, const struct addr *addr);

/* Are load balancer addresses of that family for clients in the Service's source ranges only? */
bool access_is_ranged(const struct service *service, int family);

/* Fills affinity and ranges of a draft that has its frontends. node: this one or NULL. */
void access_fill(struct draft *draft, const struct node *node);

/* Fills plan->closed, when services and layer 7 are there. */
void access_close(struct plan *plan);
