/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversions between struct addr and what <naru/abi.h> keeps. Everything here is pure.
 */
#include "dataplane/encode.h"

#include <stdio.h>
#include <string.h>

void encode_svc_key(const struct plan_frontend *frontend, uint8_t proto, uint8_t family,
		    struct naru_svc_key *ret_key)
{
	struct naru_svc_key key = { .port = frontend->port, .proto = proto, .family = family };

	memcpy(key.addr, frontend->addr.byte, sizeof(key.addr));
	*ret_key = key;
}

void encode_closed_key(const struct addr *addr, struct naru_svc_key *ret_key)
{
	struct naru_svc_key key = { .family = (uint8_t)addr_family(addr) };

	memcpy(key.addr, addr->byte, sizeof(key.addr));
	*ret_key = key;
}

bool encode_is_closed(const struct naru_svc_key *key)
{
	return !key->port && !key->proto;
}

void encode_range_key(uint32_t service, const struct cidr *range, struct naru_range_key *ret_key)
{
	struct naru_range_key key = { .prefixlen = 32u + range->len, .svc = service };

	memcpy(key.addr, range->addr.byte, sizeof(key.addr));
	*ret_key = key;
}

void encode_decode_range(const struct naru_range_key *key, struct cidr *ret_range)
{
	struct cidr range = { .len = (uint8_t)(key->prefixlen - 32) };

	memcpy(range.addr.byte, key->addr, sizeof(range.addr.byte));
	*ret_range = range;
}

void encode_endpoint(const struct plan_endpoint *endpoint, uint8_t proto,
		     struct naru_endpoint *ret_value)
{
	struct naru_endpoint value = {
		.port = endpoint->port,
		.proto = proto,
		.local = endpoint->local,
	};

	memcpy(value.addr, endpoint->addr.byte, sizeof(value.addr));
	*ret_value = value;
}

void encode_decode_endpoint(const struct naru_endpoint *value, struct plan_endpoint *ret_endpoint)
{
	struct plan_endpoint endpoint = { .port = value->port, .local = value->local };

	memcpy(endpoint.addr.byte, value->addr, sizeof(endpoint.addr.byte));
	*ret_endpoint = endpoint;
}

void encode_endpoint_key(const struct naru_endpoint *value, struct encode_endpoint_key *ret_key)
{
	struct encode_endpoint_key key = { .port = value->port, .proto = value->proto };

	memcpy(key.addr, value->addr, sizeof(key.addr));
	*ret_key = key;
}

const char *encode_service_key(const char *name, uint8_t proto, uint8_t family,
			       char buf[static ENCODE_SERVICE_KEY_LEN])
{
	snprintf(buf, ENCODE_SERVICE_KEY_LEN, "%u %u %s", proto, family, name);
	return buf;
}

uint32_t encode_addr_bit(const struct addr *addr)
{
	uint32_t word[4];

	memcpy(word, addr->byte, sizeof(word));
	return addr_family(addr) == 4 ? naru_addr_bit(&word[3], 1) : naru_addr_bit(word, 4);
}

struct addr encode_addr(const uint8_t *byte, int len)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff } };

	memcpy(addr.byte + 16 - len, byte, (size_t)len);
	return addr;
}

void encode_addr4(const struct addr *addr, uint8_t ret_byte[static 4])
{
	memcpy(ret_byte, addr->byte + 12, 4);
}

void encode_name(const char *name, uint8_t proto, uint8_t family, struct naru_svc_name *ret_value)
{
	memset(ret_value, 0, sizeof(*ret_value));
	ret_value->proto = (enum naru_proto)proto;
	ret_value->family = family;
	snprintf(ret_value->name, sizeof(ret_value->name), "%s", name);
}
