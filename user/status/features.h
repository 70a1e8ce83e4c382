/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What naru can do of Gateway API, in the words of that API's conformance suite: it stands in the
 * status of each GatewayClass of ours, and the suite tests what stands there. A feature is named
 * when the suite's tests of it pass; tests/conformance/ has the report.
 */
#pragma once

struct json_object;

/* Adds supportedFeatures to the status of a GatewayClass. */
void features_add(struct json_object *status);
