/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test case of the packet path as data: a *scene* is a short play of packets, each with the
 * verdict and the packet that must come out, then the flows and counters that must be left. One
 * scene is played for both families, for the protocols it names, and in three settings: TC alone,
 * TC with a check sum that the device has computed (which programs must keep right), and XDP in
 * front of TC, where XDP either finishes a packet or must not touch it.
 */
#pragma once
#include <naru/abi.h>
#include <naru/counters.h>

#include "packet.h"

#define SCENE_STEPS 10
#define SCENE_FLOWS 3

/* Stand for source ports that the program chose: the first packet that comes out with one tells. */
#define SNAT_A	   1
#define SNAT_B	   2
#define SCENE_SNAT 3

enum outcome {
	PASS, /* on to the kernel's stack */
	SENT, /* out of a device, to `via` */
	DROPPED,
};

struct ends {
	enum host src;
	uint16_t sport;
	enum host dst;
	uint16_t dport;
};

struct step {
	enum device at;	  /* LOOPBACK: the play ends */
	bool leaving;	  /* at TC egress */
	bool tc_only;	  /* XDP must leave the packet to TC */
	struct packet in; /* proto 0: the scene's; TCP flags are dropped for UDP */
	enum outcome outcome;
	struct ends out; /* src NOBODY: the packet stays as it is */
	enum station via;
	bool no_mac;	       /* the kernel fills in link addresses: they stay */
	bool answer;	       /* RST to TCP, port unreachable to others */
	enum error told;       /* the node answers with this error, from its own address */
	enum error error;      /* what comes in is an error about this packet (ports as above), */
	struct packet about;   /* of which the first bytes are quoted: */
	uint16_t quoted;       /* those of its transport header; 0: 8 */
	struct ends about_out; /* the packet that it is about when it goes on */
	uint32_t word;	       /* the error's: MTU, pointer */
	uint32_t generation;   /* not 0: narud announces a change of routes first */
};

struct flow_pair {
	struct ends client;   /* as the client sends */
	struct ends endpoint; /* as the endpoint receives */
	enum naru_road road;
	struct ends service; /* src and sport name a service other than client's dst: NodePorts */
	uint8_t marks, reply_marks; /* NARU_F_FIN, NARU_F_RST */
};

struct scene {
	const char *name;
	const char *intent;
	bool tcp, udp, sctp;
	int family;	 /* 0: both */
	bool no_xdp_out; /* XDP can send out of no device */
	bool no_source;	 /* the node has no address on its devices */
	struct step steps[SCENE_STEPS];
	struct flow_pair flows[SCENE_FLOWS]; /* all there are at the end */
	uint64_t counts[NARU_C_MAX];	     /* all changes */
};

/* One direction's words for a packet. */
#define SEG(from_host, from_port, to_host, to_port, ...)                                           \
	{                                                                                          \
		.src = (from_host), .sport = (from_port), .dst = (to_host), .dport = (to_port),    \
		__VA_ARGS__                                                                        \
	}

/* Plays all scenes in all settings as tests of one cmocka group; for main(). */
int scene_main(const char *group, const struct scene *scenes, size_t n);
