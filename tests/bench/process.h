/* SPDX-License-Identifier: Apache-2.0 */
/* What a benchmark's process has to be like. */
#pragma once

/* Keeps this thread on a CPU. */
void process_pin(int cpu);
/* Leaves the capabilities that narud has in production: without CAP_PERFMON the verifier makes
 * programs slower. Ends the process on failure. */
void process_drop_privileges(void);
