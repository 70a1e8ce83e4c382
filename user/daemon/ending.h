/* SPDX-License-Identifier: Apache-2.0 */
/* What narud does between SIGTERM and its end. */
#pragma once

/* For loop_on_stop(); arg is the struct daemon. The first time what is under way is finished; who
 * asks again does not want to wait. */
void ending_begin(void *arg);
