// SPDX-License-Identifier: Apache-2.0
/* What an AddressPool is made of, for object.c. */
#include "model/pool.h"

#include "model/member.h"

const struct member pool_members[] = {
	PLAIN(address_pool, created),
	VALUES(address_pool, ranges), /* bytes only: no padding */
	TEXT(address_pool, class_name),
	PLAIN(address_pool, without_class),
	PLAIN(address_pool, manual),
	PLAIN(address_pool, disabled),
	LIST(address_pool, services, gateway_requirement_members),
	LIST(address_pool, gateways, gateway_requirement_members),
	LIST(address_pool, namespaces, gateway_requirement_members),
	{ 0 },
};
