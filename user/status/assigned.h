/* SPDX-License-Identifier: Apache-2.0 */
/* From an allocation to what the statuses of Services, Gateways and AddressPools should say. */
#pragma once
#include "allocate/allocate.h"
#include "status/wants.h"

/*
 * Adds addresses and the condition OBJECT_ASSIGNED to Services and Gateways, counts and conditions
 * to pools. To be called when everything else that is wanted of Gateways is there: an address that
 * a pool has just given takes the place of those that the Gateway is still served at.
 */
void assigned_want(const struct allocation *allocation, struct wants *wants);
