/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each look makes the map what the tree says: it reads back what is there, so that entries of an
 * earlier process and of cgroups that are gone go the same way. The switch in `state` is on before
 * the first entry and goes off after the last.
 */
#include "dataplane/optout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/cgroup.h"

#define SOON_MS	 1000 /* while a pod that is new has no cgroup */
#define LATER_MS 10000
#define NEW_MS	 60000

static void free_pods(struct optout *optout)
{
	for (size_t i = 0; i < optout->n_pods; i++)
		free(optout->pods[i].uid);
	free(optout->pods);
	optout->pods = NULL;
	optout->n_pods = 0;
}

void optout_fini(struct optout *optout)
{
	free_pods(optout);
	free(optout->dir);
	optout->dir = NULL;
}

static int compare(const void *uid, const void *pod)
{
	return strcmp(uid, ((const struct optout_pod *)pod)->uid);
}

static bool on_pod(void *arg, const char *uid, uint64_t id)
{
	struct optout *optout = arg;
	struct optout_pod *pod = bsearch(uid, optout->pods, optout->n_pods, sizeof(*pod), compare);

	if (pod)
		pod->cgroup = id;
	return pod;
}

struct wanted {
	uint64_t cgroup;
	bool there; /* in the map */
};

static int by_cgroup(const void *a, const void *b)
{
	uint64_t x = ((const struct wanted *)a)->cgroup, y = ((const struct wanted *)b)->cgroup;

	return (x > y) - (x < y);
}

static void remove_others(int map, struct wanted *wanted, size_t n)
{
	struct naru_cgroup key, next;
	int r = bpf_map_get_next_key(map, NULL, &next);

	while (!r) {
		struct wanted *known;

		key = next;
		r = bpf_map_get_next_key(map, &key, &next);
		known = bsearch(&(struct wanted){ .cgroup = key.id }, wanted, n, sizeof(*wanted),
				by_cgroup);
		if (known)
			known->there = true;
		else
			bpf_map_delete_elem(map, &key);
	}
}

static int add_missing(int map, const struct wanted *wanted, size_t n)
{
	const uint8_t one = 1;
	int error = 0;

	for (size_t i = 0; i < n; i++) {
		struct naru_cgroup key = { wanted[i].cgroup };
		int r = wanted[i].there ? 0 : bpf_map_update_elem(map, &key, &one, BPF_ANY);

		error = error ? error : r;
	}
	return error;
}

/* Writes what differs. */
static int write_found(const struct optout *optout)
{
	_cleanup_(mem_freep) struct wanted *wanted = mem_array(optout->n_pods + 1, sizeof(*wanted));
	size_t n = 0;

	for (size_t i = 0; i < optout->n_pods; i++) {
		if (optout->pods[i].cgroup)
			wanted[n++].cgroup = optout->pods[i].cgroup;
	}
	qsort(wanted, n, sizeof(*wanted), by_cgroup);
	remove_others(optout->map, wanted, n);
	return add_missing(optout->map, wanted, n);
}

size_t optout_count(const struct optout *optout)
{
	size_t n = 0;

	for (size_t i = 0; i < optout->n_pods; i++)
		n += optout->pods[i].cgroup != 0;
	return n;
}

static int look(struct optout *optout, uint64_t now_ms)
{
	bool fresh = now_ms - optout->changed_ms < NEW_MS;
	int r;

	for (size_t i = 0; i < optout->n_pods; i++)
		optout->pods[i].cgroup = 0;
	if (optout->n_pods) {
		r = cgroup_each_pod(optout->dir, on_pod, optout);
		if (r)
			log_warn("%s: %s", optout->dir, strerror(-r));
	}
	if (optout_count(optout))
		__atomic_store_n(&optout->state->sock_off, 1, __ATOMIC_RELEASE);
	r = write_found(optout);
	if (!optout_count(optout))
		__atomic_store_n(&optout->state->sock_off, 0, __ATOMIC_RELEASE);
	optout->due_ms =
		now_ms + (optout_count(optout) < optout->n_pods && fresh ? SOON_MS : LATER_MS);
	return r ? log_err(r, "pods whose sockets are not translated") : 0;
}

static bool same_pods(const struct optout *optout, char *const *uids, size_t n)
{
	if (n != optout->n_pods)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(uids[i], optout->pods[i].uid))
			return false;
	}
	return true;
}

int optout_apply(struct optout *optout, char *const *uids, size_t n, uint64_t now_ms)
{
	if (!optout->dir || (optout->due_ms && same_pods(optout, uids, n)))
		return 0;
	free_pods(optout);
	optout->pods = mem_array(n, sizeof(*optout->pods));
	optout->n_pods = n;
	for (size_t i = 0; i < n; i++)
		optout->pods[i].uid = mem_strdup(uids[i]);
	optout->changed_ms = now_ms;
	return look(optout, now_ms);
}

void optout_tick(struct optout *optout, uint64_t now_ms)
{
	if (optout->n_pods && optout->due_ms <= now_ms)
		look(optout, now_ms);
}
