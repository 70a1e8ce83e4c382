// SPDX-License-Identifier: Apache-2.0
/* source_api.c calls it. Invariant: a metric is there from the first answer on, if only by name. */
#include "daemon/apimetrics.h"

#include "base/str.h"
#include "kube/apisource.h"

enum metric {
#define X(id, name, type, help) METRIC_##id,
	APIMETRICS(X)
#undef X
};

static const struct {
	const char *name, *type, *help;
} metrics[] = {
#define X(id, name, type, help) { name, type, help },
	APIMETRICS(X)
#undef X
};

static void add_head(struct str *out, enum metric metric)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[metric].name, metrics[metric].help,
		 metrics[metric].name, metrics[metric].type);
}

/* Seconds with three digits behind the point; labels with their braces, or "". */
static void add_age(struct str *out, enum metric metric, const char *labels, uint64_t age_ms)
{
	str_addf(out, "%s%s %llu.%03u\n", metrics[metric].name, labels,
		 (unsigned long long)(age_ms / 1000), (unsigned)(age_ms % 1000));
}

static void add_count(struct str *out, enum metric metric, const char *labels, uint64_t value)
{
	str_addf(out, "%s%s %llu\n", metrics[metric].name, labels, (unsigned long long)value);
}

static void add_kind_age(struct str *out, enum metric metric, const char *kind, uint64_t age_ms)
{
	struct str labels = { 0 };

	str_addf(&labels, "{kind=\"%s\"}", kind);
	if (age_ms != UINT64_MAX)
		add_age(out, metric, labels.buf, age_ms);
	str_fini(&labels);
}

static void add_rereads(struct str *out, const struct apisource_kind *kind)
{
	for (int i = 0; i < REFLECTOR_REASON_MAX; i++) {
		struct str labels = { 0 };

		str_addf(&labels, "{kind=\"%s\",reason=\"%s\"}", kind->name,
			 reflector_reason_name((enum reflector_reason)i));
		add_count(out, METRIC_RELISTS, labels.buf, kind->rereads[i]);
		str_fini(&labels);
	}
}

void apimetrics_write(struct str *out, const struct apisource_status *status)
{
	add_head(out, METRIC_SYNCED);
	add_count(out, METRIC_SYNCED, "", status->synced);
	add_head(out, METRIC_STATE_AGE);
	add_age(out, METRIC_STATE_AGE, "", status->age_ms);
	add_head(out, METRIC_FILE_FAILURES);
	add_count(out, METRIC_FILE_FAILURES, "", status->file_failures);
	add_head(out, METRIC_WATCH_AGE);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (status->kinds[i].version)
			add_kind_age(out, METRIC_WATCH_AGE, status->kinds[i].name,
				     status->kinds[i].watch_age_ms);
	add_head(out, METRIC_LAST_EVENT);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (status->kinds[i].version)
			add_kind_age(out, METRIC_LAST_EVENT, status->kinds[i].name,
				     status->kinds[i].heard_age_ms);
	add_head(out, METRIC_RELISTS);
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (status->kinds[i].version)
			add_rereads(out, &status->kinds[i]);
}
