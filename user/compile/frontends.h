/* SPDX-License-Identifier: Apache-2.0 */
/* What clients dial: the addresses and ports of each draft, and who gets one that two ask for. */
#pragma once
#include "compile/compile.h"
#include "compile/draft.h"

/*
 * Fills plan.frontends of all drafts. An address, port and protocol is granted once, to the first
 * draft that asks; the others get a diagnostic.
 */
void frontends_grant(struct drafts *drafts, const struct compile_config *config);
