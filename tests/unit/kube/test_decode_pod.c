// SPDX-License-Identifier: Apache-2.0
/* Pods: ports of the node, addresses, opt-out of socket balancing, and what is wrong with them. */
#include "texts.h"

#define POD   "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
#define PORTS "spec: {containers: [{name: c, ports: ["

static void fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ POD, "f:1: error: Pod default/p: spec: is required" },
		{ POD "spec: []\n",
		  "f:4: error: Pod default/p: spec: expected an object, found a list" },
		{ POD "spec: {nodeName: A}\n",
		  "f:4: error: Pod default/p: spec.nodeName: expected a name of at most 253 "
		  "lower case letters, digits, '-' and '.', found \"A\"" },
		{ POD "spec: {hostNetwork: 1}\n",
		  "f:4: error: Pod default/p: spec.hostNetwork: expected true or false, found 1" },
		{ POD "spec: {containers: {}}\n",
		  "f:4: error: Pod default/p: spec.containers: expected a list, found an object" },
		{ POD "spec: {containers: [null, 1]}\n",
		  "f:4: error: Pod default/p: spec.containers[0]: expected a value, found null\n"
		  "f:4: error: Pod default/p: spec.containers[1]: expected an object, found 1" },
		{ POD PORTS "{hostPort: 80}]}]}\n",
		  "f:4: error: Pod default/p: spec.containers[0].ports[0].containerPort: is "
		  "required" },
		{ POD PORTS "{containerPort: 80, hostPort: 65536}]}]}\n",
		  "f:4: error: Pod default/p: spec.containers[0].ports[0].hostPort: expected a "
		  "number from 1 to 65535, found 65536" },
		{ POD PORTS "{containerPort: 80, hostPort: 80, protocol: tcp}]}]}\n",
		  "f:4: error: Pod default/p: spec.containers[0].ports[0].protocol: expected TCP, "
		  "UDP or SCTP, found \"tcp\"" },
		{ POD PORTS "{containerPort: 80, hostPort: 80, hostIP: 224.0.0.1}]}]}\n",
		  "f:4: error: Pod default/p: spec.containers[0].ports[0].hostIP: 224.0.0.1 is a "
		  "multicast address" },
		{ POD PORTS "{containerPort: 80, hostPort: 80, hostIP: 5}]}]}\n",
		  "f:4: error: Pod default/p: spec.containers[0].ports[0].hostIP: expected a "
		  "string, found 5" },
		{ POD "spec: {}\nstatus: {phase: Done}\n",
		  "f:5: error: Pod default/p: status.phase: expected Pending, Running, Succeeded, "
		  "Failed or Unknown, found \"Done\"" },
		{ POD "spec: {}\nstatus: {podIPs: [{ip: 10.0.0.300}]}\n",
		  "f:5: error: Pod default/p: status.podIPs[0].ip: expected an IP address, found "
		  "\"10.0.0.300\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void a_pod_has_ports_of_containers_and_sidecars(void **state)
{
	struct load loads[2];
	const struct pod *pod;
	char text[ADDR_STR_LEN];

	(void)state;
	load_both("{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
		  "\"metadata\":{\"name\":\"web-0\",\"namespace\":\"shop\",\"uid\":\"u-1\"},"
		  "\"spec\":{\"nodeName\":\"alpha\",\"hostNetwork\":true,\"containers\":["
		  "{\"ports\":[{\"containerPort\":1},{\"containerPort\":8080,\"hostPort\":80,"
		  "\"hostIP\":\"\"}]},{\"ports\":[{\"containerPort\":53,\"hostPort\":54,"
		  "\"protocol\":\"UDP\",\"hostIP\":\"::\"}]}],\"initContainers\":["
		  "{\"ports\":[{\"containerPort\":2,\"hostPort\":2}]},"
		  "{\"restartPolicy\":\"Always\",\"ports\":[{\"containerPort\":3,"
		  "\"hostPort\":4,\"hostIP\":\"192.0.2.1\"}]}]},"
		  "\"status\":{\"phase\":\"Failed\",\"podIPs\":[{\"ip\":\"10.244.1.1\"},{},"
		  "{\"ip\":\"fd00::1\"}]}}",
		  loads);
	pod = (const struct pod *)loads[0].objects[0];
	assert_string_equal(pod->uid, "u-1");
	assert_string_equal(pod->node, "alpha");
	assert_true(pod->host_network && pod->finished);
	assert_string_equal(pod->socket_balancing, "");
	assert_int_equal(pod->n_ips, 2);
	assert_string_equal(addr_format(&pod->ips[1], text), "fd00::1");
	assert_int_equal(pod->n_ports, 3);
	assert_string_equal(pod->ports[0].field, "spec.containers[0].ports[1]");
	assert_int_equal(pod->ports[0].proto, L4_TCP);
	assert_int_equal(pod->ports[0].host_port, 80);
	assert_int_equal(pod->ports[0].port, 8080);
	assert_int_equal(pod->ports[0].host_family, 0);
	assert_int_equal(pod->ports[1].proto, L4_UDP);
	assert_int_equal(pod->ports[1].host_family, 6);
	assert_true(addr_is_zero(&pod->ports[1].host_ip));
	assert_string_equal(pod->ports[2].field, "spec.initContainers[1].ports[0]");
	assert_int_equal(pod->ports[2].host_family, 4);
	assert_string_equal(addr_format(&pod->ports[2].host_ip, text), "192.0.2.1");
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

static void a_pod_has_not_too_many_host_ports(void **state)
{
	_cleanup_(str_fini) struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, POD PORTS);
	for (int i = 1; i <= 1025; i++)
		str_addf(&text, "{containerPort: 1, hostPort: %d},", i);
	str_addf(&text, "]}]}\n");
	load = load_yaml(text.buf);
	assert_diags(&load, "f:1: error: Pod default/p: has 1025 hostPorts, at most 1024 are "
			    "allowed");
	assert_int_equal(load.n, 0);
	load_fini(&load);
}

/* Rows: metadata besides the name, the word and the UID that come of it. */
static void a_pod_may_opt_out(void **state)
{
	static const struct {
		const char *metadata, *word, *uid;
	} rows[] = {
		{ "uid: u", "", "u" },
		{ "uid: u, labels: {naru.io/socket-balancing: disabled}", "disabled", "u" },
		{ "uid: u, annotations: {naru.io/socket-balancing: disabled}", "disabled", "u" },
		{ "labels: {naru.io/socket-balancing: enabled}, annotations: "
		  "{naru.io/socket-balancing: disabled}",
		  "enabled", "" },
		{ "uid: u, annotations: {kubernetes.io/config.hash: h}", "", "h" },
		{ "uid: u, annotations: {kubernetes.io/config.hash: ''}", "", "u" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *text =
			mem_printf("apiVersion: v1\nkind: Pod\nmetadata: {name: p, %s}\nspec: {}\n",
				   rows[i].metadata);
		struct load load = load_yaml(text);

		assert_diags(&load, "");
		assert_int_equal(load.n, 1);
		assert_string_equal(((const struct pod *)load.objects[0])->socket_balancing,
				    rows[i].word);
		assert_string_equal(((const struct pod *)load.objects[0])->uid, rows[i].uid);
		load_fini(&load);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_say_what_is_wrong),
		cmocka_unit_test(a_pod_has_ports_of_containers_and_sidecars),
		cmocka_unit_test(a_pod_has_not_too_many_host_ports),
		cmocka_unit_test(a_pod_may_opt_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
