// SPDX-License-Identifier: Apache-2.0
/*
 * Views of tables. worker.c makes one for each table; exchanges refer to the one they began with.
 * Invariant: a view belongs to one thread; of a table_use only the count is shared.
 */
#include "proxy/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* What a context was made of, to see whether the next table wants the same. */
struct view_server {
	struct tls_server *server;
	struct tls_name *names;
	size_t n_names;
};

static void free_server(struct view_server *server)
{
	for (size_t i = 0; i < server->n_names; i++) {
		struct tls_name *name = &server->names[i];

		for (size_t c = 0; c < name->n_certs; c++)
			tls_cert_unref(name->certs[c]);
		free((void *)name->certs);
		free((void *)name->hostname);
	}
	free(server->names);
	if (server->server)
		tls_server_unref(server->server);
}

static void copy_name(struct tls_name *name, const struct listener *listener)
{
	struct tls_cert **certs = mem_array(listener->n_certs, sizeof(*certs));

	for (size_t i = 0; i < listener->n_certs; i++)
		certs[i] = tls_cert_ref(listener->certs[i]);
	*name = (struct tls_name){ mem_strdup(listener->plan->hostname), certs, listener->n_certs };
}

/* Certificates are held on to, so the same address is the same certificate. */
static bool is_same(const struct view_server *a, const struct view_server *b)
{
	if (a->n_names != b->n_names)
		return false;
	for (size_t i = 0; i < a->n_names; i++) {
		const struct tls_name *x = &a->names[i], *y = &b->names[i];

		if (strcmp(x->hostname, y->hostname) != 0 || x->n_certs != y->n_certs ||
		    memcmp((const void *)x->certs, (const void *)y->certs,
			   x->n_certs * sizeof(*x->certs)) != 0)
			return false;
	}
	return true;
}

static void make_server(struct view_server *server, const struct bind *bind,
			const struct view_server *previous)
{
	server->names = mem_array(bind->n_listeners, sizeof(*server->names));
	for (size_t i = 0; i < bind->n_listeners; i++)
		if (bind->listeners[i]->n_certs)
			copy_name(&server->names[server->n_names++], bind->listeners[i]);
	if (!server->n_names)
		return;
	if (previous && previous->server && is_same(server, previous)) {
		server->server = tls_server_ref(previous->server);
		return;
	}
	if (tls_server_new(server->names, server->n_names, &server->server))
		log_error("no memory for a TLS context of %zu names", server->n_names);
}

static const struct view_server *find_server(const struct view *view, const struct bind *bind)
{
	const struct bind *found;

	if (!view)
		return NULL;
	found = table_bind(view->table, &bind->plan->addr, bind->plan->port);
	if (!found || addr_compare(&found->plan->addr, &bind->plan->addr) != 0)
		return NULL;
	return &view->servers[found->plan - table_plan(view->table)->binds];
}

struct view *view_new(struct table_use *use, const struct view *previous)
{
	const struct plan_l7 *plan = table_plan(use->table);
	struct view *view = mem_new(sizeof(*view));

	view->use = use;
	view->table = use->table;
	view->users = 1;
	view->servers = mem_array(plan->n_binds, sizeof(*view->servers));
	for (size_t i = 0; i < plan->n_binds; i++) {
		const struct bind *bind =
			table_bind(use->table, &plan->binds[i].addr, plan->binds[i].port);

		if (plan->binds[i].tls)
			make_server(&view->servers[i], bind, find_server(previous, bind));
	}
	return view;
}

struct view *view_ref(struct view *view)
{
	view->users++;
	return view;
}

static bool free_view(struct view *view)
{
	struct table_use *use = view->use;

	for (size_t i = 0; i < table_plan(view->table)->n_binds; i++)
		free_server(&view->servers[i]);
	free(view->servers);
	free(view);
	/* The table's memory is the main thread's from here on. */
	return atomic_fetch_sub(&use->workers, 1) == 1;
}

bool view_unref(struct view *view)
{
	return view && !--view->users && free_view(view);
}

struct tls_server *view_tls(const struct view *view, const struct bind *bind)
{
	return view->servers[bind->plan - table_plan(view->table)->binds].server;
}

static int compare_cluster(const void *name, const void *cluster)
{
	return strcmp(name, ((const struct plan_cluster *)cluster)->name);
}

static int compare_endpoint(const void *key, const void *element)
{
	const struct endpoint *endpoint = key;
	const struct plan_endpoint *plan = element;
	int order = addr_compare(&endpoint->addr, &plan->addr);

	return order ? order : (int)endpoint->port - (int)plan->port;
}

/* bsearch() takes no NULL, which an empty array may be. */
static const void *find(const void *key, const void *array, size_t n, size_t size,
			int (*compare)(const void *key, const void *element))
{
	return n ? bsearch(key, array, n, size, compare) : NULL;
}

bool view_keeps(const struct view *view, const struct cluster *cluster,
		const struct endpoint *endpoint)
{
	const struct plan_l7 *plan = table_plan(view->table);
	const struct plan_cluster *found = find(cluster->name, plan->clusters, plan->n_clusters,
						sizeof(*plan->clusters), compare_cluster);

	return found &&
	       atomic_load(&cluster->under_way[CLUSTER_CONNECTIONS]) <=
		       found->breaker.connections &&
	       find(endpoint, found->endpoints.endpoints, found->endpoints.n,
		    sizeof(*found->endpoints.endpoints), compare_endpoint);
}
