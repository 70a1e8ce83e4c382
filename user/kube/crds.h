/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the resources have a CustomResourceDefinition: the sink of a reflector. That one is
 * there or not is one half of the answer whether its objects are; discovery has the other.
 */
#pragma once
#include "base/str.h"
#include "kube/reflector.h"
#include "kube/resources.h"

/* Room for the version that Gateway API writes on its definitions; longer ones are cut. */
#define CRDS_BUNDLE_LEN 24

/* {0} knows of none. */
struct crds {
	bool present[RESOURCES_N];
	bool fresh[RESOURCES_N]; /* of a reading that goes on */
	bool reading;
	unsigned lost;	 /* objects of it that could not be read */
	unsigned events; /* that had to do with one of the resources, and changes of the others */
	char bundle[RESOURCES_N][CRDS_BUNDLE_LEN]; /* "": none is written on it */
};

/* Its argument is a struct crds. */
extern const struct reflector_sink crds_sink;

/* Adds the versions of Gateway API's definitions, each once: "v1.6.3", or "v1.5.0, none" where one
 * has none. Nothing when the cluster has no such definitions. */
void crds_list_bundles(const struct crds *crds, struct str *out);
