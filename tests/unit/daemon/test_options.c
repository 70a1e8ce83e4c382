/* SPDX-License-Identifier: Apache-2.0 */
/* narud's options: defaults, both sources and who wins, and errors that say what is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/options.h"
#include "dataplane/dataplane.h"

#define ARGS_MAX 48

struct result {
	struct options options;
	char *error;
	int r;
};

/* The words of a command line, cut at spaces. */
static struct result parse(const char *line)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(line);
	char *argv[ARGS_MAX + 1] = { "narud" }, *rest = copy;
	struct result result = { 0 };
	int argc = 1;

	while (rest && *rest && argc < ARGS_MAX)
		argv[argc++] = strsep(&rest, " ");
	result.r = options_parse(argc, argv, &result.options, &result.error);
	return result;
}

static void finish(struct result *result)
{
	options_fini(&result->options);
	mem_freep(&result->error);
}

static void test_defaults(void **state)
{
	struct result got = parse("--manifests dir");

	(void)state;
	assert_int_equal(got.r, 0);
	assert_string_equal(got.options.manifests, "dir");
	assert_string_equal(got.options.node_name, "");
	assert_string_equal(got.options.bpffs, "/sys/fs/bpf");
	assert_int_equal(*got.options.run_dir, '/');
	assert_int_equal(got.options.devices.n, 0);
	assert_int_equal(got.options.xdp, XDP_MODE_AUTO);
	assert_int_equal(got.options.tc, OPTIONS_TC_AUTO);
	assert_int_equal(got.options.log_level, LOG_INFO);
	assert_int_equal(got.options.l4, OPTIONS_L4_AUTO);
	assert_int_equal(got.options.l7_threads, 0);
	assert_string_equal(got.options.access_log, "-");
	assert_int_equal(got.options.gateway_cidrs.n, 0);
	assert_int_equal(got.options.nodeport_addresses.cidrs.n, 0);
	assert_false(got.options.nodeport_addresses.primary);
	assert_int_equal(got.options.external_ip_cidrs.n, 0);
	assert_int_equal(got.options.gateway_node_ports.n, 2);
	assert_int_equal(got.options.gateway_node_ports.items[1], 443);
	assert_int_equal(got.options.drain_time, 25);
	assert_string_equal(got.options.healthz, "");
	assert_int_equal(got.options.snat_ports.min, 1024);
	assert_int_equal(got.options.snat_ports.max, 29999);
	assert_false(got.options.check || got.options.bypass_netfilter);
	finish(&got);
}

static void test_command_line(void **state)
{
	struct result got =
		parse("--manifests=dir --device eth0 --device=eth1,x --pod-device veth* "
		      "--xdp native --tc=clsact --snat-ports 2000-2000 --l4 off --check "
		      "--print-plan --bypass-netfilter --admin [::1]:80 --l7-threads 256 "
		      "--access-log /log --gateway-cidrs 10.0.0.0/8,fd00::/8 "
		      "--gateway-node-ports 8080 --drain-time 0 --run-dir /r --healthz off "
		      "--nodeport-addresses 192.0.2.0/24,primary "
		      "--external-ip-cidrs 198.51.100.0/24");

	(void)state;
	assert_int_equal(got.r, 0);
	assert_int_equal(got.options.devices.n, 2);
	assert_string_equal(got.options.devices.items[1], "eth1,x");
	assert_string_equal(got.options.pod_devices.items[0], "veth*");
	assert_int_equal(got.options.xdp, XDP_MODE_NATIVE);
	assert_int_equal(got.options.tc, OPTIONS_TC_CLSACT);
	assert_int_equal(got.options.snat_ports.min, 2000);
	assert_int_equal(got.options.l4, OPTIONS_L4_OFF);
	assert_int_equal(got.options.l7_threads, 256);
	assert_string_equal(got.options.access_log, "/log");
	assert_int_equal(got.options.gateway_cidrs.n, 2);
	assert_int_equal(got.options.gateway_cidrs.items[1].addr.byte[0], 0xfd);
	assert_int_equal(got.options.nodeport_addresses.cidrs.n, 1);
	assert_int_equal(got.options.nodeport_addresses.cidrs.items[0].addr.byte[12], 192);
	assert_true(got.options.nodeport_addresses.primary);
	assert_int_equal(got.options.external_ip_cidrs.n, 1);
	assert_int_equal(got.options.gateway_node_ports.n, 1);
	assert_int_equal(got.options.gateway_node_ports.items[0], 8080);
	assert_int_equal(got.options.drain_time, 0);
	assert_string_equal(got.options.run_dir, "/r");
	assert_true(got.options.check && got.options.print_plan && got.options.bypass_netfilter);
	assert_string_equal(got.options.admin, "[::1]:80");
	assert_string_equal(got.options.healthz, "off");
	finish(&got);
}

static void test_environment(void **state)
{
	struct result got;

	(void)state;
	setenv("NARU_MANIFESTS", "/env", 1);
	setenv("NARU_DEVICE", "eth0,,eth1,", 1);
	setenv("NARU_POD_DEVICE", "a*,b*", 1);
	setenv("NARU_BYPASS_NETFILTER", "yes", 1);
	setenv("NARU_XDP", "off", 1);
	setenv("NARU_GATEWAY_NODE_PORTS", "1,2,3", 1);
	setenv("NARU_ADMIN", "", 1); /* as good as not set */
	got = parse("--pod-device c* --bypass-netfilter=false");
	assert_int_equal(got.r, 0);
	assert_string_equal(got.options.manifests, "/env");
	assert_int_equal(got.options.devices.n, 2);
	assert_string_equal(got.options.devices.items[1], "eth1");
	/* A list on the command line takes the place of the environment's. */
	assert_int_equal(got.options.pod_devices.n, 1);
	assert_string_equal(got.options.pod_devices.items[0], "c*");
	assert_false(got.options.bypass_netfilter);
	assert_int_equal(got.options.xdp, XDP_MODE_OFF);
	assert_int_equal(got.options.gateway_node_ports.n, 3);
	assert_string_equal(got.options.admin, "");
	finish(&got);

	setenv("NARU_XDP", "maybe", 1);
	got = parse("");
	assert_true(got.r < 0);
	assert_string_equal(got.error, "NARU_XDP: \"maybe\": must be one of off|auto|native");
	finish(&got);
	unsetenv("NARU_MANIFESTS");
	unsetenv("NARU_DEVICE");
	unsetenv("NARU_POD_DEVICE");
	unsetenv("NARU_BYPASS_NETFILTER");
	unsetenv("NARU_XDP");
	unsetenv("NARU_ADMIN");
	unsetenv("NARU_GATEWAY_NODE_PORTS");
}

static void test_api_server(void **state)
{
	struct result got = parse("--kubeconfig /etc/f --last-state /var/s");

	(void)state;
	assert_int_equal(got.r, 0);
	assert_string_equal(got.options.kubeconfig, "/etc/f");
	assert_string_equal(got.options.last_state, "/var/s");
	finish(&got);
	/* A pod of the cluster needs to be told nothing. */
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	got = parse("");
	assert_int_equal(got.r, 0);
	assert_string_equal(got.options.manifests, "");
	finish(&got);
	setenv("KUBERNETES_SERVICE_HOST", "", 1);
	got = parse("");
	assert_int_equal(got.r, -EINVAL);
	finish(&got);
	unsetenv("KUBERNETES_SERVICE_HOST");
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
		{ "", "--manifests: or --kubeconfig is required" },
		{ "--manifests d --kubeconfig f", "--kubeconfig: cannot be used with --manifests" },
		{ "--manifests d --last-state f", "--last-state: cannot be used with --manifests" },
		{ "--manifests d --status on", "--status: on cannot be used with --manifests" },
		{ "--manifests d --role controller",
		  "--role: controller needs an API server, and statuses" },
		{ "--kubeconfig f --role controller --status off",
		  "--role: controller needs an API server, and statuses" },
		{ "--kubeconfig f --status-qps 0", "--status-qps: must be 1 or more" },
		{ "--kubeconfig f --check --last-state g",
		  "--last-state: cannot be used with --check" },
		{ "--manifests", "--manifests: needs a value" },
		{ "--manifests=", "--manifests: needs a value" },
		{ "--manifests d --print-plan", "--print-plan: needs --check" },
		{ "--manifests d extra", "argument: \"extra\": options begin with --" },
		{ "--manifests d -x", "argument: \"-x\": options begin with --" },
		{ "--manifest d", "option: \"--manifest\": no such option" },
		{ "--manifests d --xdp On", "--xdp: \"On\": must be one of off|auto|native" },
		{ "--manifests d --l4 off|on", "--l4: \"off|on\": must be one of auto|off|on" },
		{ "--manifests d --l7-threads 257",
		  "--l7-threads: \"257\": must be a number from 0 to 256" },
		{ "--manifests d --drain-time 1s",
		  "--drain-time: \"1s\": must be a number from 0 to 3600" },
		{ "--manifests d --gateway-cidrs 10.0.0.0/8,x",
		  "--gateway-cidrs: \"10.0.0.0/8,x\": must be prefixes like 192.0.2.0/24 or "
		  "2001:db8::/64, separated by commas" },
		{ "--manifests d --nodeport-addresses primary,x",
		  "--nodeport-addresses: \"primary,x\": must be the word primary and prefixes like "
		  "192.0.2.0/24 or 2001:db8::/64, separated by commas" },
		{ "--manifests d --gateway-node-ports 80,0",
		  "--gateway-node-ports: \"80,0\": must be ports, separated by commas" },
		{ "--manifests d --check=2", "--check: \"2\": must be true or false" },
		{ "--manifests d --snat-ports 5", "--snat-ports: \"5\": must be two ports, A-B" },
		{ "--manifests d --snat-ports 0-5",
		  "--snat-ports: \"0-5\": must be two ports, A-B" },
		{ "--manifests d --snat-ports 5-65536",
		  "--snat-ports: \"5-65536\": must be two ports, A-B" },
		{ "--manifests d --snat-ports 5-9x",
		  "--snat-ports: \"5-9x\": must be two ports, A-B" },
		{ "--manifests d --snat-ports 9-5",
		  "--snat-ports: \"9-5\": the first port must not be above the last one" },
		{ "--manifests d --admin off",
		  "--admin: \"off\": must be ADDR:PORT or [ADDR]:PORT" },
		{ "--manifests d --admin 9090",
		  "--admin: \"9090\": must be ADDR:PORT or [ADDR]:PORT" },
		{ "--manifests d --admin ::1:80",
		  "--admin: \"::1:80\": must be ADDR:PORT or [ADDR]:PORT" },
		{ "--manifests d --admin host:80",
		  "--admin: \"host:80\": must be ADDR:PORT or [ADDR]:PORT" },
		{ "--manifests d --admin 127.0.0.1:0",
		  "--admin: \"127.0.0.1:0\": must be ADDR:PORT or [ADDR]:PORT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result got = parse(rows[i].line);

		assert_true(got.r < 0);
		assert_string_equal(got.error, rows[i].error);
		finish(&got);
	}
}

/* --help and --version need nothing else. */
static void test_actions(void **state)
{
	struct result help = parse("--help"), version = parse("--version");

	(void)state;
	assert_int_equal(help.r, 0);
	assert_true(help.options.help);
	assert_int_equal(version.r, 0);
	assert_true(version.options.version);
	finish(&help);
	finish(&version);
}

static void test_help_lists_all(void **state)
{
	static const char *const names[] = {
		"--manifests DIR",
		"--node-name NAME",
		"--device IF",
		"--pod-device PATTERN",
		"--xdp off|auto|native",
		"--snat-ports A-B",
		"--bypass-netfilter",
		"--bpffs DIR",
		"--cgroup DIR",
		"--run-dir DIR",
		"--l4 auto|off|on",
		"--l7-threads N<=256",
		"--access-log FILE|-|off",
		"--nodeport-addresses C,...|primary",
		"--external-ip-cidrs C,...",
		"--gateway-cidrs C,...",
		"--gateway-node-ports P,...",
		"--drain-time S<=3600",
		"--admin ADDR:PORT",
		"--log-level ",
		"--version",
		"--check",
		"--print-plan",
		"--tc auto|tcx|clsact",
		"1024-29999",
		"NARU_PRINT_PLAN",
		"NARU_SNAT_PORTS",
	};
	_cleanup_(mem_freep) char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	options_help(out);
	fclose(out);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(text, names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),       cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_environment),    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_actions),	       cmocka_unit_test(test_api_server),
		cmocka_unit_test(test_help_lists_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
