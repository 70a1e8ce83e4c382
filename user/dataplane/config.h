/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a dataplane, which outlive what they were given in. */
#pragma once
#include "dataplane/dataplane.h"

/* The strings and lists of the copy are its own. */
void config_copy(struct dataplane_config *to, const struct dataplane_config *from);
void config_free(struct dataplane_config *config);
