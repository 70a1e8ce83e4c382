/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true of the objects of Gateway API that are naru's to judge, in that API's own words:
 * made by compile/ where it decides, the same on every node. It leaves open whether the nodes have
 * done what was decided; status/ adds that. Plain data, strings owned and never NULL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

/* GatewayClasses of this controller are naru's, and entries of it in statuses of routes. */
#define VERDICT_CONTROLLER "naru.io/gateway"

enum verdict_subject {
	VERDICT_CLASS,
	VERDICT_GATEWAY,
	VERDICT_LISTENER,
	VERDICT_ROUTE, /* towards one of its parents */
};

/*
 * Everything that is ever said: name, subject, type, status, reason. From the constants and their
 * comments in apis/v1 of sigs.k8s.io/gateway-api v1.6.3 (gatewayclass_types.go, gateway_types.go,
 * shared_types.go); the reasons of a conflict under Accepted and Programmed from its conformance
 * tests (listenerset-hostname-conflict.go, listenerset-protocol-conflict.go). Conditions of one
 * subject are kept in the order of their types here.
 */
#define VERDICT_ROWS(ROW)                                                                          \
	ROW(CLASS_ACCEPTED, CLASS, "Accepted", true, "Accepted")                                   \
	ROW(CLASS_INVALID_PARAMETERS, CLASS, "Accepted", false, "InvalidParameters")               \
	ROW(CLASS_KNOWN_VERSION, CLASS, "SupportedVersion", true, "SupportedVersion")              \
	ROW(CLASS_OTHER_VERSION, CLASS, "SupportedVersion", false, "UnsupportedVersion")           \
	ROW(GATEWAY_ACCEPTED, GATEWAY, "Accepted", true, "Accepted")                               \
	ROW(GATEWAY_SOME_LISTENERS, GATEWAY, "Accepted", true, "ListenersNotValid")                \
	ROW(GATEWAY_NO_LISTENER, GATEWAY, "Accepted", false, "ListenersNotValid")                  \
	ROW(GATEWAY_REFUSED, GATEWAY, "Accepted", false, "Invalid")                                \
	ROW(GATEWAY_INVALID_PARAMETERS, GATEWAY, "Accepted", false, "InvalidParameters")           \
	ROW(GATEWAY_UNSUPPORTED_ADDRESS, GATEWAY, "Accepted", false, "UnsupportedAddress")         \
	ROW(GATEWAY_PROGRAMMED, GATEWAY, "Programmed", true, "Programmed")                         \
	ROW(GATEWAY_PENDING, GATEWAY, "Programmed", false, "Pending")                              \
	ROW(GATEWAY_NO_RESOURCES, GATEWAY, "Programmed", false, "NoResources")                     \
	ROW(GATEWAY_INVALID, GATEWAY, "Programmed", false, "Invalid")                              \
	ROW(GATEWAY_NO_ADDRESS, GATEWAY, "Programmed", false, "AddressNotAssigned")                \
	ROW(GATEWAY_UNUSABLE_ADDRESS, GATEWAY, "Programmed", false, "AddressNotUsable")            \
	ROW(GATEWAY_RESOLVED, GATEWAY, "ResolvedRefs", true, "ResolvedRefs")                       \
	ROW(GATEWAY_UNRESOLVED, GATEWAY, "ResolvedRefs", false, "ListenersNotResolved")            \
	ROW(LISTENER_ACCEPTED, LISTENER, "Accepted", true, "Accepted")                             \
	ROW(LISTENER_NO_PORT, LISTENER, "Accepted", false, "PortUnavailable")                      \
	ROW(LISTENER_NO_PROTOCOL, LISTENER, "Accepted", false, "UnsupportedProtocol")              \
	ROW(LISTENER_NO_VALUE, LISTENER, "Accepted", false, "UnsupportedValue")                    \
	ROW(LISTENER_LOST_HOSTNAME, LISTENER, "Accepted", false, "HostnameConflict")               \
	ROW(LISTENER_LOST_PROTOCOL, LISTENER, "Accepted", false, "ProtocolConflict")               \
	ROW(LISTENER_PROGRAMMED, LISTENER, "Programmed", true, "Programmed")                       \
	ROW(LISTENER_PENDING, LISTENER, "Programmed", false, "Pending")                            \
	ROW(LISTENER_INVALID, LISTENER, "Programmed", false, "Invalid")                            \
	ROW(LISTENER_IDLE_HOSTNAME, LISTENER, "Programmed", false, "HostnameConflict")             \
	ROW(LISTENER_IDLE_PROTOCOL, LISTENER, "Programmed", false, "ProtocolConflict")             \
	ROW(LISTENER_RESOLVED, LISTENER, "ResolvedRefs", true, "ResolvedRefs")                     \
	ROW(LISTENER_BAD_CERTIFICATE, LISTENER, "ResolvedRefs", false, "InvalidCertificateRef")    \
	ROW(LISTENER_BAD_KINDS, LISTENER, "ResolvedRefs", false, "InvalidRouteKinds")              \
	ROW(LISTENER_NOT_PERMITTED, LISTENER, "ResolvedRefs", false, "RefNotPermitted")            \
	ROW(LISTENER_DISTINCT, LISTENER, "Conflicted", false, "NoConflicts")                       \
	ROW(LISTENER_HOSTNAME_CONFLICT, LISTENER, "Conflicted", true, "HostnameConflict")          \
	ROW(LISTENER_PROTOCOL_CONFLICT, LISTENER, "Conflicted", true, "ProtocolConflict")          \
	ROW(LISTENER_OVERLAPPING, LISTENER, "OverlappingTLSConfig", true, "OverlappingHostnames")  \
	ROW(ROUTE_ACCEPTED, ROUTE, "Accepted", true, "Accepted")                                   \
	ROW(ROUTE_NOT_ALLOWED, ROUTE, "Accepted", false, "NotAllowedByListeners")                  \
	ROW(ROUTE_NO_HOSTNAME, ROUTE, "Accepted", false, "NoMatchingListenerHostname")             \
	ROW(ROUTE_NO_PARENT, ROUTE, "Accepted", false, "NoMatchingParent")                         \
	ROW(ROUTE_NO_VALUE, ROUTE, "Accepted", false, "UnsupportedValue")                          \
	ROW(ROUTE_RESOLVED, ROUTE, "ResolvedRefs", true, "ResolvedRefs")                           \
	ROW(ROUTE_NOT_PERMITTED, ROUTE, "ResolvedRefs", false, "RefNotPermitted")                  \
	ROW(ROUTE_BAD_KIND, ROUTE, "ResolvedRefs", false, "InvalidKind")                           \
	ROW(ROUTE_NO_BACKEND, ROUTE, "ResolvedRefs", false, "BackendNotFound")                     \
	ROW(ROUTE_NO_PROTOCOL, ROUTE, "ResolvedRefs", false, "UnsupportedProtocol")                \
	ROW(ROUTE_PARTLY, ROUTE, "PartiallyInvalid", true, "UnsupportedValue")

enum verdict_id {
#define VERDICT_ID(name, ...) VERDICT_##name,
	VERDICT_ROWS(VERDICT_ID)
#undef VERDICT_ID
	VERDICT_ID_MAX,
};

/* A row of the table. */
struct verdict_row {
	enum verdict_subject subject;
	const char *type;
	bool holds;
	const char *reason;
};

const struct verdict_row *verdict_row(enum verdict_id id);

struct verdict_condition {
	enum verdict_id id;
	char *message; /* "": there is nothing to add */
};

struct verdict_conditions {
	struct verdict_condition *items; /* one of each type, in the table's order */
	size_t n;
};

struct verdict_class {
	char *name;
	int64_t generation; /* metadata.generation that was judged, here and below */
	struct verdict_conditions conditions;
};

struct verdict_listener {
	char *name;
	bool http_routes; /* supportedKinds: HTTPRoute, or none */
	uint32_t attached;
	struct verdict_conditions conditions;
};

struct verdict_gateway {
	char *namespace;
	char *name;
	int64_t generation;
	struct addr *addresses; /* that it is served at, in the whole cluster */
	size_t n_addresses;
	struct verdict_listener *listeners; /* as in its spec */
	size_t n_listeners;
	struct verdict_conditions conditions;
};

struct verdict_parent {
	size_t index; /* of the parentRef, which follows */
	char *group;
	char *kind;
	char *namespace; /* "": not given */
	char *name;
	char *section;
	uint16_t port;
	struct verdict_conditions conditions;
};

struct verdict_route {
	char *namespace;
	char *name;
	int64_t generation;
	struct verdict_parent *parents; /* those that are naru's to answer for */
	size_t n_parents;
};

struct verdicts {
	struct verdict_class *classes; /* of our controller, by name */
	size_t n_classes;
	struct verdict_gateway *gateways; /* of these classes, by namespace and name */
	size_t n_gateways;
	struct verdict_route *routes; /* all HTTPRoutes, also those without a parent of ours */
	size_t n_routes;
};

/*
 * Says something. Of several things said of one type the first stands, and what the others had to
 * add is added to its message, up to a limit; so what is true unless said otherwise is said last.
 */
void verdict_say(struct verdict_conditions *conditions, enum verdict_id id, const char *message);
/* What is said of the type that id has; NULL: nothing. */
const struct verdict_condition *verdict_find(const struct verdict_conditions *conditions,
					     enum verdict_id id);
/* Says in to what is said in from. */
void verdict_say_all(struct verdict_conditions *to, const struct verdict_conditions *from);
void verdict_forget(struct verdict_conditions *conditions);

void verdict_fini(struct verdicts *verdicts);
/* The text of `narud --check --print-plan`, behind all the rest. */
void verdict_print(const struct verdicts *verdicts, FILE *out);
