// SPDX-License-Identifier: Apache-2.0
/* Objects of layer 7: each field counts in a comparison, and freeing is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/gateway.h"

static void *make(enum object_kind kind)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup("n");
	object->name = mem_strdup("o");
	return object;
}

/* A list of one element, and a text. */
#define GROW(owner, list)                                                                          \
	((owner)->list = mem_array(1, sizeof(*(owner)->list)), (owner)->n_##list = 1)
#define TEXT(owner, member) ((owner)->member = mem_strdup("x"))

#define DIFFERS(field, value)                                                                      \
	do {                                                                                       \
		__typeof__(b->field) before_ = b->field;                                           \
		b->field = value;                                                                  \
		assert_false(object_equal(&a->object, &b->object));                                \
		b->field = before_;                                                                \
		assert_true(object_equal(&a->object, &b->object));                                 \
	} while (0)
#define OTHER ((char[]){ "y" })

static void make_reference(struct object_reference *reference)
{
	TEXT(reference, group);
	TEXT(reference, kind);
	TEXT(reference, namespace);
	TEXT(reference, name);
	TEXT(reference, section);
}

#define REFERENCE_DIFFERS(reference)                                                               \
	do {                                                                                       \
		DIFFERS(reference.group, OTHER);                                                   \
		DIFFERS(reference.kind, OTHER);                                                    \
		DIFFERS(reference.namespace, OTHER);                                               \
		DIFFERS(reference.name, OTHER);                                                    \
		DIFFERS(reference.section, OTHER);                                                 \
		DIFFERS(reference.port, 1);                                                        \
	} while (0)

static struct secret *make_secret(void)
{
	struct secret *secret = make(OBJECT_SECRET);

	TEXT(secret, chain);
	secret_set(&secret->key, "key", 3);
	return secret;
}

static void every_field_of_a_secret_counts(void **state)
{
	struct secret *a = make_secret(), *b = make_secret();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(chain, OTHER);
	DIFFERS(key.data[1], 'f');
	DIFFERS(key.len, 2);
	DIFFERS(fingerprint[31], 1);
	object_free(&a->object);
	object_free(&b->object);
}

static struct gateway *make_gateway(void)
{
	struct gateway *gateway = make(OBJECT_GATEWAY);
	struct gateway_listener *listener;

	TEXT(gateway, class_name);
	GROW(gateway, addresses);
	TEXT(gateway->addresses, text);
	GROW(gateway, assigned);
	TEXT(gateway, pool);
	TEXT(gateway, sharing_key);
	GROW(gateway, labels);
	TEXT(gateway->labels, key);
	TEXT(gateway->labels, value);
	GROW(gateway, listeners);
	listener = gateway->listeners;
	TEXT(listener, name);
	TEXT(listener, hostname);
	TEXT(listener, protocol_text);
	GROW(listener, certs);
	make_reference(listener->certs);
	GROW(listener, kinds);
	make_reference(listener->kinds);
	GROW(listener, selector);
	TEXT(listener->selector, key);
	GROW(listener->selector, values);
	listener->selector->values[0] = mem_strdup("x");
	return gateway;
}

static void every_field_of_a_gateway_counts(void **state)
{
	struct gateway *a = make_gateway(), *b = make_gateway();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(object.origin.generation, 2);
	DIFFERS(class_name, OTHER);
	DIFFERS(created, 1);
	DIFFERS(parameters, true);
	DIFFERS(n_addresses, 0);
	DIFFERS(addresses[0].named, true);
	DIFFERS(addresses[0].addr.byte[3], 1);
	DIFFERS(addresses[0].text, OTHER);
	DIFFERS(n_assigned, 0);
	DIFFERS(assigned[0].addr.byte[3], 1);
	DIFFERS(assigned[0].given, true);
	DIFFERS(managed, true);
	DIFFERS(pool, OTHER);
	DIFFERS(sharing_key, OTHER);
	DIFFERS(n_labels, 0);
	DIFFERS(labels[0].key, OTHER);
	DIFFERS(labels[0].value, OTHER);
	DIFFERS(n_listeners, 0);
	DIFFERS(listeners[0].name, OTHER);
	DIFFERS(listeners[0].hostname, OTHER);
	DIFFERS(listeners[0].port, 1);
	DIFFERS(listeners[0].protocol, LISTENER_OTHER);
	DIFFERS(listeners[0].protocol_text, OTHER);
	DIFFERS(listeners[0].passthrough, true);
	DIFFERS(listeners[0].client_certs, true);
	DIFFERS(listeners[0].n_certs, 0);
	REFERENCE_DIFFERS(listeners[0].certs[0]);
	DIFFERS(listeners[0].from, ROUTES_ALL);
	DIFFERS(listeners[0].n_selector, 0);
	DIFFERS(listeners[0].selector[0].key, OTHER);
	DIFFERS(listeners[0].selector[0].operator, SELECTOR_EXISTS);
	DIFFERS(listeners[0].selector[0].n_values, 0);
	DIFFERS(listeners[0].selector[0].values[0], OTHER);
	DIFFERS(listeners[0].n_kinds, 0);
	REFERENCE_DIFFERS(listeners[0].kinds[0]);
	object_free(&a->object);
	object_free(&b->object);
}

static void make_filter(struct route_filter *filter)
{
	TEXT(filter, type_text);
	TEXT(filter, scheme);
	TEXT(filter, hostname);
	TEXT(filter, path);
	GROW(filter, set);
	TEXT(filter->set, name);
	TEXT(filter->set, value);
	GROW(filter, add);
	TEXT(filter->add, name);
	TEXT(filter->add, value);
	GROW(filter, remove);
	filter->remove[0] = mem_strdup("x");
}

static struct http_route *make_route(void)
{
	struct http_route *route = make(OBJECT_HTTP_ROUTE);
	struct route_rule *rule;
	struct route_match *match;

	TEXT(route, fail_closed);
	GROW(route, parents);
	make_reference(route->parents);
	GROW(route, hostnames);
	route->hostnames[0] = mem_strdup("x");
	GROW(route, rules);
	rule = route->rules;
	TEXT(rule, name);
	GROW(rule, matches);
	match = rule->matches;
	TEXT(match, path);
	TEXT(match, method);
	GROW(match, headers);
	TEXT(match->headers, name);
	TEXT(match->headers, value);
	GROW(match, queries);
	TEXT(match->queries, name);
	TEXT(match->queries, value);
	GROW(rule, filters);
	make_filter(rule->filters);
	GROW(rule, backends);
	make_reference(&rule->backends->reference);
	GROW(rule->backends, filters);
	make_filter(rule->backends->filters);
	GROW(rule, retry_codes);
	return route;
}

static void every_field_of_a_route_counts(void **state)
{
	struct http_route *a = make_route(), *b = make_route();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(created, 1);
	DIFFERS(object.origin.generation, 2);
	DIFFERS(fail_closed, OTHER);
	DIFFERS(n_parents, 0);
	REFERENCE_DIFFERS(parents[0]);
	DIFFERS(n_hostnames, 0);
	DIFFERS(hostnames[0], OTHER);
	DIFFERS(n_rules, 0);
	DIFFERS(rules[0].name, OTHER);
	DIFFERS(rules[0].n_matches, 0);
	DIFFERS(rules[0].matches[0].path_type, MATCH_REGEX);
	DIFFERS(rules[0].matches[0].path, OTHER);
	DIFFERS(rules[0].matches[0].method, OTHER);
	DIFFERS(rules[0].matches[0].n_headers, 0);
	DIFFERS(rules[0].matches[0].headers[0].type, MATCH_REGEX);
	DIFFERS(rules[0].matches[0].headers[0].name, OTHER);
	DIFFERS(rules[0].matches[0].headers[0].value, OTHER);
	DIFFERS(rules[0].matches[0].n_queries, 0);
	DIFFERS(rules[0].matches[0].queries[0].name, OTHER);
	DIFFERS(rules[0].n_filters, 0);
	DIFFERS(rules[0].n_backends, 0);
	REFERENCE_DIFFERS(rules[0].backends[0].reference);
	DIFFERS(rules[0].backends[0].weight, 2);
	DIFFERS(rules[0].backends[0].n_filters, 0);
	DIFFERS(rules[0].backends[0].filters[0].type, FILTER_OTHER);
	DIFFERS(rules[0].request_timeout_ms, 1);
	DIFFERS(rules[0].backend_timeout_ms, 1);
	DIFFERS(rules[0].retry, true);
	DIFFERS(rules[0].n_retry_codes, 0);
	DIFFERS(rules[0].retry_codes[0], 503);
	DIFFERS(rules[0].retry_attempts, 1);
	DIFFERS(rules[0].retry_backoff_ms, 1);
	DIFFERS(rules[0].persistence, true);
	object_free(&a->object);
	object_free(&b->object);
}

static void every_field_of_a_filter_counts(void **state)
{
	struct http_route *a = make_route(), *b = make_route();

	(void)state;
	DIFFERS(rules[0].filters[0].type, FILTER_OTHER);
	DIFFERS(rules[0].filters[0].type_text, OTHER);
	DIFFERS(rules[0].filters[0].n_set, 0);
	DIFFERS(rules[0].filters[0].set[0].name, OTHER);
	DIFFERS(rules[0].filters[0].set[0].value, OTHER);
	DIFFERS(rules[0].filters[0].n_add, 0);
	DIFFERS(rules[0].filters[0].add[0].value, OTHER);
	DIFFERS(rules[0].filters[0].n_remove, 0);
	DIFFERS(rules[0].filters[0].remove[0], OTHER);
	DIFFERS(rules[0].filters[0].scheme, OTHER);
	DIFFERS(rules[0].filters[0].hostname, OTHER);
	DIFFERS(rules[0].filters[0].port, 1);
	DIFFERS(rules[0].filters[0].status, 301);
	DIFFERS(rules[0].filters[0].path_change, PATH_FULL);
	DIFFERS(rules[0].filters[0].path, OTHER);
	object_free(&a->object);
	object_free(&b->object);
}

static struct reference_grant *make_grant(void)
{
	struct reference_grant *grant = make(OBJECT_REFERENCE_GRANT);

	GROW(grant, from);
	TEXT(grant->from, group);
	TEXT(grant->from, kind);
	TEXT(grant->from, namespace);
	GROW(grant, to);
	TEXT(grant->to, group);
	TEXT(grant->to, kind);
	TEXT(grant->to, name);
	return grant;
}

static void every_field_of_a_grant_counts(void **state)
{
	struct reference_grant *a = make_grant(), *b = make_grant();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(n_from, 0);
	DIFFERS(from[0].group, OTHER);
	DIFFERS(from[0].kind, OTHER);
	DIFFERS(from[0].namespace, OTHER);
	DIFFERS(n_to, 0);
	DIFFERS(to[0].group, OTHER);
	DIFFERS(to[0].kind, OTHER);
	DIFFERS(to[0].name, OTHER);
	object_free(&a->object);
	object_free(&b->object);
}

static struct destination_rule *make_destination(void)
{
	struct destination_rule *rule = make(OBJECT_DESTINATION_RULE);

	TEXT(rule, host);
	GROW(rule, unsupported);
	rule->unsupported[0] = mem_strdup("x");
	return rule;
}

static void every_field_of_a_destination_rule_counts(void **state)
{
	struct destination_rule *a = make_destination(), *b = make_destination();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(host, OTHER);
	DIFFERS(connect_timeout_ms, 1);
	DIFFERS(idle_timeout_ms, 1);
	DIFFERS(max_connections, 1);
	DIFFERS(max_pending, 1);
	DIFFERS(max_requests, 1);
	DIFFERS(max_retries, 1);
	DIFFERS(max_requests_per_connection, 1);
	DIFFERS(outlier, true);
	DIFFERS(consecutive_5xx, 1);
	DIFFERS(consecutive_gateway, 1);
	DIFFERS(consecutive_local, 1);
	DIFFERS(split_local, true);
	DIFFERS(interval_ms, 1);
	DIFFERS(base_ejection_ms, 1);
	DIFFERS(max_ejection_percent, 1);
	DIFFERS(n_unsupported, 0);
	DIFFERS(unsupported[0], OTHER);
	object_free(&a->object);
	object_free(&b->object);
}

static struct gateway_class *make_class(void)
{
	struct gateway_class *class = make(OBJECT_GATEWAY_CLASS);

	TEXT(class, controller);
	return class;
}

static struct namespace *make_namespace(void)
{
	struct namespace *namespace = make(OBJECT_NAMESPACE);

	GROW(namespace, labels);
	TEXT(namespace->labels, key);
	TEXT(namespace->labels, value);
	return namespace;
}

static void a_class_has_a_controller(void **state)
{
	struct gateway_class *a = make_class(), *b = make_class();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(controller, OTHER);
	DIFFERS(object.origin.generation, 2);
	DIFFERS(parameters, true);
	object_free(&a->object);
	object_free(&b->object);
}

static void a_namespace_has_labels(void **state)
{
	struct namespace *a = make_namespace(), *b = make_namespace();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(n_labels, 0);
	DIFFERS(labels[0].key, OTHER);
	DIFFERS(labels[0].value, OTHER);
	object_free(&a->object);
	object_free(&b->object);
}

/* Sanitizers see a leak or a free of what is not there. */
static void half_built_ones_are_freed(void **state)
{
	(void)state;
	for (int kind = 0; kind < OBJECT_KIND_MAX; kind++) {
		struct http_route *route = make(OBJECT_HTTP_ROUTE);

		GROW(route, rules);
		GROW(route->rules, filters);
		GROW(route->rules->filters, remove);
		object_free(&route->object);
		object_free(object_new((enum object_kind)kind));
		assert_non_null(object_kind_name((enum object_kind)kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_secret_counts),
		cmocka_unit_test(every_field_of_a_gateway_counts),
		cmocka_unit_test(every_field_of_a_route_counts),
		cmocka_unit_test(every_field_of_a_filter_counts),
		cmocka_unit_test(every_field_of_a_grant_counts),
		cmocka_unit_test(every_field_of_a_destination_rule_counts),
		cmocka_unit_test(a_class_has_a_controller),
		cmocka_unit_test(a_namespace_has_labels),
		cmocka_unit_test(half_built_ones_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
