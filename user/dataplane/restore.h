/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: what an earlier process left in the maps becomes the state in force, whole or half
 * written. Nothing is written or removed here; the first apply repairs. 0 or -errno.
 */
#pragma once
#include "dataplane/inforce.h"

int restore_all(struct inforce *in);
