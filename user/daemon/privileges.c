/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of libcap-ng. narud is often started by root: what it gives up here is mostly the
 * right to override file modes, to change identity and to administer the rest of the system.
 */
#include "daemon/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <linux/capability.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/options.h"

/* By number: libcap-ng may be older than the names. */
static const struct {
	unsigned number;
	const char *name;
} kept[] = {
	{ CAP_BPF, "CAP_BPF" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	/* Without it the verifier refuses arithmetic on packet pointers. */
	{ CAP_PERFMON, "CAP_PERFMON" },
};

#define STEERING 2 /* the first of them are enough for it */

static int apply(void)
{
	/* A set-uid program would bring it all back; narud starts none. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return log_err(-EPERM, "capabilities cannot be given up");
	return 0;
}

int privileges_reduce(struct privileges *ret_privileges)
{
	bool there[ARRAY_SIZE(kept)];
	struct privileges privileges = { .packets = true, .steering = true };

	if (capng_get_caps_process())
		return log_err(-EPERM, "capabilities cannot be read");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		size_t len = strlen(privileges.missing);

		there[i] = capng_have_capability(CAPNG_PERMITTED, kept[i].number);
		privileges.packets &= there[i];
		privileges.steering &= there[i] || i >= STEERING;
		if (!there[i])
			snprintf(privileges.missing + len, sizeof(privileges.missing) - len, "%s%s",
				 len ? " " : "", kept[i].name);
	}
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (there[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i].number);
	*ret_privileges = privileges;
	return apply();
}

int privileges_choose(const struct privileges *have, const struct options *options, bool *ret_l4)
{
	if (!have->packets && options->l4 == OPTIONS_L4_ON) {
		log_error("missing capabilities: %s (start narud as root, or with --l4 off)",
			  have->missing);
		return -EPERM;
	}
	if (!have->packets && options->l4 == OPTIONS_L4_AUTO)
		log_warn("Services are not served, for want of %s: naru serves Gateways only",
			 have->missing);
	if (!have->steering)
		log_warn("Gateways are served by ordinary sockets, for want of %s", have->missing);
	*ret_l4 = options->l4 != OPTIONS_L4_OFF && have->packets;
	return 0;
}

bool privileges_may_switch(void)
{
	return !capng_get_caps_process() && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID);
}

int privileges_drop_all(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	return apply();
}

void privileges_drop_perfmon(void)
{
	if (!capng_have_capability(CAPNG_PERMITTED, CAP_PERFMON))
		return;
	capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_PERFMON);
	if (capng_apply(CAPNG_SELECT_CAPS))
		log_warn("CAP_PERFMON cannot be given up");
}
