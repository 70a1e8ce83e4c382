/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks as one number: the monotonic one, and the wall clock, which may go back. */
#pragma once
#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ms(void);
int64_t clock_wall_us(void);
