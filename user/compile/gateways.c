// SPDX-License-Identifier: Apache-2.0
/*
 * Decides which Gateways are ours and which of their listeners can be served. What cannot is said
 * on its field; the rest of the Gateway is served. Invariant: every listener of a gate has a draft,
 * so that routes that ask for it are told the truth.
 */
#include "compile/gateways.h"

#include <string.h>

#include "base/mem.h"
#include "compile/addresses.h"
#include "compile/grants.h"
#include "compile/problem.h"
#include "compile/services.h"

/* Is it for us? One of another controller is none of our business. */
static bool is_ours(const struct layer7 *l7, const struct gateway *gateway)
{
	const struct gateway_class *class =
		(const struct gateway_class *)model_get(l7->model, OBJECT_GATEWAY_CLASS, "",
							gateway->class_name);

	if (!class) {
		problem_add(l7->diags, DIAG_WARNING, &gateway->object, "spec.gatewayClassName",
			    "no GatewayClass %s: nobody serves this Gateway", gateway->class_name);
		return false;
	}
	if (strcmp(class->controller, VERDICT_CONTROLLER) != 0)
		return false;
	if (services_plain(gateway->object.namespace) && services_plain(gateway->object.name))
		return true;
	problem_add(l7->diags, DIAG_ERROR, &gateway->object, "metadata.name",
		    "not a name: not served");
	return false;
}

/* ---- one listener -------------------------------------------------------------------------- */

/* Something that is wrong with a listener: its field and the condition that follows. */
#define TELL(l7, draft, field, id, ...)                                                            \
	problem_judge(PROBLEM((l7)->diags, &(draft)->gateway->object, field, &(draft)->said, id),  \
		      __VA_ARGS__)

/* The path of a member of a listener. */
static const char *path_of(const struct listener_draft *draft, const char *member,
			   char field[static LAYER7_FIELD_LEN])
{
	snprintf(field, LAYER7_FIELD_LEN, "spec.listeners[%zu].%s", draft->index, member);
	return field;
}

/* The Secret of a certificate, or NULL with the reason. */
static const struct secret *find_secret(const struct layer7 *l7, const struct gateway *gateway,
					const struct object_reference *ref, enum verdict_id *ret_id,
					char **ret_reason)
{
	const char *namespace = grants_namespace(&gateway->object, ref);
	const struct secret *secret;

	*ret_id = VERDICT_LISTENER_BAD_CERTIFICATE;
	if (*ref->group || strcmp(ref->kind, "Secret") != 0) {
		*ret_reason = mem_printf("%s%s%s cannot hold a certificate, only a Secret can",
					 ref->group, *ref->group ? "/" : "", ref->kind);
		return NULL;
	}
	if (!grants_allow(l7->model, &gateway->object, ref)) {
		*ret_id = VERDICT_LISTENER_NOT_PERMITTED;
		*ret_reason = mem_printf("no ReferenceGrant in namespace %s lets Gateways of "
					 "namespace %s use Secret %s",
					 namespace, gateway->object.namespace, ref->name);
		return NULL;
	}
	secret = (const struct secret *)model_get(l7->model, OBJECT_SECRET, namespace, ref->name);
	if (!secret)
		*ret_reason = mem_printf("no usable Secret %s of type kubernetes.io/tls in "
					 "namespace %s",
					 ref->name, namespace);
	return secret;
}

static void take_secrets(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	char field[LAYER7_FIELD_LEN];

	draft->secrets = mem_array(listener->n_certs, sizeof(struct secret *));
	for (size_t i = 0; i < listener->n_certs; i++) {
		_cleanup_(mem_freep) char *reason = NULL;
		enum verdict_id id;
		const struct secret *secret =
			find_secret(l7, draft->gateway, &listener->certs[i], &id, &reason);

		if (secret) {
			draft->secrets[draft->n_secrets++] = secret;
			continue;
		}
		snprintf(field, sizeof(field), "spec.listeners[%zu].tls.certificateRefs[%zu]",
			 draft->index, i);
		TELL(l7, draft, field, id, "%s%s", reason,
		     listener->n_certs == 1 ? ": this listener is not served" : "");
	}
}

static void check_kinds(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	char field[LAYER7_FIELD_LEN];

	for (size_t i = 0; i < listener->n_kinds; i++) {
		const struct object_reference *kind = &listener->kinds[i];

		if (!strcmp(kind->group, LAYER7_GROUP) && !strcmp(kind->kind, "HTTPRoute"))
			continue;
		snprintf(field, sizeof(field), "spec.listeners[%zu].allowedRoutes.kinds[%zu]",
			 draft->index, i);
		TELL(l7, draft, field, VERDICT_LISTENER_BAD_KINDS, "%s routes are not supported",
		     kind->kind);
	}
}

/* What listeners of one Gateway differ in that cannot be told apart; NULL: they can. */
static const char *compare(const struct gateway_listener *a, const struct gateway_listener *b)
{
	if (a == b || a->port != b->port || a->protocol == LISTENER_OTHER ||
	    b->protocol == LISTENER_OTHER)
		return NULL;
	if (a->protocol != b->protocol)
		return "protocol";
	return strcmp(a->hostname, b->hostname) ? NULL : "hostname";
}

/* Neither of two listeners of one Gateway that are not distinct may win, says the API. */
static bool check_distinct(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway *gateway = draft->gateway;
	const struct gateway_listener *listener = &gateway->listeners[draft->index];
	char field[LAYER7_FIELD_LEN];

	for (size_t i = 0; i < gateway->n_listeners; i++) {
		const char *member = compare(listener, &gateway->listeners[i]);
		bool protocol = listener->protocol != gateway->listeners[i].protocol;
		const struct problem problem = {
			.diags = l7->diags,
			.object = &gateway->object,
			.field = field,
			.said = &draft->said,
			.id = protocol ? VERDICT_LISTENER_LOST_PROTOCOL
				       : VERDICT_LISTENER_LOST_HOSTNAME,
			.besides = protocol ? VERDICT_LISTENER_PROTOCOL_CONFLICT
					    : VERDICT_LISTENER_HOSTNAME_CONFLICT,
		};

		if (!member)
			continue;
		path_of(draft, member, field);
		problem_judge(&problem, "port %u is listener %s's, too: neither is served",
			      listener->port, gateway->listeners[i].name);
		return false;
	}
	return true;
}

/* Says what of TLS cannot be had. */
static bool check_tls(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	char field[LAYER7_FIELD_LEN];

	if (listener->passthrough) {
		TELL(l7, draft, path_of(draft, "tls.mode", field), VERDICT_LISTENER_NO_VALUE,
		     "Passthrough is not supported: this listener is not served");
		return false;
	}
	if (listener->client_certs) {
		TELL(l7, draft, path_of(draft, "tls", field), VERDICT_LISTENER_NO_VALUE,
		     "certificates of clients are not checked yet: this listener is not served");
		return false;
	}
	take_secrets(l7, draft);
	if (draft->n_secrets || listener->n_certs == 1)
		return draft->n_secrets;
	TELL(l7, draft, path_of(draft, "tls.certificateRefs", field),
	     VERDICT_LISTENER_BAD_CERTIFICATE,
	     "no usable certificate: this listener is not served");
	return false;
}

/* Says why a listener cannot be served. */
static bool check_listener(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	char field[LAYER7_FIELD_LEN];
	bool good;

	if (listener->protocol == LISTENER_OTHER) {
		TELL(l7, draft, path_of(draft, "protocol", field), VERDICT_LISTENER_NO_PROTOCOL,
		     "%s is not supported: this listener is not served", listener->protocol_text);
		return false;
	}
	if (!services_plain(listener->name)) {
		TELL(l7, draft, path_of(draft, "name", field), VERDICT_LISTENER_NO_VALUE,
		     "not a name: this listener is not served");
		return false;
	}
	check_kinds(l7, draft);
	good = check_distinct(l7, draft);
	if (listener->protocol == LISTENER_HTTPS)
		good &= check_tls(l7, draft);
	return good;
}

static void draft_listener(struct layer7 *l7, size_t gate, size_t index)
{
	const struct gateway *gateway = l7->gates[gate].gateway;
	const struct gateway_listener *listener = &gateway->listeners[index];
	struct listener_draft draft = { .gateway = gateway, .index = index, .gate = gate };

	draft.usable = check_listener(l7, &draft) && !l7->gates[gate].refused;
	draft.plan.name = mem_printf("%s/%s/%s", gateway->object.namespace, gateway->object.name,
				     listener->name);
	draft.plan.hostname = mem_strdup(listener->hostname);
	draft.plan.tls = listener->protocol == LISTENER_HTTPS;
	l7->listeners = mem_grow(l7->listeners, l7->n_listeners, &l7->cap_listeners,
				 sizeof(*l7->listeners));
	l7->listeners[l7->n_listeners++] = draft;
}

/* ---- Gateways ------------------------------------------------------------------------------ */

/* naru has no parameters, so who refers to some asks for what will not be. */
static void check_parameters(struct layer7 *l7, struct gate *gate)
{
	const struct gateway *gateway = gate->gateway;
	const struct gateway_class *class =
		(const struct gateway_class *)model_get(l7->model, OBJECT_GATEWAY_CLASS, "",
							gateway->class_name);
	struct problem problem = {
		.diags = l7->diags,
		.object = &gateway->object,
		.field = "spec.infrastructure.parametersRef",
		.said = &gate->said,
		.id = VERDICT_GATEWAY_INVALID_PARAMETERS,
	};

	gate->refused = gateway->parameters || class->parameters;
	if (gateway->parameters)
		problem_judge(&problem, "naru takes no parameters: this Gateway is not served");
	problem.field = "spec.gatewayClassName";
	if (class->parameters)
		problem_judge(&problem, "GatewayClass %s is not accepted: not served",
			      gateway->class_name);
}

static void draft_gateway(struct layer7 *l7, const struct gateway *gateway)
{
	struct gate *gate;

	l7->gates = mem_grow(l7->gates, l7->n_gates, &l7->cap_gates, sizeof(*l7->gates));
	gate = &l7->gates[l7->n_gates++];
	*gate = (struct gate){
		.gateway = gateway,
		.first = l7->n_listeners,
		.addressed = mem_array(gateway->n_addresses + gateway->n_assigned,
				       sizeof(*gate->addressed)),
	};
	check_parameters(l7, gate);
	for (size_t i = 0; i < gateway->n_listeners; i++)
		draft_listener(l7, l7->n_gates - 1, i);
}

void gateways_draft(struct layer7 *l7)
{
	_cleanup_(addresses_freep) struct addresses *addresses = addresses_new(l7);
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_GATEWAY, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct gateway *gateway = (const struct gateway *)objects[i];

		if (!is_ours(l7, gateway))
			continue;
		draft_gateway(l7, gateway);
		addresses_claim(addresses, l7, &l7->gates[l7->n_gates - 1]);
	}
}

static int gate_compare(const void *key, const void *gate)
{
	const struct gateway *gateway = key;

	return object_compare_key(&gateway->object, &((const struct gate *)gate)->gateway->object);
}

const struct gate *gateways_find(const struct layer7 *l7, const struct gateway *gateway)
{
	if (!l7->n_gates)
		return NULL;
	return bsearch(gateway, l7->gates, l7->n_gates, sizeof(*l7->gates), gate_compare);
}
