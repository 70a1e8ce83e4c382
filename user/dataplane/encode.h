/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between plan/ and the maps: the one place where addresses change their form. Ports are in host
 * order on both sides; the packet path turns them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/addr.h"
#include "base/cidr.h"
#include "plan/plan.h"

void encode_svc_key(const struct plan_frontend *frontend, uint8_t proto, uint8_t family,
		    struct naru_svc_key *ret_key);
/* Of an address whose ports without a service refuse. */
void encode_closed_key(const struct addr *addr, struct naru_svc_key *ret_key);
bool encode_is_closed(const struct naru_svc_key *key);
void encode_range_key(uint32_t service, const struct cidr *range, struct naru_range_key *ret_key);
void encode_decode_range(const struct naru_range_key *key, struct cidr *ret_range);
void encode_endpoint(const struct plan_endpoint *endpoint, uint8_t proto,
		     struct naru_endpoint *ret_value);
void encode_decode_endpoint(const struct naru_endpoint *value, struct plan_endpoint *ret_endpoint);

/* The key under which an endpoint has its id: no `local`, which may change. */
struct encode_endpoint_key {
	uint8_t addr[16];
	uint16_t port;
	uint8_t proto;
	uint8_t pad;
};
void encode_endpoint_key(const struct naru_endpoint *value, struct encode_endpoint_key *ret_key);

/* The key under which a service port has its id and record; NUL-terminated. */
#define ENCODE_SERVICE_KEY_LEN (NARU_NAME_LEN + 8)
const char *encode_service_key(const char *name, uint8_t proto, uint8_t family,
			       char buf[static ENCODE_SERVICE_KEY_LEN]);

/* Position in naru_filter_half.addrs. */
uint32_t encode_addr_bit(const struct addr *addr);

/* len is 4 or 16. */
struct addr encode_addr(const uint8_t *byte, int len);
/* The last four bytes: the address must be IPv4. */
void encode_addr4(const struct addr *addr, uint8_t ret_byte[static 4]);

/* Padded with zeroes; a longer name is cut. */
void encode_name(const char *name, uint8_t proto, uint8_t family, struct naru_svc_name *ret_value);
