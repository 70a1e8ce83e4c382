// SPDX-License-Identifier: Apache-2.0
/* The tables of references. */
#include "kube/reference.h"

#include "kube/field.h"
#include "kube/form.h"
#include "model/gateway.h"

static const struct form gateway_group = {
	.fits = form_is_group,
	.what = FORM_GROUP_WHAT,
	.otherwise = REFERENCE_GATEWAY_GROUP,
};
static const struct form gateway_kind = {
	.fits = form_is_kind,
	.what = FORM_KIND_WHAT,
	.otherwise = "Gateway",
};
static const struct form service_kind = {
	.fits = form_is_kind,
	.what = FORM_KIND_WHAT,
	.otherwise = "Service",
};
static const struct form secret_kind = {
	.fits = form_is_kind,
	.what = FORM_KIND_WHAT,
	.otherwise = "Secret",
};

/* The parts that have no place in every reference are set all the same: no text is NULL. */
static const struct form none = { .fits = NULL };

static void set_none(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	const struct decode_field row = { .arg = &none };

	(void)field;
	(void)value;
	form_text(d, &row, NULL, target);
}

#define REFERENCE(member) offsetof(struct object_reference, member)
#define ROW(name_, fn_, member, ...)                                                               \
	{                                                                                          \
		.name = (name_), .fn = (fn_), .offset = REFERENCE(member), __VA_ARGS__             \
	}
#define GROUP(form) ROW("group", form_text, group, .arg = &(form))
#define KIND(form)  ROW("kind", form_text, kind, .arg = &(form))
#define NAME	    ROW("name", form_text, name, .arg = &form_name, .flags = DECODE_REQUIRED)
#define NAMESPACE   ROW("namespace", form_text, namespace, .arg = &form_label)
#define SECTION	    ROW("sectionName", form_text, section, .arg = &form_subdomain)
#define PORT	    ROW("port", field_port, port)

const struct decode_field reference_parent[] = {
	GROUP(gateway_group), KIND(gateway_kind), NAMESPACE, NAME, SECTION, PORT, { 0 },
};

const struct decode_field reference_backend[] = {
	GROUP(form_group),
	KIND(service_kind),
	NAMESPACE,
	NAME,
	ROW("", set_none, section),
	PORT,
	{ 0 },
};

const struct decode_field reference_cert[] = {
	GROUP(form_group), KIND(secret_kind), NAMESPACE, NAME, ROW("", set_none, section), { 0 },
};

const struct decode_field reference_route_kind[] = {
	GROUP(gateway_group),
	ROW("kind", form_text, kind, .arg = &form_kind, .flags = DECODE_REQUIRED),
	ROW("", set_none, namespace),
	ROW("", set_none, name),
	ROW("", set_none, section),
	{ 0 },
};
