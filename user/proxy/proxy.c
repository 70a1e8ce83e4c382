// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as the main thread sees it: workers, tables and where they stand. Invariants: a worker
 * hears of everything in the order in which it was said; a table is freed here, when no worker uses
 * it any more, and before the registry that its parts stand in.
 */
#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/registry.h"
#include "proxy/worker.h"

struct proxy {
	struct worker_group group;
	unsigned started;
	struct registry *registry;
	struct table_use *tables; /* the newest first */
	uint64_t serial;
	uint64_t generation; /* in force in all workers */
	bool draining;
};

static void post_all(struct proxy *proxy, const struct worker_message *message)
{
	for (unsigned i = 0; i < proxy->started; i++)
		worker_post(&proxy->group.workers[i], message);
}

/* ---- life ---- */

static void drop_table(struct table_use **at)
{
	struct table_use *use = *at;

	*at = use->next;
	table_unref(use->table);
	free(use);
}

static void free_proxy(struct proxy *proxy)
{
	accesslog_close(proxy->group.log);
	while (proxy->tables)
		drop_table(&proxy->tables);
	registry_free(proxy->registry);
	if (proxy->group.notify_fd >= 0)
		close(proxy->group.notify_fd);
	free(proxy->group.workers);
	free(proxy);
}

static int start_workers(struct proxy *proxy, unsigned n)
{
	proxy->group.n = n;
	for (unsigned i = 0; i < n; i++) {
		int r = worker_start(&proxy->group, i);

		if (r)
			return r;
		proxy->started++;
	}
	return 0;
}

int proxy_start(const struct proxy_config *config, struct proxy **ret_proxy)
{
	struct proxy *proxy = mem_new(sizeof(*proxy));
	size_t size = config->threads * sizeof(*proxy->group.workers);
	int r;

	proxy->group.drain_ms = config->drain_ms;
	proxy->group.times = config->times ? config->times : &times_default;
	proxy->group.shares = descriptors_of_process(config->threads);
	proxy->group.workers = mem_aligned(CACHE_LINE, size);
	proxy->registry = registry_new(config->threads);
	proxy->group.notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = proxy->group.notify_fd < 0 ? -errno
				       : accesslog_open(config->access_log, &proxy->group.log);
	if (!r)
		r = start_workers(proxy, config->threads);
	if (r) {
		proxy_stop(proxy);
		return r;
	}
	*ret_proxy = proxy;
	return 0;
}

void proxy_stop(struct proxy *proxy)
{
	struct worker_message stop = { .order = WORKER_STOP };

	if (!proxy)
		return;
	/* Workers wake each other: all loops stand until the last thread is gone. */
	post_all(proxy, &stop);
	for (unsigned i = 0; i < proxy->started; i++)
		worker_join(&proxy->group.workers[i]);
	for (unsigned i = 0; i < proxy->started; i++)
		worker_free(&proxy->group.workers[i]);
	free_proxy(proxy);
}

/* ---- listeners ---- */

int proxy_listen(struct proxy *proxy, uint32_t id, int worker, int fd)
{
	struct worker_message message = { .order = WORKER_LISTEN, .id = id };
	unsigned first = worker < 0 ? 0 : (unsigned)worker % proxy->started;
	unsigned last = worker < 0 ? proxy->started - 1 : first;

	/* Each worker has a descriptor of its own for the one socket. */
	for (unsigned i = first; i < last; i++) {
		message.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (message.fd < 0) {
			int r = -errno;

			proxy_unlisten(proxy, id);
			close(fd);
			return r;
		}
		worker_post(&proxy->group.workers[i], &message);
	}
	message.fd = fd;
	worker_post(&proxy->group.workers[last], &message);
	return 0;
}

void proxy_unlisten(struct proxy *proxy, uint32_t id)
{
	struct worker_message message = { .order = WORKER_UNLISTEN, .id = id };

	post_all(proxy, &message);
}

/* ---- tables ---- */

int proxy_apply(struct proxy *proxy, struct plan_l7 *l7, uint64_t generation, table_cert_fn certs,
		void *certs_arg, char **ret_error)
{
	struct table_source source = { proxy->registry, certs, certs_arg };
	struct worker_message message = { .order = WORKER_APPLY };
	struct table_use *use;
	struct table *table;
	int r = table_new(l7, generation, &source, &table, ret_error);

	if (r)
		return r;
	use = mem_new(sizeof(*use));
	use->table = table;
	use->serial = ++proxy->serial;
	atomic_init(&use->workers, proxy->started);
	use->next = proxy->tables;
	proxy->tables = use;
	message.use = use;
	post_all(proxy, &message);
	return 0;
}

int proxy_fd(const struct proxy *proxy)
{
	return proxy->group.notify_fd;
}

static uint64_t least_applied(const struct proxy *proxy)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < proxy->started; i++) {
		uint64_t applied = atomic_load(&proxy->group.workers[i].applied);

		least = applied < least ? applied : least;
	}
	return least;
}

void proxy_process(struct proxy *proxy)
{
	struct table_use **at = &proxy->tables;
	eventfd_t ignored;
	uint64_t least;

	/* Emptied before looking: what comes after is told again. */
	eventfd_read(proxy->group.notify_fd, &ignored);
	least = least_applied(proxy);
	while (*at) {
		struct table_use *use = *at;

		if (use->serial == least)
			proxy->generation = table_generation(use->table);
		if (atomic_load(&use->workers))
			at = &use->next;
		else
			drop_table(at);
	}
}

uint64_t proxy_generation(const struct proxy *proxy)
{
	return proxy->generation;
}

/* ---- drain ---- */

void proxy_drain(struct proxy *proxy)
{
	struct worker_message message = { .order = WORKER_DRAIN };

	proxy->draining = true;
	post_all(proxy, &message);
}

bool proxy_drained(const struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->started; i++)
		if (!atomic_load(&proxy->group.workers[i].drained))
			return false;
	return true;
}

/* ---- report ---- */

static void add_counters(struct report *report, const struct worker_counters *counters)
{
	report->connections += (uint32_t)counter_read(&counters->connections);
	report->accepted += counter_read(&counters->accepted);
	report->refused += counter_read(&counters->refused);
	report->handshake_failures += counter_read(&counters->handshake_failures);
}

void proxy_report(const struct proxy *proxy, struct report *ret_report)
{
	uint64_t now = clock_ms();

	*ret_report = (struct report){
		.generation = proxy->generation,
		.draining = proxy->draining,
		.threads = proxy->started,
		.log_dropped = accesslog_dropped(proxy->group.log),
	};
	for (unsigned i = 0; i < proxy->started; i++) {
		const struct worker *worker = &proxy->group.workers[i];

		add_counters(ret_report, &worker->counters);
		if (i < REPORT_WORKERS_MAX && worker_is_stalled(worker, now))
			report_set_stalled(ret_report->stalled, i);
	}
	if (proxy->tables)
		table_report(proxy->tables->table, now, ret_report);
}
