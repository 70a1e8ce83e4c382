// SPDX-License-Identifier: Apache-2.0
/*
 * What this node tells of itself, and, for who leads, what all of them do. reporting.c calls it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/options.h"
#include "daemon/reporting_inner.h"
#include "model/model.h"
#include "status/events.h"
#include "status/nodes.h"
#include "status/nodestate.h"
#include "status/writer.h"

void reporting_nodes_tell(struct reporting *r)
{
	const struct object *node =
		model_get(r->config.model, OBJECT_NODE, "", r->config.node_name);
	struct nodestate_content content = {
		.version = options_version(),
		.gateways = &r->here,
		.troubles = &r->troubles,
		.kube_proxy = r->kube_proxy,
		.node_uid = node ? node->origin.uid : "",
	};

	r->told_behind = r->behind_ms &&
			 r->timing->now_ms(r->timing->arg) >= r->behind_ms + REPORTING_BEHIND_MS;
	if (r->told_behind)
		content.behind_since = r->behind;
	nodestate_set(r->nodestate, &content);
}

/* What this node says itself is newer than its NodeState. A node that is not Ready, or has gone,
 * may have said what was true once. */
static bool is_alive(void *arg, const char *name)
{
	const struct reporting *r = arg;
	const struct node *node =
		(const struct node *)model_get(r->config.model, OBJECT_NODE, "", name);

	return node && !node->unready && strcmp(name, r->config.node_name) != 0;
}

/* As an Event of the Node, where people look. */
static void on_turned(void *arg, const char *name, const char *message)
{
	const struct reporting *r = arg;
	const struct object *node = model_get(r->config.model, OBJECT_NODE, "", name);
	const struct events_turn turn = {
		.object = node,
		.api_version = "v1",
		.type = NODESTATE_KUBE_PROXY,
		.holds = message,
		.reason = message ? "KubeProxyFound" : "KubeProxyNotFound",
		.message = message ? message : "",
	};

	if (node)
		events_turned(r->events, &turn);
}

/* Only who leads reads all of them. */
bool reporting_nodes_look(struct reporting *r)
{
	const struct nodes_config config = {
		.client = r->server.client,
		.timing = r->timing,
		.changed = reporting_arm,
		.alive = is_alive,
		.turned = on_turned,
		.arg = r,
	};

	if (r->led && !r->nodes)
		r->nodes = nodes_new(&config);
	if (!r->led && r->nodes)
		nodes_free(TAKE_PTR(r->nodes));
	if (!r->nodes)
		return false;
	nodes_run(r->nodes);
	return nodes_take_changed(r->nodes);
}

/* Of its pods the plan tells, too. */
static void take_troubles(const struct reporting *r, const struct reporting_node *node,
			  struct troubles *ret_troubles)
{
	const struct diag_list *const lists[] = { node->of_kernel, node->of_health,
						  node->of_ports };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (lists[i])
			troubles_add(ret_troubles, lists[i]);
	for (size_t i = 0; i < r->of_plan.n; i++)
		if (r->of_plan.items[i].kind == OBJECT_POD)
			troubles_copy(ret_troubles, &r->of_plan.items[i]);
	troubles_sort(ret_troubles);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : !a && !b;
}

bool reporting_nodes_take(struct reporting *r, const struct reporting_node *node)
{
	struct troubles troubles = { 0 };
	bool turned = !is_same(node->kube_proxy, r->kube_proxy);

	take_troubles(r, node, &troubles);
	if (!turned && troubles_equal(&troubles, &r->troubles)) {
		troubles_fini(&troubles);
		return false;
	}
	troubles_fini(&r->troubles);
	r->troubles = troubles;
	if (turned) {
		free(r->kube_proxy);
		r->kube_proxy = node->kube_proxy ? mem_strdup(node->kube_proxy) : NULL;
	}
	return true;
}
