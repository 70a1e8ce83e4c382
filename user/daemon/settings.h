/* SPDX-License-Identifier: Apache-2.0 */
/* From options to what pure modules go by. */
#pragma once
#include "compile/compile.h"
#include "daemon/options.h"

/* What a plan depends on besides objects, with a proxy; l4: are Services served? Borrows the
 * options. */
struct compile_config settings_compile(const struct options *options, const char *node_name,
				       bool l4);
