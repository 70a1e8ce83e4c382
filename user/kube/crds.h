/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the resources have a CustomResourceDefinition: the sink of a reflector. That one is
 * there or not is one half of the answer whether its objects are; discovery has the other.
 */
#pragma once
#include "kube/reflector.h"
#include "kube/resources.h"

/* {0} knows of none. */
struct crds {
	bool present[RESOURCES_N];
	bool fresh[RESOURCES_N]; /* of a reading that goes on */
	bool reading;
	unsigned lost;	 /* objects of it that could not be read */
	unsigned events; /* that had to do with one of the resources, and changes of present */
};

/* Its argument is a struct crds. */
extern const struct reflector_sink crds_sink;
