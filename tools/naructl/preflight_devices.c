// SPDX-License-Identifier: Apache-2.0
/* Programs of others at devices: XDP at any of them, TC by tcx before naru's and by clsact. */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/survey.h"
#include "exec.h"
#include "field.h"
#include "preflight.h"

/* Of naru's own clsact filters. */
#define OWN_PRIORITY 0x6e61

struct at {
	struct preflight *preflight;
	const char *device;
};

static void add_tc(const struct at *at, const char *hook, const char *name)
{
	preflight_add(at->preflight, PREFLIGHT_WARNING, "programs",
		      "nothing, if it is the CNI's: it is obeyed (with --bypass-netfilter and "
		      "clsact: give narud --tc clsact, which puts it behind)",
		      "%s: %s has the program %s of somebody else: what it drops or redirects "
		      "naru does not deliver",
		      at->device, hook, *name ? name : "(without a name)");
}

static void on_program(void *arg, const struct survey_program *program)
{
	const struct at *at = arg;

	if (!strcmp(program->hook, "xdp"))
		preflight_add(at->preflight, PREFLIGHT_WARNING, "programs",
			      "nothing, or take it off for naru's own; what it drops or redirects "
			      "naru does not see",
			      "%s: the XDP program %s stays: naru uses TC there", at->device,
			      *program->name ? program->name : "(without a name)");
	else
		add_tc(at, program->hook, program->name);
}

/* Who cannot see does not say that there is none. */
static void add_unlisted(struct preflight *preflight, const char *what, const char *why)
{
	preflight_add(preflight, PREFLIGHT_WARNING, "programs",
		      "run naructl as root, with tc (Debian: iproute2); or see by hand: tc filter "
		      "show",
		      "%s cannot be listed: %s", what, why);
}

static void add_filters(const struct at *at, const char *direction)
{
	const char *const argv[] = { "tc",  "-j",	"filter",  "show",
				     "dev", at->device, direction, NULL };
	_cleanup_(mem_freep) char *hook = mem_printf("clsact %s", direction);
	_cleanup_(str_fini) struct str text = { 0 };
	struct json_object *rows;
	int r = exec_read(argv, &text);

	if (r) {
		_cleanup_(mem_freep) char *what = mem_printf("%s: filters of %s", at->device, hook);
		_cleanup_(mem_freep) char *why = mem_printf("tc %s", exec_problem(r));

		add_unlisted(at->preflight, what, why);
	}
	if (r || !text.len)
		return;
	rows = json_tokener_parse(text.buf);
	for (size_t i = 0;
	     json_object_is_type(rows, json_type_array) && i < json_object_array_length(rows);
	     i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		struct json_object *options = field_of(row, "options");

		if (options && !strcmp(field_text(row, "kind"), "bpf") &&
		    field_number(row, "pref") != OWN_PRIORITY)
			add_tc(at, hook, field_text(options, "bpf_name"));
	}
	json_object_put(rows);
}

void preflight_devices(struct preflight *preflight)
{
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot net = { 0 };
	size_t before = preflight->n;
	int r;

	r = netlink_dump(&net);
	if (r < 0)
		add_unlisted(preflight, "devices", strerror(-r));
	for (size_t i = 0; i < net.n_links; i++) {
		const struct netlink_link *link = &net.links[i];
		struct at at = { .preflight = preflight, .device = link->name };

		survey_device(preflight->bpffs_dir, link->ifindex, on_program, &at);
		if (netlink_has_filters(link->ifindex) == 1) {
			add_filters(&at, "ingress");
			add_filters(&at, "egress");
		}
	}
	if (preflight->n == before)
		preflight_add(preflight, PREFLIGHT_FINE, "programs", NULL,
			      "none of others at devices");
}
