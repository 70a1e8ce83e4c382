/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads a 32-bit field of the context. By hand: clang 14 may keep the address of the field in a
 * register across calls, and the verifier refuses loads through a changed context pointer
 * ("dereference of modified ctx ptr"). CTX is the context's type, set by ctx_xdp.h or ctx_tc.h.
 */
#pragma once

#define CTX_LOAD(ctx, field)                                                                       \
	({                                                                                         \
		void *value_;                                                                      \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                              \
			     : "=r"(value_)                                                        \
			     : "r"(ctx), "i"(__builtin_offsetof(CTX, field)));                     \
		value_;                                                                            \
	})
