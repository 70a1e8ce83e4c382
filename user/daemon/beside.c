// SPDX-License-Identifier: Apache-2.0
/*
 * Looks by questions that the kernel answers for what narud holds: it may neither run nft(8) nor
 * see other processes. Rules of iptables-legacy are not looked for, since asking for them makes
 * them; `naructl preflight` finds these, too.
 */
#include "daemon/beside.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/nftables.h"
#include "base/sockdiag.h"
#include "daemon/daemon.h"
#include "daemon/healthz.h"
#include "plan/plan.h"

#define IPVS_DEVICE "kube-ipvs0"
#define FIRST_MS    1000
#define PERIOD_MS   10000

struct beside {
	struct daemon *daemon;
	void (*changed)(void *arg);
	struct diag_list ports;
	const char *kube_proxy; /* what of it was found, NULL: nothing */
	bool port_taken;	/* that of /healthz was somebody else's at the last look */
	struct loop_timer *timer;
};

static const struct diag_list none;

/* ---- kube-proxy ------------------------------------------------------------------------------ */

static const struct {
	uint8_t family;
	const char *table, *chain, *what;
} places[] = {
	{ AF_INET, "kube-proxy", NULL, "the table ip kube-proxy of nftables" },
	{ AF_INET6, "kube-proxy", NULL, "the table ip6 kube-proxy of nftables" },
	{ AF_INET, "nat", "KUBE-SERVICES", "the chain KUBE-SERVICES of iptables" },
	{ AF_INET6, "nat", "KUBE-SERVICES", "the chain KUBE-SERVICES of ip6tables" },
};

/* A port that is taken once may be that of a narud that is about to go. */
static const char *find_kube_proxy(struct beside *beside, bool healthz_taken)
{
	bool still = healthz_taken && beside->port_taken;

	beside->port_taken = healthz_taken;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (nftables_has(places[i].family, places[i].table, places[i].chain))
			return places[i].what;
	if (if_nametoindex(IPVS_DEVICE))
		return "the device " IPVS_DEVICE;
	return still ? "somebody who answers at the port of its /healthz" : NULL;
}

/* ---- ports ----------------------------------------------------------------------------------- */

struct listeners {
	struct sockdiag_listener *items;
	size_t n;
};

static void listeners_fini(struct listeners *listeners)
{
	free(listeners->items);
}

static bool takes(const struct sockdiag_listener *listener, const struct plan_service *service,
		  const struct plan_frontend *frontend)
{
	bool any = service->family == 4 ? listener->any4 : listener->any6;

	if (listener->port != frontend->port)
		return false;
	if (any)
		return true;
	if (listener->any4 || listener->any6 || addr_is_loopback(&listener->addr) ||
	    addr_family(&listener->addr) != service->family)
		return false;
	return addr_is_zero(&frontend->addr) || !addr_compare(&frontend->addr, &listener->addr);
}

/* "market/cart:http" is a Service's; with one slash more it is a pod's. */
static char *object_of(const struct plan_service *service)
{
	const char *first = strchr(service->name, '/'), *second = strchr(first + 1, '/');
	const char *colon = strrchr(service->name, ':'), *end = second ? second : colon;

	return mem_printf("%s %.*s", second ? "Pod" : "Service", (int)(end - service->name),
			  service->name);
}

static void look_at_port(const struct listeners *listeners, const struct plan_service *service,
			 const struct plan_frontend *frontend, struct diag_list *diags)
{
	_cleanup_(mem_freep) char *object = NULL;

	if (frontend->kind != PLAN_NODE_PORT && frontend->kind != PLAN_HOST_PORT)
		return;
	for (size_t i = 0; i < listeners->n; i++) {
		if (!takes(&listeners->items[i], service, frontend))
			continue;
		object = object_of(service);
		diag_add(diags, DIAG_WARNING, "", 0, object, "",
			 "%s: a process of this node listens at port %u/TCP, too: clients reach %s "
			 "and not the process",
			 service->name, frontend->port,
			 frontend->kind == PLAN_NODE_PORT ? "the Service" : "the pod");
		diag_mark(diags, DIAG_PORT_SHARED);
		return;
	}
}

/* Each is asked for whatever the number of listeners: few of both are there. */
static void look_at_ports(const struct plan *plan, struct diag_list *diags)
{
	_cleanup_(listeners_fini) struct listeners listeners = { 0 };

	if (sockdiag_listeners(&listeners.items, &listeners.n) < 0)
		return;
	for (size_t i = 0; i < plan->n_services; i++) {
		const struct plan_service *service = &plan->services[i];

		for (size_t j = 0; service->proto == IPPROTO_TCP && j < service->n_frontends; j++)
			look_at_port(&listeners, service, &service->frontends[j], diags);
	}
}

/* ---- from outside ---------------------------------------------------------------------------- */

/* While naru takes a kube-proxy's place both are there, and nothing is wrong with it. */
static void log_turn(const char *kube_proxy)
{
	if (kube_proxy)
		log_warn("kube-proxy is active on this node, or has left its rules: there is %s",
			 kube_proxy);
	else
		log_info("nothing of kube-proxy is found any more");
}

static void on_timer(void *arg)
{
	struct beside *beside = arg;
	struct daemon *daemon = beside->daemon;
	bool taken = healthz_error(daemon->healthz) == -EADDRINUSE;
	const char *kube_proxy = find_kube_proxy(beside, taken);
	struct diag_list ports = { 0 };
	bool same;

	look_at_ports(daemon->plan, &ports);
	diag_sort(&ports);
	same = diag_equal(&ports, &beside->ports) && kube_proxy == beside->kube_proxy;
	diag_fini(&beside->ports);
	beside->ports = ports;
	if (kube_proxy != beside->kube_proxy)
		log_turn(kube_proxy);
	beside->kube_proxy = kube_proxy;
	if (!same)
		beside->changed(daemon);
}

struct beside *beside_open(struct daemon *daemon, void (*changed)(void *arg))
{
	struct beside *beside;

	if (!daemon->dataplane || !daemon->l4)
		return NULL;
	beside = mem_new(sizeof(*beside));
	beside->daemon = daemon;
	beside->changed = changed;
	beside->timer = loop_timer_add(daemon->loop, FIRST_MS, PERIOD_MS, on_timer, beside);
	return beside;
}

void beside_close(struct beside *beside)
{
	if (!beside)
		return;
	loop_timer_remove(beside->timer);
	diag_fini(&beside->ports);
	free(beside);
}

const struct diag_list *beside_ports(const struct beside *beside)
{
	return beside ? &beside->ports : &none;
}

const char *beside_kube_proxy(const struct beside *beside)
{
	return beside ? beside->kube_proxy : NULL;
}

void beside_report(const struct beside *beside, struct diag_list *diags)
{
	diag_append(diags, beside_ports(beside));
}
