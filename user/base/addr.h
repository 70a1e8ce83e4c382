/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IP address of either family in 16 bytes, wire order; IPv4 is v4-mapped (::ffff:a.b.c.d).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr {
	uint8_t byte[16];
};

/* Room for any address or prefix in text, with the NUL. */
#define ADDR_STR_LEN 64

/* 4 or 6. */
int addr_family(const struct addr *addr);
bool addr_is_zero(const struct addr *addr);
/* ::1 or of 127.0.0.0/8. */
bool addr_is_loopback(const struct addr *addr);
int addr_compare(const struct addr *a, const struct addr *b);
/* The same for qsort() and bsearch(). */
int addr_rank(const void *a, const void *b);

/* Strict text of either family (no zone, no leading zeros, no mapped IPv6). -EINVAL. */
int addr_parse(const char *text, struct addr *ret_addr);
/* Returns buf. IPv4 in dotted form, IPv6 as RFC 5952 has it. */
const char *addr_format(const struct addr *addr, char buf[static ADDR_STR_LEN]);
