/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Services to drafts: one per port and family that naru serves, still with nothing in it.
 */
#pragma once
#include "compile/draft.h"
#include "compile/slices.h"

/* Appends the drafts of all Services, in order of namespace, name, port, family. */
void services_draft(struct model *model, const struct slices *slices,
		    const struct compile_config *config, struct drafts *drafts);

/* "namespace/name:port" can only be told apart again if the parts hold neither sign. */
bool services_plain(const char *name);

/* "namespace/name:port", the port by its name or else its number; to be freed. */
char *services_port_name(const struct service *service, const struct service_port *port);
