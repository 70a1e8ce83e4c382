/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would become of a packet: it is made up and run through a dry load of the programs in force,
 * which use their maps and write none of them. For naructl; needs CAP_BPF, CAP_NET_ADMIN and
 * CAP_PERFMON, the network namespace of narud, and no narud.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/addr.h"

struct dryrun;

/* Both addresses of one family. TCP: the segment that opens a connection. */
struct dryrun_packet {
	struct addr src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};

enum dryrun_hook {
	DRYRUN_XDP,
	DRYRUN_TC,
	DRYRUN_STEER,  /* which socket of the node takes it: sk_lookup */
	DRYRUN_SOCKET, /* what a socket of the node gets that dials the destination */
};

enum dryrun_verdict {
	DRYRUN_PASS, /* to the next hook or the kernel's stack; of DRYRUN_STEER: nothing of ours */
	DRYRUN_SENT,
	DRYRUN_DROPPED,
	DRYRUN_ANSWERED, /* refused: with RST or port unreachable, or at the socket */
	DRYRUN_LED,	 /* of DRYRUN_SOCKET: to an endpoint */
	DRYRUN_PROXY,	 /* of DRYRUN_STEER: a worker of the proxy */
};

struct dryrun_result {
	enum dryrun_verdict verdict;
	struct naru_trace trace;
};

/* -ENOENT: no narud with layer 4 has been here. -ESTALE: it is of another version. Logs. */
int dryrun_open(const char *bpffs_dir, struct dryrun **ret_dryrun);
void dryrun_close(struct dryrun *dryrun);

/* ifindex: the device where it comes in. 0 or -errno. */
int dryrun_run(struct dryrun *dryrun, enum dryrun_hook hook, const struct dryrun_packet *packet,
	       uint32_t ifindex, struct dryrun_result *ret_result);

/* Where the source of a packet would come in. from: NULL (by the route to it), "pod", "outside" or
 * a device's name. -ENODEV: no device of ours fits. */
int dryrun_find_device(struct dryrun *dryrun, const struct addr *src, const char *from,
		       uint32_t *ret_ifindex, struct naru_device *ret_device);

/* What the maps have. -ENOENT. */
int dryrun_service(const struct dryrun *dryrun, uint32_t id, struct naru_svc_name *ret_name);
int dryrun_endpoint(const struct dryrun *dryrun, uint32_t id, struct naru_endpoint *ret_endpoint);
bool dryrun_is_node_addr(const struct dryrun *dryrun, const struct addr *addr);
bool dryrun_is_vip(const struct dryrun *dryrun, const struct addr *addr);
bool dryrun_has_xdp(const struct dryrun *dryrun, uint32_t ifindex);
