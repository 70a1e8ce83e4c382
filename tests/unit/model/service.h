/* SPDX-License-Identifier: Apache-2.0 */
/* A Service made by hand: no text of an object is NULL. */
#pragma once
#include "base/mem.h"
#include "model/object.h"

static inline void service_fill(struct object *object)
{
	struct service *service = (struct service *)object;

	service->distribution = mem_strdup("");
	service->request.class_name = mem_strdup("");
	service->request.pool = mem_strdup("");
	service->request.ips = mem_strdup("");
	service->request.sharing_key = mem_strdup("");
}
