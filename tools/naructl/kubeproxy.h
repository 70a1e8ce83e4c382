/* SPDX-License-Identifier: Apache-2.0 */
/* What is there of kube-proxy in this network namespace: the process, and the rules of all its
 * modes. preflight counts them, cleanup removes them. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"
#include "leftovers.h"

#define KUBEPROXY_VARIANTS 4 /* of iptables: legacy and nft, each for both families */
#define KUBEPROXY_DEVICE   "kube-ipvs0"

struct kubeproxy {
	struct kubeproxy_rules {
		const char *tool; /* "iptables-legacy" */
		int unseen;	  /* 0, or what exec_read() returned: nobody can tell */
		struct str saved; /* all rules */
		struct leftovers found;
	} variants[KUBEPROXY_VARIANTS];
	int nft_unseen;	   /* the same */
	bool tables[2];	   /* of nftables, by family: IPv4, IPv6 */
	struct str nft[2]; /* their text */
	bool ipvs;	   /* the device of its ipvs mode */
};

void kubeproxy_look(struct kubeproxy *ret_found);
void kubeproxy_fini(struct kubeproxy *found);

/* Is there anything that kube-proxy has left? */
bool kubeproxy_any(const struct kubeproxy *found);

/* Were there rules that could not be looked at? */
bool kubeproxy_unseen(const struct kubeproxy *found);

/* The process in this network namespace; 0: none. */
pid_t kubeproxy_pid(void);

/* Lists what would go, and with apply removes it. Returns the exit status, which is a failure, too,
 * when there may be more than could be seen. */
int kubeproxy_cleanup(bool apply);
