// SPDX-License-Identifier: Apache-2.0
/*
 * hostPorts and pods that opt out of socket balancing. compile.c calls it. Anybody who may make a
 * pod chooses its hostIP, so it must be an address that the Node object has, or of the loopback,
 * which only processes of the node reach.
 *
 * Pods of other nodes, of the host's network and those that are over have no hostPort here.
 */
#include "compile/pods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <naru/limits.h>

#include "base/mem.h"
#include "base/str.h"
#include "compile/problem.h"
#include "compile/services.h"
#include "compile/slices.h"

/* ---- hostPorts ------------------------------------------------------------------------------ */

static const struct addr *find_ip(const struct pod *pod, int family)
{
	for (size_t i = 0; i < pod->n_ips; i++)
		if (addr_family(&pod->ips[i]) == family && slices_usable_addr(&pod->ips[i]))
			return &pod->ips[i];
	return NULL;
}

static bool is_of_node(const struct node *node, const struct addr *addr)
{
	for (size_t i = 0; node && i < node->n_addrs; i++)
		if (!addr_compare(&node->addrs[i], addr))
			return true;
	return false;
}

/* Can the port be served? Says why not. */
static bool check_port(const struct pod *pod, const struct pod_port *port, const struct node *node,
		       struct diag_list *diags)
{
	_cleanup_(mem_freep) char *field = NULL;
	char text[ADDR_STR_LEN];

	if (addr_is_zero(&port->host_ip) || addr_is_loopback(&port->host_ip) ||
	    is_of_node(node, &port->host_ip))
		return true;
	field = mem_printf("%s.hostIP", port->field);
	addr_format(&port->host_ip, text);
	problem_add(diags, DIAG_ERROR, &pod->object, field,
		    "%s is no address of this node's Node object: port %u is not served", text,
		    port->host_port);
	return false;
}

/* The draft of the same pod, at or behind first, that has the port already, or NULL. */
static struct draft *find_draft(struct drafts *drafts, size_t first, const struct pod_port *port,
				int family)
{
	for (size_t i = first; i < drafts->n; i++) {
		struct draft *draft = &drafts->items[i];

		if (draft->plan.family == family && draft->plan.proto == port->proto &&
		    draft->pod_port->host_port == port->host_port)
			return draft;
	}
	return NULL;
}

static struct draft *add_draft(struct drafts *drafts, const struct pod *pod,
			       const struct pod_port *port, int family)
{
	struct draft draft = {
		.plan = { .proto = port->proto, .family = (uint8_t)family },
		.pod = pod,
		.pod_port = port,
	};

	draft.plan.name = mem_printf("%s/pod/%s:%u", pod->object.namespace, pod->object.name,
				     port->host_port);
	drafts->items = mem_grow(drafts->items, drafts->n, &drafts->cap, sizeof(*drafts->items));
	drafts->items[drafts->n] = draft;
	return &drafts->items[drafts->n++];
}

static void ask_for(struct plan_service *plan, const struct pod_port *port)
{
	size_t cap = plan->n_frontends;

	plan->frontends =
		mem_grow(plan->frontends, plan->n_frontends, &cap, sizeof(*plan->frontends));
	plan->frontends[plan->n_frontends++] = (struct plan_frontend){
		.kind = PLAN_HOST_PORT,
		.addr = port->host_ip,
		.port = port->host_port,
		.external = PLAN_CLUSTER,
		.internal = PLAN_CLUSTER,
	};
}

static void draft_port(struct drafts *drafts, size_t first, const struct pod *pod,
		       const struct pod_port *port, int family)
{
	struct draft *draft;
	char field[128];

	if ((port->host_family && port->host_family != family) || !find_ip(pod, family))
		return;
	draft = find_draft(drafts, first, port, family);
	if (draft && draft->pod_port->port != port->port) {
		snprintf(field, sizeof(field), "%s.hostPort", port->field);
		problem_add(drafts->diags, DIAG_ERROR, &pod->object, field,
			    "port %u/%s already leads to port %u of this pod", port->host_port,
			    plan_proto_name(port->proto), draft->pod_port->port);
		return;
	}
	if (!draft)
		draft = add_draft(drafts, pod, port, family);
	ask_for(&draft->plan, port);
}

static bool check_name(const struct pod *pod, struct diag_list *diags)
{
	const struct object *object = &pod->object;

	if (services_plain(object->namespace) && services_plain(object->name) &&
	    strlen(object->namespace) + strlen("/pod/") + strlen(object->name) + strlen(":65535") <
		    NARU_NAME_LEN)
		return true;
	problem_add(diags, DIAG_ERROR, object, "metadata.name",
		    "not a name, or too long: hostPorts are not served");
	return false;
}

static void draft_pod(struct drafts *drafts, const struct pod *pod, const struct node *node)
{
	const size_t first = drafts->n;

	if (!pod->n_ports || pod->host_network || !check_name(pod, drafts->diags))
		return;
	for (size_t i = 0; i < pod->n_ports; i++) {
		if (!check_port(pod, &pod->ports[i], node, drafts->diags))
			continue;
		draft_port(drafts, first, pod, &pod->ports[i], 4);
		draft_port(drafts, first, pod, &pod->ports[i], 6);
	}
}

void pods_fill(struct draft *draft)
{
	struct plan_set *set = &draft->plan.cluster;

	set->endpoints = mem_array(1, sizeof(*set->endpoints));
	set->n = 1;
	set->endpoints[0] = (struct plan_endpoint){
		.addr = *find_ip(draft->pod, draft->plan.family),
		.port = draft->pod_port->port,
		.local = true,
	};
}

/* ---- sockets -------------------------------------------------------------------------------- */

static bool opts_out(const struct pod *pod, struct diag_list *diags)
{
	static const char field[] = "metadata.labels[naru.io/socket-balancing]";
	const char *word = pod->socket_balancing;

	if (!*word || !strcmp(word, "enabled"))
		return false;
	if (strcmp(word, "disabled") != 0) {
		problem_add(diags, DIAG_WARNING, &pod->object, field,
			    "\"%.64s\" has no effect, only \"disabled\" has", word);
		return false;
	}
	if (pod->host_network)
		problem_add(diags, DIAG_WARNING, &pod->object, field,
			    "no effect in the host's network: only sockets lead to Services there");
	else if (!*pod->uid)
		problem_add(diags, DIAG_WARNING, &pod->object, "metadata.uid",
			    "is missing: naru.io/socket-balancing has no effect");
	return !pod->host_network && *pod->uid;
}

/* ---- both ----------------------------------------------------------------------------------- */

bool pods_matter(const struct pod *pod, const char *node)
{
	return !pod->finished && !strcmp(pod->node, node) &&
	       ((pod->n_ports && !pod->host_network) || *pod->socket_balancing);
}

void pods_draft(struct model *model, const struct node *node, struct plan *plan,
		struct drafts *drafts)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_POD, &objects), cap = 0;

	for (size_t i = 0; i < n; i++) {
		const struct pod *pod = (const struct pod *)objects[i];

		if (!pods_matter(pod, plan->node))
			continue;
		draft_pod(drafts, pod, node);
		if (!opts_out(pod, drafts->diags))
			continue;
		plan->unbalanced = mem_grow(plan->unbalanced, plan->n_unbalanced, &cap,
					    sizeof(*plan->unbalanced));
		plan->unbalanced[plan->n_unbalanced++] = mem_strdup(pod->uid);
	}
	if (plan->n_unbalanced)
		qsort(plan->unbalanced, plan->n_unbalanced, sizeof(*plan->unbalanced), str_rank);
}
