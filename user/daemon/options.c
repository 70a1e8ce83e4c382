/* SPDX-License-Identifier: Apache-2.0 */
/* One row an option. */
#include "daemon/options.h"

#include <stddef.h>
#include <stdlib.h>

#include <naru/paths.h>

#include "base/mem.h"
#include "base/rundir.h"

#define AT(member) offsetof(struct options, member)

static const struct option table[] = {
	{ "manifests", OPTION_STRING, AT(manifests), "DIR", NULL, "NARU_MANIFESTS",
	  "folder of Kubernetes objects in YAML and JSON, read and followed, instead of an API "
	  "server" },
	{ "kubeconfig", OPTION_STRING, AT(kubeconfig), "FILE", NULL, "NARU_KUBECONFIG",
	  "how to reach the API server; without it and --manifests: as a pod of the cluster does" },
	{ "api-server", OPTION_LIST, AT(api_servers), "https://HOST:PORT", NULL, "NARU_API_SERVER",
	  "another API server of the cluster, may be repeated, for when the first one fails; in a "
	  "pod their certificates have to name kubernetes.default.svc then" },
	{ "last-state", OPTION_STRING, AT(last_state), "FILE", NULL, "NARU_LAST_STATE",
	  "file for the objects that the API server had last, but no Secrets: served when no API "
	  "server answers at the start; FILE.servers has the addresses of API servers" },
	{ "node-name", OPTION_STRING, AT(node_name), "NAME", NULL, "NARU_NODE_NAME",
	  "name of this node's Node object; without it the host's name" },
	{ "device", OPTION_LIST, AT(devices), "IF", NULL, "NARU_DEVICE",
	  "device towards the network, may be repeated; without it those of the default routes" },
	{ "pod-device", OPTION_LIST, AT(pod_devices), "PATTERN", NULL, "NARU_POD_DEVICE",
	  "host device of pods as a shell pattern, may be repeated, besides those found" },
	{ "xdp", OPTION_CHOICE, AT(xdp), "off|auto|native", "auto", "NARU_XDP",
	  "handle packets in the network driver" },
	{ "tc", OPTION_CHOICE, AT(tc), "auto|tcx|clsact", "auto", "NARU_TC",
	  "how TC programs are attached; auto is tcx where the kernel has it" },
	{ "snat-ports", OPTION_RANGE, AT(snat_ports), "A-B", "1024-29999", "NARU_SNAT_PORTS",
	  "source ports for flows that leave with an address of this node" },
	{ "bypass-netfilter", OPTION_FLAG, AT(bypass_netfilter), NULL, NULL,
	  "NARU_BYPASS_NETFILTER",
	  "send flows to pods of this node past the kernel's stack: faster, but network policies "
	  "that other programs enforce there do not see them" },
	{ "flow-table", OPTION_CHOICE, AT(flow_table), "lines|hash", "lines", "NARU_FLOW_TABLE",
	  "how flows are kept: in a table whose entries are cache lines, or in the kernel's hash "
	  "maps; a change takes effect after naructl cleanup, which cuts flows" },
	{ "bpffs", OPTION_STRING, AT(bpffs), "DIR", NARU_BPFFS_DIR, "NARU_BPFFS",
	  "BPF file system; everything is pinned below DIR/" NARU_PIN_SUBDIR },
	{ "cgroup", OPTION_STRING, AT(cgroup), "DIR", NULL, "NARU_CGROUP",
	  "cgroup2 folder whose sockets are served; without it the root of the tree" },
	{ "run-dir", OPTION_STRING, AT(run_dir), "DIR", NULL, "NARU_RUN_DIR",
	  "folder of the sockets that naructl and naru-proxy talk to" RUNDIR_HELP },
	{ "take-over", OPTION_CHOICE, AT(take_over), "off|on|stay", "off", "NARU_TAKE_OVER",
	  "take over from the narud that runs here, once this one knows what to serve and, with "
	  "--proxy-dir, has its naru-proxy; off: end with status 75 if there is one; stay: as on, "
	  "and once another one has taken over from this one, wait until that one ends, for "
	  "supervisors that would start this one again" },
	{ "instance", OPTION_STRING, AT(instance), "NAME", NULL, "NARU_INSTANCE",
	  "what this narud keeps when it is started again, such as its pod's name: what has been "
	  "taken over from it, it does not take back" },
	{ "proxy-dir", OPTION_STRING, AT(proxy_dir), "DIR", NULL, "NARU_PROXY_DIR",
	  "folder in which a naru-proxy of this narud alone finds it; without it the run "
	  "directory, where a proxy goes from one narud to the next" },
	{ "l4", OPTION_CHOICE, AT(l4), "auto|off|on", "auto", "NARU_L4",
	  "serve Services by packets and sockets; auto is on with the privileges that it needs; "
	  "off leaves Services to others and serves Gateways only" },
	{ "nodeport-addresses", OPTION_ADDRESSES, AT(nodeport_addresses), "C,...|primary", NULL,
	  "NARU_NODEPORT_ADDRESSES",
	  "addresses of this node that serve NodePorts: those in the prefixes, or its first ones; "
	  "without it all" },
	{ "external-ip-cidrs", OPTION_CIDRS, AT(external_ip_cidrs), "C,...", NULL,
	  "NARU_EXTERNAL_IP_CIDRS",
	  "where external IPs of Services may lie; without it they are not served" },
	{ "announce-cidrs", OPTION_CIDRS, AT(announce_cidrs), "C,...", NULL, "NARU_ANNOUNCE_CIDRS",
	  "where addresses of load balancers may lie that nodes answer for on their link, and tell "
	  "the BGP engine, besides those of AddressPools and of Gateways" },
	{ "bgp-engine", OPTION_CHOICE, AT(bgp_engine), "off|bird|frr", "off", "NARU_BGP_ENGINE",
	  "BGP engine of this node that tells routers which addresses are served here" },
	{ "bgp-socket", OPTION_STRING, AT(bgp_socket), "FILE", NULL, "NARU_BGP_SOCKET",
	  "its control socket; without it /run/bird/bird.ctl or /run/frr/bgpd.vty" },
	{ "bgp-file", OPTION_STRING, AT(bgp_file), "FILE", NULL, "NARU_BGP_FILE",
	  "what bird's configuration is to include; without it /etc/bird/naru.conf" },
	{ "l7-threads", OPTION_NUMBER, AT(l7_threads), "N<=256", "0", "NARU_L7_THREADS",
	  "threads of naru-proxy; 0 is as many as it may use CPUs" },
	{ "proxy-uid", OPTION_NUMBER, AT(proxy_uid), "UID<=4294967294", "0", "NARU_PROXY_UID",
	  "wait for a naru-proxy of this user, which somebody else starts, such as a container "
	  "beside narud's; 0: narud starts one itself" },
	{ "access-log", OPTION_STRING, AT(access_log), "FILE|-|off", "-", "NARU_ACCESS_LOG",
	  "where naru-proxy writes a line per request; - is standard output" },
	{ "gateway-cidrs", OPTION_CIDRS, AT(gateway_cidrs), "C,...", NULL, "NARU_GATEWAY_CIDRS",
	  "where addresses of Gateways may lie; without it anywhere" },
	{ "gateway-node-ports", OPTION_PORTS, AT(gateway_node_ports), "P,...", "80,443",
	  "NARU_GATEWAY_NODE_PORTS", "ports that Gateways may use on addresses of nodes" },
	{ "drain-time", OPTION_NUMBER, AT(drain_time), "S<=3600", "25", "NARU_DRAIN_TIME",
	  "how many seconds requests under way may take after SIGTERM" },
	{ "admin", OPTION_SOCKET, AT(admin), "ADDR:PORT", NULL, "NARU_ADMIN",
	  "serve /healthz, /metrics and read-only state over HTTP there" },
	{ "healthz", OPTION_SOCKET, AT(healthz), "ADDR:PORT|off", NULL, "NARU_HEALTHZ",
	  "answer /healthz and /livez there as kube-proxy does; without it [::]:10256 where "
	  "Services are served, else off" },
	{ "fallback-after", OPTION_NUMBER, AT(fallback_after), "S<=3600", "5",
	  "NARU_FALLBACK_AFTER",
	  "seconds without a naru-proxy after which Services with routes are served without them, "
	  "but for routes with naru.io/fail-closed; 0 is never" },
	{ "verify-every", OPTION_NUMBER, AT(verify_every), "S<=86400", "300", "NARU_VERIFY_EVERY",
	  "seconds between two looks whether the maps are as they were written; what is not is "
	  "repaired; 0 is never" },
	{ "stale-after", OPTION_NUMBER, AT(stale_after), "S<=2592000", "600", "NARU_STALE_AFTER",
	  "seconds without word from the API server after which /readyz says no, while everything "
	  "is served on; 0 is never" },
	{ "role", OPTION_CHOICE, AT(role), "all|node|controller", "all", "NARU_ROLE",
	  "node: serve, and write nothing but this node's NodeState; controller: serve nothing, "
	  "need no capability, and write statuses, Events and the Lease; all: both" },
	{ "status", OPTION_CHOICE, AT(status), "auto|off|on", "auto", "NARU_STATUS",
	  "write what became of objects into their statuses, by one narud of all; auto is on with "
	  "an API server" },
	{ "status-qps", OPTION_NUMBER, AT(status_qps), "N<=1000", "20", "NARU_STATUS_QPS",
	  "statuses to write in a second, twice as many at once" },
	{ "namespace", OPTION_STRING, AT(namespace), "NAME", NULL, "NARU_NAMESPACE",
	  "where the Lease is by which narud agree on who writes statuses; without it narud's own "
	  "namespace, or that of the kubeconfig, or kube-system" },
	{ "log-level", OPTION_CHOICE, AT(log_level), "error|warn|info|debug", "info",
	  "NARU_LOG_LEVEL", "least important messages to write" },
	{ "check", OPTION_FLAG, AT(check), NULL, NULL, "NARU_CHECK",
	  "read and compile once, change nothing, print what is wrong, exit 1 if there are "
	  "errors" },
	{ "print-plan", OPTION_FLAG, AT(print_plan), NULL, NULL, "NARU_PRINT_PLAN",
	  "with --check: print the plan" },
	{ "version", OPTION_FLAG, AT(version), NULL, NULL, NULL, "print the version" },
	{ "help", OPTION_FLAG, AT(help), NULL, NULL, NULL, "print this" },
	{ 0 },
};

/* The kubelet tells every pod where the API server is. */
static bool is_in_cluster(void)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");

	return host && *host;
}

int options_parse(int argc, char *const *argv, struct options *ret_options, char **ret_error)
{
	int r;

	*ret_options = (struct options){ 0 };
	r = option_parse(table, argc, argv, ret_options, ret_error);
	if (r < 0)
		return r;
	if (!*ret_options->run_dir) {
		mem_freep(&ret_options->run_dir);
		ret_options->run_dir = rundir_default();
	}
	if (ret_options->help || ret_options->version)
		return 0;
	if (*ret_options->manifests && *ret_options->kubeconfig)
		return option_refuse("kubeconfig", "cannot be used with --manifests", ret_error);
	if (*ret_options->manifests && *ret_options->last_state)
		return option_refuse("last-state", "cannot be used with --manifests", ret_error);
	if (*ret_options->manifests && ret_options->status == OPTIONS_STATUS_ON)
		return option_refuse("status", "on cannot be used with --manifests", ret_error);
	if (ret_options->role == OPTIONS_ROLE_CONTROLLER &&
	    (*ret_options->manifests || ret_options->status == OPTIONS_STATUS_OFF))
		return option_refuse("role", "controller needs an API server, and statuses",
				     ret_error);
	if (!ret_options->status_qps)
		return option_refuse("status-qps", "must be 1 or more", ret_error);
	if (*ret_options->last_state && ret_options->check)
		return option_refuse("last-state", "cannot be used with --check", ret_error);
	if (!*ret_options->manifests && !*ret_options->kubeconfig && !is_in_cluster())
		return option_refuse("manifests", "or --kubeconfig is required", ret_error);
	if (ret_options->print_plan && !ret_options->check)
		return option_refuse("print-plan", "needs --check", ret_error);
	return 0;
}

void options_fini(struct options *options)
{
	option_fini(table, options);
}

const char *options_version(void)
{
	return NARU_VERSION;
}

void options_help(FILE *out)
{
	fputs("usage: narud [OPTION]...\n"
	      "Serves the Services and Gateways of a Kubernetes cluster on this node.\n\n",
	      out);
	option_help(table, out);
	fputs("\nSIGTERM and SIGINT end narud: naru-proxy answers what is under way first, the "
	      "kernel's\nstate stays in place; `naructl cleanup` removes it.\n",
	      out);
}
