// SPDX-License-Identifier: Apache-2.0
/*
 * CustomResourceDefinitions by name, for apisource.c. Invariant: what is lost takes nothing away.
 */
#include "kube/crds.h"

#include <string.h>

#include "kube/apijson.h"

static void set(struct crds *crds, struct json_object *object, bool present)
{
	const char *name = apijson_text(apijson_member(object, "metadata"), "name");

	for (size_t i = 0; i < RESOURCES_N; i++) {
		if (!resources_is_crd(&resources_table[i], name))
			continue;
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

const struct reflector_sink crds_sink = {
	.begin = on_begin,
	.put = on_put,
	.remove = on_remove,
	.lost = on_lost,
	.weigh = on_weigh,
	.commit = on_commit,
};
