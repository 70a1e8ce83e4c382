// SPDX-License-Identifier: Apache-2.0
/* gateway.networking.k8s.io GatewayClass: whose it is. kind.c has the row. */
#include <string.h>

#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* A domain, a slash and a path. */
static bool is_controller(const char *text)
{
	const char *slash = strchr(text, '/');
	char domain[256] = { 0 };

	if (!slash || strlen(text) > 253 || !slash[1])
		return false;
	memcpy(domain, text, (size_t)(slash - text));
	return form_is_subdomain(domain) && !form_find_path_fault(slash);
}

static const struct form controller = {
	.fits = is_controller,
	.what = "a controller's name such as naru.io/gateway",
};

static const struct decode_field class_spec[] = {
	{ .name = "controllerName",
	  .fn = form_text,
	  .offset = offsetof(struct gateway_class, controller),
	  .flags = DECODE_REQUIRED,
	  .arg = &controller },
	{ .name = "parametersRef",
	  .fn = field_present,
	  .offset = offsetof(struct gateway_class, parameters) },
	{ 0 },
};

const struct decode_field decode_class_fields[] = {
	{ .name = "spec", .fn = decode_object, .arg = class_spec, .flags = DECODE_REQUIRED },
	{ 0 },
};
