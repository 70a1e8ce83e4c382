/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SCTP's check sum, CRC32c (RFC 9260, appendix A), which covers the ports and no address. It is
 * linear: when the ports change, the sum changes by the sum of their difference followed by as many
 * zeros as there are bytes, so that the packet need not be read. Pure: compiles natively.
 *
 * Polynomials are reflected: bit 31 is the coefficient of x^0. Appending n zero bytes multiplies by
 * x^8n, at most sixteen multiplications.
 */
#pragma once
#include <linux/types.h>

#define CRC_POLY     0x82f63b78u
#define CRC_LEN_BITS 16

/* The product of two polynomials, modulo the CRC's. A global subprogram in BPF: the verifier looks
 * at it once, whatever its caller loops over. */
#ifdef __bpf__
__noinline
#else
static inline
#endif
	__u32
	crc_multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

	for (int i = 31; i >= 0; i--) {
		product ^= b & -(a >> i & 1);
		b = b >> 1 ^ (CRC_POLY & -(b & 1));
	}
	return product;
}

/* x^8, x^16, x^32 and so on: bytes 1, 2, 4 … */
static const __u32 crc_zeros[CRC_LEN_BITS] = {
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a,
	0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
	0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
};

/* The change of the sum of `len` bytes whose first four change by `diff`, both as little-endian
 * words. */
static __always_inline __u32 crc_change(__u32 diff, __u16 len)
{
	for (int i = 0; i < CRC_LEN_BITS; i++)
		if (len >> i & 1)
			diff = crc_multiply(diff, crc_zeros[i]);
	return diff;
}
