/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock as one number. */
#pragma once
#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ms(void);
