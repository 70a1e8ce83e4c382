/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan in the making: service ports of one family with what they were made from, in the order
 * of the objects, which is also the order in which frontends are granted.
 */
#pragma once
#include <stddef.h>

#include "model/model.h"
#include "plan/plan.h"

/* Of a Service's port or, without these two, of a pod's hostPort. */
struct draft {
	struct plan_service plan;
	const struct service *service;
	const struct service_port *port;
	const struct pod *pod;
	const struct pod_port *pod_port;
	size_t taken_over; /* 1 + the index of layer 7's listener that has its ClusterIPs, or 0 */
};

struct drafts {
	struct draft *items;
	size_t n, cap;
	size_t n_services;	 /* how many of them are Services': the first ones */
	struct diag_list *diags; /* of the plan */
};
