/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flows and events somebody wants to see, from the query of a request:
 *
 *   service=shop/web:http, shop/web, web:http or web; of a pod's hostPort shop/pod/web:80 …
 *   client=ADDR, ADDR/LEN, ADDR:PORT, [ADDR]:PORT or :PORT; backend= likewise
 *   proto=tcp, udp or sctp
 *   event=flow, socket, drop or refused
 *   limit=N
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/limits.h>

#include "base/cidr.h"
#include "base/str.h"

/* One end of a flow; a length and port of 0 fit any. */
struct match_end {
	struct cidr cidr;
	uint16_t port;
};

struct match {
	char service[NARU_NAME_LEN]; /* "" fits any */
	struct match_end client, backend;
	uint8_t proto;	/* 0 fits any */
	char event[16]; /* "" fits any */
	uint64_t limit; /* 0: none */
};

/* -EINVAL: *ret_error says what is wrong. */
int match_parse(const char *query, struct match *ret_match, struct str *ret_error);

bool match_fits_service(const struct match *match, const char *name);
bool match_fits_end(const struct match_end *end, const struct addr *addr, uint16_t port);
