/* SPDX-License-Identifier: Apache-2.0 */
/* uthash as this module uses it: small allocations abort when memory is out. */
#pragma once
#include "base/mem.h"

#define uthash_malloc(size)    mem_new(size)
#define uthash_free(ptr, size) free(ptr)
#include <uthash.h>
