// SPDX-License-Identifier: Apache-2.0
/*
 * An object that is refused as a whole is not in the model, or only its last good version is; so
 * compile/ has nothing to judge. The diagnostics are the message, the generation is the refused
 * one's. The daemon calls it, on the leader.
 */
#include "status/refusals.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/gateway.h"

#define GROUP	 "gateway.networking.k8s.io"
#define TEXT_MAX 4096 /* of a message, beyond which no more diagnostics are added */

static void describe(const struct store_entry *entry, struct str *ret_text)
{
	const struct diag_list *diags = entry->diags;

	for (size_t i = 0; i < diags->n && ret_text->len < TEXT_MAX; i++) {
		const struct diag *diag = &diags->items[i];

		if (diag->level == DIAG_ERROR)
			str_addf(ret_text, "%s%s%s%s", ret_text->len ? "; " : "", diag->field,
				 *diag->field ? ": " : "", diag->reason);
	}
	str_addf(ret_text, "%s", entry->served ? "; the last good version stays in force" : "");
}

static void say(struct json_object *owner, enum verdict_id id, const char *message)
{
	const struct verdict_row *row = verdict_row(id);

	wants_condition(owner, row->type, row->holds, row->reason, message);
}

/* ---- Gateways ------------------------------------------------------------------------------- */

static bool is_our_class(const struct verdicts *verdicts, const char *name)
{
	for (size_t i = 0; i < verdicts->n_classes; i++)
		if (!strcmp(verdicts->classes[i].name, name))
			return true;
	return false;
}

/* Its listeners, which nobody could read, stay as they are. */
static void want_gateway(const struct refusals_config *config, const struct store_entry *entry,
			 struct wants *wants)
{
	const struct gateway *gateway = (const struct gateway *)entry->refused;
	_cleanup_(str_fini) struct str text = { 0 };
	struct json_object *status;

	if (!is_our_class(config->verdicts, gateway->class_name))
		return;
	describe(entry, &text);
	status = wants_replace(wants, entry->refused);
	say(status, VERDICT_GATEWAY_REFUSED, text.buf);
	say(status, VERDICT_GATEWAY_INVALID, text.buf);
}

/* ---- routes --------------------------------------------------------------------------------- */

static bool is_our_gateway(const struct verdicts *verdicts, const char *namespace, const char *name)
{
	for (size_t i = 0; i < verdicts->n_gateways; i++)
		if (!strcmp(verdicts->gateways[i].namespace, namespace) &&
		    !strcmp(verdicts->gateways[i].name, name))
			return true;
	return false;
}

static bool is_ours(const struct refusals_config *config, const struct object *route,
		    const struct object_reference *parent)
{
	const char *namespace = *parent->namespace ? parent->namespace : route->namespace;

	if (!strcmp(parent->group, GROUP) && !strcmp(parent->kind, "Gateway"))
		return is_our_gateway(config->verdicts, namespace, parent->name);
	return !*parent->group && !strcmp(parent->kind, "Service") &&
	       model_get(config->model, OBJECT_SERVICE, namespace, parent->name);
}

static void add_parent(struct json_object *status, const struct object_reference *parent,
		       const char *message)
{
	struct json_object *entry = wants_entry(status, "parents");

	wants_parent(entry, parent);
	wants_text(entry, "controllerName", VERDICT_CONTROLLER);
	say(entry, VERDICT_ROUTE_NO_VALUE, message);
}

static void want_route(const struct refusals_config *config, const struct store_entry *entry,
		       struct wants *wants)
{
	const struct http_route *route = (const struct http_route *)entry->refused;
	_cleanup_(str_fini) struct str text = { 0 };
	struct json_object *status = wants_replace(wants, entry->refused);

	describe(entry, &text);
	wants_list(status, "parents");
	for (size_t i = 0; i < route->n_parents; i++)
		if (is_ours(config, entry->refused, &route->parents[i]))
			add_parent(status, &route->parents[i], text.buf);
}

void refusals_want(const struct refusals_config *config, const struct store_entry *entry,
		   struct wants *wants)
{
	if (entry->refused->kind == OBJECT_HTTP_ROUTE)
		want_route(config, entry, wants);
	else
		want_gateway(config, entry, wants);
}
