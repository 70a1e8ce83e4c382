// SPDX-License-Identifier: Apache-2.0
/* Definitions that come and go, and the versions that Gateway API writes on its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/crds.h"

#include <json-c/json.h>

/* version: NULL: there is no such annotation. */
static void put(struct crds *crds, const char *name, const char *version)
{
	struct json_object *object = json_object_new_object();
	struct json_object *metadata = json_object_new_object();
	struct json_object *annotations = json_object_new_object();

	if (version)
		json_object_object_add(annotations, "gateway.networking.k8s.io/bundle-version",
				       json_object_new_string(version));
	json_object_object_add(metadata, "name", json_object_new_string(name));
	json_object_object_add(metadata, "annotations", annotations);
	json_object_object_add(object, "metadata", metadata);
	crds_sink.put(crds, object);
	json_object_put(object);
}

static void assert_bundles(const struct crds *crds, const char *expected)
{
	_cleanup_(str_fini) struct str text = { 0 };

	crds_list_bundles(crds, &text);
	assert_string_equal(text.len ? text.buf : "", expected);
}

static void each_version_is_listed_once(void **state)
{
	struct crds crds = { 0 };

	(void)state;
	assert_bundles(&crds, "");
	crds_sink.begin(&crds);
	put(&crds, "gateways.gateway.networking.k8s.io", "v1.6.3");
	put(&crds, "httproutes.gateway.networking.k8s.io", "v1.6.3");
	put(&crds, "destinationrules.networking.istio.io", NULL);
	put(&crds, "tcproutes.gateway.networking.k8s.io", "v1.7.0");
	assert_bundles(&crds, "");
	crds_sink.commit(&crds);
	assert_true(crds.present[OBJECT_GATEWAY]);
	assert_bundles(&crds, "v1.6.3");
	put(&crds, "gatewayclasses.gateway.networking.k8s.io", NULL);
	assert_bundles(&crds, "none, v1.6.3");
	put(&crds, "gatewayclasses.gateway.networking.k8s.io", "v1.5.0");
	assert_bundles(&crds, "v1.5.0, v1.6.3");
}

static void changes_are_counted(void **state)
{
	struct crds crds = { 0 };
	unsigned before;

	(void)state;
	crds_sink.begin(&crds);
	put(&crds, "gateways.gateway.networking.k8s.io", "v1.6.3");
	crds_sink.commit(&crds);
	before = crds.events;
	put(&crds, "tcproutes.gateway.networking.k8s.io", "v1.7.0");
	crds_sink.begin(&crds);
	put(&crds, "gateways.gateway.networking.k8s.io", "v1.6.3");
	crds_sink.commit(&crds);
	assert_int_equal(crds.events, before);
	crds_sink.begin(&crds);
	put(&crds, "gateways.gateway.networking.k8s.io", "v1.7.0");
	crds_sink.commit(&crds);
	assert_int_equal(crds.events, before + 1);
	put(&crds, "gateways.gateway.networking.k8s.io",
	    "a version that is much longer than any that there will be");
	assert_true(crds.events > before + 1);
	assert_bundles(&crds, "a version that is much ");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_is_listed_once),
		cmocka_unit_test(changes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
