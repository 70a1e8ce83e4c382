/* SPDX-License-Identifier: Apache-2.0 */
/* Which pools an object may have addresses of. */
#pragma once
#include "allocate/run.h"

/* index: of the pool; asked: the object named it or one of its addresses. */
bool rights_may_use(const struct run *run, size_t index, const struct owner *owner, bool asked);
