// SPDX-License-Identifier: Apache-2.0
/*
 * CustomResourceDefinitions by name, for apisource.c. Invariant: what is lost takes nothing away.
 */
#include "kube/crds.h"

#include <stdio.h>
#include <string.h>

#include "kube/apijson.h"

#define BUNDLE_GROUP "gateway.networking.k8s.io"

static void take_bundle(struct crds *crds, size_t i, struct json_object *object)
{
	struct json_object *metadata = apijson_member(object, "metadata");
	const char *text = apijson_text(apijson_member(metadata, "annotations"),
					BUNDLE_GROUP "/bundle-version");
	char bundle[CRDS_BUNDLE_LEN];

	snprintf(bundle, sizeof(bundle), "%s", text);
	if (!strcmp(crds->bundle[i], bundle))
		return;
	memcpy(crds->bundle[i], bundle, sizeof(bundle));
	crds->events++;
}

static void set(struct crds *crds, struct json_object *object, bool present)
{
	const char *name = apijson_text(apijson_member(object, "metadata"), "name");

	for (size_t i = 0; i < RESOURCES_N; i++) {
		if (!resources_is_crd(&resources_table[i], name))
			continue;
		take_bundle(crds, i, object);
		(crds->reading ? crds->fresh : crds->present)[i] = present;
		crds->events += !crds->reading;
	}
}

static void on_begin(void *arg)
{
	struct crds *crds = arg;

	memset(crds->fresh, 0, sizeof(crds->fresh));
	crds->reading = true;
	crds->lost = 0;
}

static void on_put(void *arg, struct json_object *object)
{
	set(arg, object, true);
}

static void on_remove(void *arg, struct json_object *object)
{
	set(arg, object, false);
}

static void on_lost(void *arg, const char *reason)
{
	struct crds *crds = arg;

	(void)reason;
	crds->lost++;
}

static void on_weigh(void *arg, size_t *ret_known, size_t *ret_gone)
{
	const struct crds *crds = arg;

	*ret_known = *ret_gone = 0;
	for (size_t i = 0; i < RESOURCES_N; i++) {
		*ret_known += crds->present[i];
		*ret_gone += crds->present[i] && !crds->fresh[i];
	}
}

static void on_commit(void *arg)
{
	struct crds *crds = arg;

	for (size_t i = 0; i < RESOURCES_N; i++) {
		bool present = crds->fresh[i] || (crds->lost && crds->present[i]);

		crds->events += present != crds->present[i];
		crds->present[i] = present;
	}
	crds->reading = false;
}

static bool is_first(const struct crds *crds, size_t i)
{
	if (!crds->present[i] || strcmp(resources_table[i].group, BUNDLE_GROUP) != 0)
		return false;
	for (size_t j = 0; j < i; j++)
		if (crds->present[j] && !strcmp(resources_table[j].group, BUNDLE_GROUP) &&
		    !strcmp(crds->bundle[j], crds->bundle[i]))
			return false;
	return true;
}

void crds_list_bundles(const struct crds *crds, struct str *out)
{
	const char *comma = "";

	for (size_t i = 0; i < RESOURCES_N; i++) {
		if (!is_first(crds, i))
			continue;
		str_addf(out, "%s%s", comma, *crds->bundle[i] ? crds->bundle[i] : "none");
		comma = ", ";
	}
}

const struct reflector_sink crds_sink = {
	.begin = on_begin,
	.put = on_put,
	.remove = on_remove,
	.lost = on_lost,
	.weigh = on_weigh,
	.commit = on_commit,
};
