/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Secrets that our Gateways name, each read by its name and as long as it is named: narud needs
 * no right to list Secrets.
 */
#pragma once
#include "kube/lister.h"

struct secrets;

/* controller: whose GatewayClasses count. Both are borrowed. */
struct secrets *secrets_new(const struct lister_ground *ground, const char *controller);
/* The model keeps them; NULL is legal. */
void secrets_free(struct secrets *secrets);

/* Starts and ends by what these have. Either may be NULL: there are none. */
void secrets_update(struct secrets *secrets, const struct store *gateways,
		    const struct store *classes);
void secrets_publish(struct secrets *secrets, struct model *model);

uint64_t secrets_due_ms(const struct secrets *secrets);
void secrets_run(struct secrets *secrets);
/* Is of each known what it is, or that it may not be known? */
bool secrets_settled(const struct secrets *secrets);
bool secrets_take_changed(struct secrets *secrets);
void secrets_report(const struct secrets *secrets, struct diag_list *diags);
