/* SPDX-License-Identifier: Apache-2.0 */
/* Whether labels are what a label selector asks for. */
#pragma once
#include "model/gateway.h"

/* value: of the requirement's key; NULL: there is no such label. */
bool selector_holds(const struct selector_requirement *requirement, const char *value);
/* Do all requirements hold for these labels? They are sorted by key. */
bool selector_matches(const struct selector_requirement *requirements, size_t n_requirements,
		      const struct label *labels, size_t n_labels);
