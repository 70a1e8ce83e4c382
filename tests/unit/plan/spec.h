/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the conditions that Gateway API v1.6.3 has words for: in apis/v1 of its Go module, the
 * lists "Possible reasons for this condition to be ..." of each condition's comment; then what only
 * the comment of a reason, or a test of the conformance suite, says.
 */
#pragma once
#include "plan/verdict.h"

static const struct {
	enum verdict_subject subject;
	const char *type, *status, *reason;
} spec[] = {
	/* gatewayclass_types.go */
	{ VERDICT_CLASS, "Accepted", "True", "Accepted" },
	{ VERDICT_CLASS, "Accepted", "False", "InvalidParameters" },
	{ VERDICT_CLASS, "Accepted", "False", "Unsupported" },
	{ VERDICT_CLASS, "Accepted", "False", "UnsupportedVersion" },
	{ VERDICT_CLASS, "Accepted", "Unknown", "Pending" },
	{ VERDICT_CLASS, "SupportedVersion", "True", "SupportedVersion" },
	{ VERDICT_CLASS, "SupportedVersion", "False", "UnsupportedVersion" },
	/* gateway_types.go */
	{ VERDICT_GATEWAY, "Programmed", "True", "Programmed" },
	{ VERDICT_GATEWAY, "Programmed", "False", "Invalid" },
	{ VERDICT_GATEWAY, "Programmed", "False", "Pending" },
	{ VERDICT_GATEWAY, "Programmed", "False", "NoResources" },
	{ VERDICT_GATEWAY, "Programmed", "False", "AddressNotAssigned" },
	{ VERDICT_GATEWAY, "Programmed", "Unknown", "Pending" },
	{ VERDICT_GATEWAY, "InsecureFrontendValidationMode", "True", "ConfigurationChanged" },
	{ VERDICT_GATEWAY, "Accepted", "True", "Accepted" },
	{ VERDICT_GATEWAY, "Accepted", "True", "ListenersNotValid" },
	{ VERDICT_GATEWAY, "Accepted", "False", "Invalid" },
	{ VERDICT_GATEWAY, "Accepted", "False", "InvalidParameters" },
	{ VERDICT_GATEWAY, "Accepted", "False", "NotReconciled" },
	{ VERDICT_GATEWAY, "Accepted", "False", "UnsupportedAddress" },
	{ VERDICT_GATEWAY, "Accepted", "False", "ListenersNotValid" },
	{ VERDICT_GATEWAY, "Accepted", "Unknown", "Pending" },
	{ VERDICT_GATEWAY, "ResolvedRefs", "True", "ResolvedRefs" },
	{ VERDICT_GATEWAY, "ResolvedRefs", "False", "RefNotPermitted" },
	{ VERDICT_GATEWAY, "ResolvedRefs", "False", "InvalidClientCertificateRef" },
	{ VERDICT_GATEWAY, "ResolvedRefs", "False", "ListenersNotResolved" },
	{ VERDICT_LISTENER, "Conflicted", "True", "HostnameConflict" },
	{ VERDICT_LISTENER, "Conflicted", "True", "ProtocolConflict" },
	{ VERDICT_LISTENER, "Conflicted", "False", "NoConflicts" },
	{ VERDICT_LISTENER, "Accepted", "True", "Accepted" },
	{ VERDICT_LISTENER, "Accepted", "False", "PortUnavailable" },
	{ VERDICT_LISTENER, "Accepted", "False", "UnsupportedProtocol" },
	{ VERDICT_LISTENER, "Accepted", "False", "NoValidCACertificate" },
	{ VERDICT_LISTENER, "Accepted", "False", "UnsupportedValue" },
	{ VERDICT_LISTENER, "Accepted", "Unknown", "Pending" },
	{ VERDICT_LISTENER, "ResolvedRefs", "True", "ResolvedRefs" },
	{ VERDICT_LISTENER, "ResolvedRefs", "False", "InvalidCertificateRef" },
	{ VERDICT_LISTENER, "ResolvedRefs", "False", "InvalidRouteKinds" },
	{ VERDICT_LISTENER, "ResolvedRefs", "False", "RefNotPermitted" },
	{ VERDICT_LISTENER, "ResolvedRefs", "False", "InvalidCACertificateRef" },
	{ VERDICT_LISTENER, "ResolvedRefs", "False", "InvalidCACertificateKind" },
	{ VERDICT_LISTENER, "Programmed", "True", "Programmed" },
	{ VERDICT_LISTENER, "Programmed", "False", "Invalid" },
	{ VERDICT_LISTENER, "Programmed", "False", "Pending" },
	{ VERDICT_LISTENER, "Programmed", "Unknown", "Pending" },
	{ VERDICT_LISTENER, "OverlappingTLSConfig", "True", "OverlappingHostnames" },
	{ VERDICT_LISTENER, "OverlappingTLSConfig", "True", "OverlappingCertificates" },
	/* shared_types.go */
	{ VERDICT_ROUTE, "Accepted", "True", "Accepted" },
	{ VERDICT_ROUTE, "Accepted", "False", "NotAllowedByListeners" },
	{ VERDICT_ROUTE, "Accepted", "False", "NoMatchingListenerHostname" },
	{ VERDICT_ROUTE, "Accepted", "False", "NoMatchingParent" },
	{ VERDICT_ROUTE, "Accepted", "False", "UnsupportedValue" },
	{ VERDICT_ROUTE, "Accepted", "Unknown", "Pending" },
	{ VERDICT_ROUTE, "ResolvedRefs", "True", "ResolvedRefs" },
	{ VERDICT_ROUTE, "ResolvedRefs", "False", "RefNotPermitted" },
	{ VERDICT_ROUTE, "ResolvedRefs", "False", "InvalidKind" },
	{ VERDICT_ROUTE, "ResolvedRefs", "False", "BackendNotFound" },
	{ VERDICT_ROUTE, "ResolvedRefs", "False", "UnsupportedProtocol" },
	{ VERDICT_ROUTE, "PartiallyInvalid", "True", "UnsupportedValue" },
	/* gateway_types.go, GatewayReasonAddressNotUsable */
	{ VERDICT_GATEWAY, "Programmed", "False", "AddressNotUsable" },
	/* conformance/tests/listenerset-hostname-conflict.go, listenerset-protocol-conflict.go */
	{ VERDICT_LISTENER, "Accepted", "False", "HostnameConflict" },
	{ VERDICT_LISTENER, "Programmed", "False", "HostnameConflict" },
	{ VERDICT_LISTENER, "Accepted", "False", "ProtocolConflict" },
	{ VERDICT_LISTENER, "Programmed", "False", "ProtocolConflict" },
};
