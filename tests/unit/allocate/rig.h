/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from YAML, and what is allocated for them as text: a line an object. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "allocate/allocate.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/load.h"

static inline void put(struct model *model, const char *yaml)
{
	struct load load;

	load_text(LOAD_YAML, "f", yaml, strlen(yaml), &load);
	for (size_t i = 0; i < load.diags.n; i++) {
		_cleanup_(mem_freep) char *line = diag_format(&load.diags.items[i]);

		print_message("%s\n%s\n", yaml, line);
	}
	assert_int_equal(load.diags.n, 0);
	for (size_t i = 0; i < load.n; i++)
		model_put(model, object_ref(load.objects[i]));
	load_fini(&load);
}

static inline struct model *model_from(const char *const *yamls)
{
	struct model *model = model_new();

	for (; *yamls; yamls++)
		put(model, *yamls);
	return model;
}
#define model_of(...) model_from((const char *const[]){ __VA_ARGS__, NULL })

/* "Service default/a: 192.0.2.1 (p), fd00::1 (-); Assigned" and, with words, the message. */
static inline char *print(const struct allocation *allocation, bool words)
{
	struct str out = { 0 };
	char text[ADDR_STR_LEN];

	str_add(&out, "", 0);
	for (size_t i = 0; i < allocation->n; i++) {
		const struct assignment *a = &allocation->items[i];

		str_addf(&out, "%s %s/%s:", object_kind_name(a->object->kind), a->object->namespace,
			 a->object->name);
		for (size_t j = 0; j < a->n; j++)
			str_addf(&out, " %s (%s)", addr_format(&a->addrs[j].addr, text),
				 a->addrs[j].pool ? a->addrs[j].pool->object.name : "-");
		str_addf(&out, "%s %s%s%s\n", a->holds ? "" : " not",
			 allocate_reason_name(a->reason), words ? ": " : "",
			 words ? a->message : "");
	}
	return out.buf;
}

static inline char *allocated(struct model *model, const struct allocate_config *config, bool words)
{
	struct allocation allocation;
	char *text;

	allocate(model, config, &allocation);
	text = print(&allocation, words);
	allocate_fini(&allocation);
	return text;
}

static inline void assert_model(const char *expected, bool words, struct model *model)
{
	_cleanup_(mem_freep) char *text = allocated(model, &(struct allocate_config){ 0 }, words);

	assert_string_equal(text, expected);
	model_free(model);
}
#define assert_allocated(expected, ...) assert_model(expected, false, model_of(__VA_ARGS__))
#define assert_words(expected, ...)	assert_model(expected, true, model_of(__VA_ARGS__))

#define POOL(name, addresses, more)                                                                \
	"{apiVersion: naru.io/v1alpha1, kind: AddressPool, metadata: {name: " name "}, spec: "     \
	"{addresses: [" addresses "]" more "}}\n---\n"
#define SERVICE(name, meta, spec, status)                                                          \
	"{apiVersion: v1, kind: Service, metadata: {name: " name meta "}, spec: {type: "           \
	"LoadBalancer, ports: [{port: 80}]" spec "}, status: {" status "}}\n---\n"
#define OURS		 ", loadBalancerClass: naru.io/load-balancer"
#define HAS(ip)		 "loadBalancer: {ingress: [{ip: '" ip "'}]}"
#define MANAGED		 ", conditions: [{type: naru.io/AddressAssigned, status: 'True'}]"
#define NOTE(key, value) ", annotations: {naru.io/" key ": '" value "'}"
#define CLASS                                                                                      \
	"{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: naru}, "  \
	"spec: {controllerName: naru.io/gateway}}\n---\n"
#define GATEWAY(name, meta, spec, status)                                                          \
	"{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: " name meta    \
	"}, spec: {gatewayClassName: naru, listeners: [{name: l, port: 80, protocol: HTTP}]" spec  \
	"}, status: {" status "}}\n---\n"
#define NODE(ip)                                                                                   \
	"{apiVersion: v1, kind: Node, metadata: {name: node}, status: {addresses: [{type: "        \
	"InternalIP, address: '" ip "'}]}}\n---\n"
