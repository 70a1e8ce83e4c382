/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which lines of iptables-save are kube-proxy's, and what iptables-restore has to be told so that
 * exactly these go. Pure: text in, text out. kubeproxy.c calls it.
 *
 * The kubelet has chains of the same prefix (KUBE-FIREWALL, KUBE-KUBELET-CANARY, KUBE-MARK-DROP,
 * KUBE-IPTABLES-HINT): they stay. A chain that rules of others jump to stays, too, with all that
 * it leads to.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"

struct leftovers {
	struct str lines;	     /* what goes: "table: line" each */
	struct str script;	     /* for iptables-restore --noflush; empty: there is nothing */
	struct str kept;	     /* chains that stay for others' sake: "table: chain" each */
	size_t chains, rules, jumps; /* how many go; jumps are from chains that stay */
};

void leftovers_find(const char *saved, struct leftovers *ret_leftovers);
void leftovers_fini(struct leftovers *leftovers);
