// SPDX-License-Identifier: Apache-2.0
/*
 * All entries, by object and by what they wait for, and whose turn it is. Invariant: of one object
 * there is one entry, hence one request at a time.
 */
#include <search.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/resources.h"
#include "status/merge.h"
#include "status/writer_inner.h"

#define UNDER_WAY 8   /* requests */
#define LOOKS	  100 /* at objects, before something else gets its turn */
#define REPORTED  10

static uint64_t now(const struct writer *w)
{
	return w->config.timing->now_ms(w->config.timing->arg);
}

struct writer *writer_new(const struct writer_config *config)
{
	struct writer *w = mem_new(sizeof(*w));

	w->config = *config;
	w->bucket = (struct bucket){ .qps = config->qps, .burst = config->burst };
	TAILQ_INIT(&w->queued);
	TAILQ_INIT(&w->delayed);
	TAILQ_INIT(&w->running);
	return w;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	tdestroy(writer->root, writer_entry_free);
	for (size_t i = 0; i < OBJECT_KIND_MAX; i++)
		free(writer->held[i].text);
	free(writer);
}

static struct writer_entry *find(const struct writer *w, const struct want *key)
{
	struct writer_entry *const *found = tfind(key, &w->root, writer_entry_compare);

	return found ? *found : NULL;
}

static void take_want(struct writer *w, struct want *want)
{
	struct writer_entry *entry = find(w, want);

	if (entry) {
		writer_entry_set(entry, want);
	} else {
		entry = writer_entry_new(w, want);
		if (!tsearch(entry, &w->root, writer_entry_compare))
			abort();
		writer_entry_queue(entry);
	}
	entry->kept = true;
}

struct sweep {
	struct writer_entry **gone;
	size_t n, cap;
};

static void sweep_node(const void *node, VISIT visit, void *arg)
{
	struct writer_entry *entry = *(struct writer_entry *const *)node;
	struct sweep *sweep = arg;

	if (visit != postorder && visit != leaf)
		return;
	if (!entry->kept) {
		sweep->gone =
			mem_grow(sweep->gone, sweep->n, &sweep->cap, sizeof(struct writer_entry *));
		sweep->gone[sweep->n++] = entry;
	}
	entry->kept = false;
}

void writer_set(struct writer *writer, struct wants *wants)
{
	struct sweep sweep = { 0 };

	for (size_t i = 0; i < wants->n; i++)
		take_want(writer, &wants->items[i]);
	wants_fini(wants);
	twalk_r(writer->root, sweep_node, &sweep);
	for (size_t i = 0; i < sweep.n; i++) {
		tdelete(sweep.gone[i], &writer->root, writer_entry_compare);
		writer_entry_free(sweep.gone[i]);
	}
	free(sweep.gone);
	writer->config.changed(writer->config.arg);
}

void writer_see(struct writer *writer, enum object_kind kind, const char *namespace,
		const char *name)
{
	const struct want key = {
		.kind = kind,
		.namespace = (char *)namespace,
		.name = (char *)name,
	};
	struct writer_entry *entry = find(writer, &key);

	if (!entry)
		return;
	writer_entry_queue(entry);
	writer->config.changed(writer->config.arg);
}

uint64_t writer_due_ms(const struct writer *writer)
{
	uint64_t now_ms = now(writer), due_ms = UINT64_MAX;
	const struct writer_entry *entry;

	if (!writer->config.may_write(writer->config.arg))
		return UINT64_MAX;
	if (writer->n_queued && writer->n_running < UNDER_WAY)
		due_ms = now_ms + bucket_wait_ms(&writer->bucket, now_ms);
	TAILQ_FOREACH(entry, &writer->delayed, link)
	if (entry->due_ms < due_ms)
		due_ms = entry->due_ms;
	return due_ms < writer->paused_ms ? writer->paused_ms : due_ms;
}

static void end_delays(struct writer *w)
{
	struct writer_entry *entry = TAILQ_FIRST(&w->delayed), *next;

	for (; entry; entry = next) {
		next = TAILQ_NEXT(entry, link);
		if (entry->due_ms <= now(w))
			writer_entry_queue(entry);
	}
}

void writer_run(struct writer *writer)
{
	if (!writer->config.may_write(writer->config.arg) || now(writer) < writer->paused_ms)
		return;
	end_delays(writer);
	for (int i = 0; i < LOOKS && writer->n_queued && writer->n_running < UNDER_WAY; i++)
		if (!writer_entry_step(TAILQ_FIRST(&writer->queued)))
			break;
}

void writer_counts(const struct writer *writer, struct writer_counts *ret_counts)
{
	*ret_counts = writer->counts;
	ret_counts->left_out = writer->n_left_out;
	ret_counts->pending = writer->n_queued + writer->n_delayed + writer->n_running;
}

struct report {
	struct diag_list *diags;
	size_t n;
};

static void report_node(const void *node, VISIT visit, void *arg)
{
	const struct writer_entry *entry = *(struct writer_entry *const *)node;
	const struct want *want = &entry->want;
	struct report *report = arg;
	_cleanup_(mem_freep) char *name = NULL;

	if ((visit != postorder && visit != leaf) || (!entry->problem && !entry->left_out) ||
	    report->n >= REPORTED)
		return;
	name = mem_printf("%s %s%s%s", object_kind_name(want->kind), want->namespace,
			  *want->namespace ? "/" : "", want->name);
	if (entry->problem)
		diag_add(report->diags, DIAG_WARNING, "", 0, name, "status",
			 "cannot be written: %s", entry->problem);
	if (entry->left_out)
		diag_add(report->diags, DIAG_WARNING, "", 0, name, "status.parents",
			 "has no room for %zu parents that naru answers for: it may have %d, of "
			 "all controllers together",
			 entry->left_out, MERGE_PARENTS_MAX);
	report->n++;
}

void writer_report(const struct writer *writer, struct diag_list *diags)
{
	struct report report = { .diags = diags };

	for (size_t i = 0; i < OBJECT_KIND_MAX; i++)
		if (writer->held[i].text)
			diag_add(diags, DIAG_WARNING, "", 0, "", "status",
				 "of no %s can be written: narud needs the right to patch %s/status"
				 "%s%s: %s",
				 object_kind_name((enum object_kind)i), resources_table[i].name,
				 *resources_table[i].group ? " of " : "", resources_table[i].group,
				 writer->held[i].text);
	if (writer->n_problems || writer->n_left_out)
		twalk_r(writer->root, report_node, &report);
}
