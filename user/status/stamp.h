/* SPDX-License-Identifier: Apache-2.0 */
/* The wall clock as the API writes it. What is decided by time is decided by another clock. */
#pragma once

/* "2026-11-26T03:00:00Z", as metav1.Time. */
#define STAMP_SECONDS sizeof("2026-11-26T03:00:00Z")
/* "2026-11-26T03:00:00.000000Z", as metav1.MicroTime. */
#define STAMP_MICROS sizeof("2026-11-26T03:00:00.000000Z")

void stamp_seconds(char ret_text[static STAMP_SECONDS]);
void stamp_micros(char ret_text[static STAMP_MICROS]);
