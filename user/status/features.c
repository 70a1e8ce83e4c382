// SPDX-License-Identifier: Apache-2.0
/*
 * The list of features. Invariant: ascending and without repetition, as the API asks for.
 */
#include "status/features.h"

#include <stddef.h>

#include "base/mem.h"
#include "status/wants.h"

static const char *const features[] = {
	"Gateway",
	"GatewayAddressEmpty",
	"GatewayHTTPListenerIsolation",
	"GatewayPort8080",
	"GatewayStaticAddresses",
	"HTTPRoute",
	"HTTPRoute303RedirectStatusCode",
	"HTTPRoute307RedirectStatusCode",
	"HTTPRoute308RedirectStatusCode",
	"HTTPRouteBackendRequestHeaderModification",
	"HTTPRouteBackendTimeout",
	"HTTPRouteDestinationPortMatching",
	"HTTPRouteHostRewrite",
	"HTTPRouteMethodMatching",
	"HTTPRouteNamedRouteRule",
	"HTTPRouteParentRefPort",
	"HTTPRoutePathRedirect",
	"HTTPRoutePathRewrite",
	"HTTPRoutePortRedirect",
	"HTTPRouteQueryParamMatching",
	"HTTPRouteRequestTimeout",
	"HTTPRouteResponseHeaderModification",
	"HTTPRouteSchemeRedirect",
	"ReferenceGrant",
};

void features_add(struct json_object *status)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		wants_text(wants_entry(status, "supportedFeatures"), "name", features[i]);
}
