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

#define CONTROLLER "naru.io/gateway"

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
	if (strcmp(class->controller, CONTROLLER) != 0)
		return false;
	if (services_plain(gateway->object.namespace) && services_plain(gateway->object.name))
		return true;
	problem_add(l7->diags, DIAG_ERROR, &gateway->object, "metadata.name",
		    "not a name: not served");
	return false;
}

/* The Secret of a certificate, or NULL with the reason. */
static const struct secret *find_secret(const struct layer7 *l7, const struct gateway *gateway,
					const struct object_reference *ref, char **ret_reason)
{
	const char *namespace = grants_namespace(&gateway->object, ref);
	const struct secret *secret;

	if (*ref->group || strcmp(ref->kind, "Secret") != 0) {
		*ret_reason = mem_printf("%s%s%s cannot hold a certificate, only a Secret can",
					 ref->group, *ref->group ? "/" : "", ref->kind);
		return NULL;
	}
	if (!grants_allow(l7->model, &gateway->object, ref)) {
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
		const struct secret *secret =
			find_secret(l7, draft->gateway, &listener->certs[i], &reason);

		if (secret) {
			draft->secrets[draft->n_secrets++] = secret;
			continue;
		}
		snprintf(field, sizeof(field), "spec.listeners[%zu].tls.certificateRefs[%zu]",
			 draft->index, i);
		problem_add(l7->diags, DIAG_ERROR, &draft->gateway->object, field, "%s%s", reason,
			    listener->n_certs == 1 ? ": this listener is not served" : "");
	}
}

static void check_kinds(struct layer7 *l7, const struct gateway *gateway, size_t index)
{
	const struct gateway_listener *listener = &gateway->listeners[index];
	char field[LAYER7_FIELD_LEN];

	for (size_t i = 0; i < listener->n_kinds; i++) {
		const struct object_reference *kind = &listener->kinds[i];

		if (!strcmp(kind->group, LAYER7_GROUP) && !strcmp(kind->kind, "HTTPRoute"))
			continue;
		snprintf(field, sizeof(field), "spec.listeners[%zu].allowedRoutes.kinds[%zu]",
			 index, i);
		problem_add(l7->diags, DIAG_ERROR, &gateway->object, field,
			    "%s routes are not supported", kind->kind);
	}
}

/* Says why a listener cannot be served. */
static bool check_listener(struct layer7 *l7, struct listener_draft *draft)
{
	const struct gateway_listener *listener = &draft->gateway->listeners[draft->index];
	const struct object *object = &draft->gateway->object;
	char field[LAYER7_FIELD_LEN];

	if (listener->protocol == LISTENER_OTHER) {
		snprintf(field, sizeof(field), "spec.listeners[%zu].protocol", draft->index);
		problem_add(l7->diags, DIAG_ERROR, object, field,
			    "%s is not supported: this listener is not served",
			    listener->protocol_text);
		return false;
	}
	if (!services_plain(listener->name)) {
		snprintf(field, sizeof(field), "spec.listeners[%zu].name", draft->index);
		problem_add(l7->diags, DIAG_ERROR, object, field,
			    "not a name: this listener is not served");
		return false;
	}
	check_kinds(l7, draft->gateway, draft->index);
	if (listener->protocol == LISTENER_HTTP)
		return true;
	if (listener->passthrough) {
		snprintf(field, sizeof(field), "spec.listeners[%zu].tls.mode", draft->index);
		problem_add(l7->diags, DIAG_ERROR, object, field,
			    "Passthrough is not supported: this listener is not served");
		return false;
	}
	if (listener->client_certs) {
		snprintf(field, sizeof(field), "spec.listeners[%zu].tls", draft->index);
		problem_add(l7->diags, DIAG_ERROR, object, field,
			    "certificates of clients are not checked yet: this listener is not "
			    "served");
		return false;
	}
	take_secrets(l7, draft);
	if (draft->n_secrets || listener->n_certs == 1)
		return draft->n_secrets;
	snprintf(field, sizeof(field), "spec.listeners[%zu].tls.certificateRefs", draft->index);
	problem_add(l7->diags, DIAG_ERROR, object, field,
		    "no usable certificate: this listener is not served");
	return false;
}

static void draft_listener(struct layer7 *l7, const struct gateway *gateway, size_t index)
{
	const struct gateway_listener *listener = &gateway->listeners[index];
	struct listener_draft draft = { .gateway = gateway, .index = index };

	draft.usable = check_listener(l7, &draft);
	draft.plan.name = mem_printf("%s/%s/%s", gateway->object.namespace, gateway->object.name,
				     listener->name);
	draft.plan.hostname = mem_strdup(listener->hostname);
	draft.plan.tls = listener->protocol == LISTENER_HTTPS;
	l7->listeners = mem_grow(l7->listeners, l7->n_listeners, &l7->cap_listeners,
				 sizeof(*l7->listeners));
	l7->listeners[l7->n_listeners++] = draft;
}

void gateways_draft(struct layer7 *l7)
{
	_cleanup_(addresses_freep) struct addresses *addresses = addresses_new(l7);
	const struct object *const *objects;
	size_t n = model_list(l7->model, OBJECT_GATEWAY, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct gateway *gateway = (const struct gateway *)objects[i];
		struct gate gate = { .gateway = gateway, .first = l7->n_listeners };

		if (!is_ours(l7, gateway))
			continue;
		for (size_t j = 0; j < gateway->n_listeners; j++)
			draft_listener(l7, gateway, j);
		l7->gates = mem_grow(l7->gates, l7->n_gates, &l7->cap_gates, sizeof(*l7->gates));
		l7->gates[l7->n_gates++] = gate;
		addresses_claim(addresses, l7, &gate);
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
