/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of AddressPools, where narud is alone: without an API server nobody writes statuses. */
#pragma once
#include "allocate/allocate.h"
#include "base/diag.h"
#include "daemon/options.h"

/* What an allocation depends on besides objects. Borrows the options. */
struct allocate_config assign_config(const struct options *options);

/*
 * Puts into the model what its Services and Gateways get from its pools, and takes out what they
 * do not get any more. Every machine that has the same manifests comes to the same. What does not
 * get what it asks for is added to the diagnostics.
 */
void assign_local(struct model *model, const struct options *options, struct diag_list *diags);
