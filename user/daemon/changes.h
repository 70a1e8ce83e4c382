/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics in the log: each once when it comes and once when it goes. Both lists are sorted. */
#pragma once
#include "base/diag.h"

void changes_log(const struct diag_list *before, const struct diag_list *now);
