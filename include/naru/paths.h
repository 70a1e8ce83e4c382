/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/* Where things lie on a machine. */
#pragma once

#define NARU_BPFFS_DIR	     "/sys/fs/bpf" /* --bpffs; pins go below NARU_PIN_SUBDIR of it */
#define NARU_PIN_SUBDIR	     "naru"
#define NARU_LINK_SUBDIR     "links" /* below the pin directory */
#define NARU_RUN_DIR	     "/run/naru"
#define NARU_SOCKET	     "narud.sock"    /* below the run directory */
#define NARU_PROXY_SOCKET    "proxy.sock"    /* beside it: where naru-proxy connects to narud */
#define NARU_HANDOVER_SOCKET "handover.sock" /* where the next narud connects to this one */
#define NARU_INSTANCE_FILE   "instance" /* beside it: --instance of who serves or served last */

/* Says of a route that it is naru's (/etc/iproute2/rt_protos has no such number). */
#define NARU_RTPROT 110
