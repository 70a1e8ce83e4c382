/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlices by the Service they belong to, so that compiling costs one look-up a Service.
 */
#pragma once
#include "base/diag.h"
#include "compile/compile.h"
#include "model/model.h"

struct slices {
	const struct endpoint_slice **items; /* sorted by namespace, service, own name */
	size_t n, cap;
	bool loopback;	  /* headless Services may have endpoints there */
	const char *node; /* this node's name */
	const char *zone; /* and zone, "" when unknown */
};

/*
 * Borrows the slices from the model, which must not change meanwhile, and the node's name from the
 * settings.
 */
void slices_init(struct slices *slices, struct model *model, const struct compile_config *config);
void slices_fini(struct slices *slices);

/* Borrows what belongs to this node anew: its object may be another one that says the same. */
void slices_take_node(struct slices *slices, const struct model *model,
		      const struct compile_config *config);

/* Follows the model, which has another slice than before, or one more or less; NULL: none. */
void slices_replace(struct slices *slices, const struct endpoint_slice *former,
		    const struct endpoint_slice *present);

/* Is the slice one that a Service finds? Else it names none, or has host names for addresses. */
bool slices_has(const struct endpoint_slice *slice);

/* The slices of a Service: their number, and the first of them. */
size_t slices_of(const struct slices *slices, const struct object *service,
		 const struct endpoint_slice *const **ret_first);

/* Can the address be an endpoint or a frontend: a unicast address that reaches beyond one host? */
bool slices_usable_addr(const struct addr *addr);

/* Can the address be an endpoint of the Service? NULL: of one that is not there. */
bool slices_usable_endpoint(const struct slices *slices, const struct service *service,
			    const struct addr *addr);

/* Reports endpoints of a slice that are left out, and that it is of no Service. */
void slices_check_one(const struct slices *slices, const struct model *model,
		      const struct endpoint_slice *slice, struct diag_list *diags);
/* The same of all. */
void slices_check(const struct slices *slices, struct model *model, struct diag_list *diags);
