// SPDX-License-Identifier: Apache-2.0
/* Checks change nothing. Each adds what it finds, also that all is well, so that nobody has to
 * wonder what was looked at. */
#include "preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

static void (*const checks[])(struct preflight *preflight) = {
	preflight_node_kernel,	   preflight_node_mounts,     preflight_rules_kubeproxy,
	preflight_rules_leftovers, preflight_rules_forward,   preflight_node_forwarding,
	preflight_node_rp_filter,  preflight_node_bridges,    preflight_devices,
	preflight_rules_marks,	   preflight_node_snat_ports, preflight_node_probe_port,
};

static const char *const levels[] = { "fine", "warning", "fatal" };

void preflight_add(struct preflight *preflight, enum preflight_level level, const char *check,
		   const char *advice, const char *format, ...)
{
	struct preflight_finding finding = { .level = level, .check = check, .advice = advice };
	va_list args;

	va_start(args, format);
	finding.text = mem_vprintf(format, args);
	va_end(args);
	for (char *c = finding.text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	preflight->findings = mem_grow(preflight->findings, preflight->n, &preflight->cap,
				       sizeof(*preflight->findings));
	preflight->findings[preflight->n++] = finding;
}

static void print_json(const struct preflight *preflight)
{
	struct str out = { 0 };
	struct json json = { .out = &out };

	json_object_begin(&json, NULL);
	json_array_begin(&json, "checks");
	for (size_t i = 0; i < preflight->n; i++) {
		const struct preflight_finding *finding = &preflight->findings[i];

		json_object_begin(&json, NULL);
		json_string(&json, "level", levels[finding->level]);
		json_string(&json, "check", finding->check);
		json_string(&json, "finding", finding->text);
		json_string(&json, "do", finding->advice ? finding->advice : "");
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
	puts(out.buf);
	str_fini(&out);
}

/* The worst last, where people look first. */
static void print(const struct preflight *preflight)
{
	for (size_t level = 0; level < ARRAY_SIZE(levels); level++) {
		for (size_t i = 0; i < preflight->n; i++) {
			const struct preflight_finding *finding = &preflight->findings[i];

			if (finding->level != level)
				continue;
			printf("%-8s %s: %s\n", levels[level], finding->check, finding->text);
			if (finding->advice)
				printf("%-8s do: %s\n", "", finding->advice);
		}
	}
}

int preflight_run(const char *bpffs_dir, const char *cgroup_dir, bool json)
{
	struct preflight preflight = { .bpffs_dir = bpffs_dir, .cgroup_dir = cgroup_dir };
	int status = EXIT_SUCCESS;

	kubeproxy_look(&preflight.kubeproxy);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](&preflight);
	if (json)
		print_json(&preflight);
	else
		print(&preflight);
	for (size_t i = 0; i < preflight.n; i++) {
		if (preflight.findings[i].level == PREFLIGHT_FATAL)
			status = EXIT_FAILURE;
		mem_freep(&preflight.findings[i].text);
	}
	mem_freep(&preflight.findings);
	kubeproxy_fini(&preflight.kubeproxy);
	return status;
}
