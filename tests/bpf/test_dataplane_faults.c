/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every step of a start and of an apply refused in turn: what was there before goes on, and a later
 * try succeeds. libbpf makes all of its calls by syscall(), of which this program has one of its
 * own. With NARU_SLOW in the environment no step is left out.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "base/str.h"
#include "dataplane/dataplane.h"
#include "dataplane/load.h"
#include "dpworld.h"

/* Newer than the headers of Linux 6.1. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
#define TCX_EGRESS  ((enum bpf_attach_type)47)

/* ---- a kernel that refuses ---- */

static struct {
	unsigned at;	  /* the call to refuse, 0: none */
	unsigned calls;	  /* so far */
	unsigned updates; /* of links, that went well */
	bool lasting;	  /* all further ones, too */
	int error;
	unsigned programs; /* that were loaded */
	unsigned spoilt;   /* the first one of which the verifier sees something worse, 0: none */
} refusal;

static bool refuses(void)
{
	refusal.calls++;
	if (!refusal.at || refusal.calls < refusal.at)
		return false;
	return refusal.lasting || refusal.calls == refusal.at;
}

/* Ends without a result. */
static void spoil(union bpf_attr *attr)
{
	static const struct bpf_insn end = { .code = BPF_JMP | BPF_EXIT };

	attr->insns = (uintptr_t)&end;
	attr->insn_cnt = 1;
	attr->func_info_cnt = attr->line_info_cnt = 0;
}

long syscall(long number, ...)
{
	union bpf_attr attr = {};
	static long (*real)(long, ...);
	va_list args;
	long a[6], r;

	va_start(args, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && refuses()) {
		errno = refusal.error;
		return -1;
	}
	if (number == SYS_bpf && a[0] == BPF_PROG_LOAD && ++refusal.programs >= refusal.spoilt &&
	    refusal.spoilt && (size_t)a[2] <= sizeof(attr)) {
		memcpy(&attr, (const void *)a[1], (size_t)a[2]);
		spoil(&attr);
		a[1] = (long)&attr;
	}
	r = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	refusal.updates += number == SYS_bpf && a[0] == BPF_LINK_UPDATE && !r;
	return r;
}

/* The n-th call from now on, with one error after the other. */
static void refuse(unsigned n)
{
	static const int errors[] = { EPERM, ENOSPC, EMFILE, ENOMEM };

	refusal.error = errors[n % ARRAY_SIZE(errors)];
	refusal.lasting = n % 3 == 0;
	refusal.calls = refusal.updates = 0;
	refusal.at = n;
}

static bool was_refused(void)
{
	bool was = refusal.calls >= refusal.at;

	refusal.at = 0;
	return was;
}

/* ---- what is there ---- */

/* A pinned map's id, or a link's and that of its program. */
static void add_pin(struct str *text, const char *path, bool is_link, bool programs)
{
	_cleanup_(mem_closep) int fd = bpf_obj_get(path);
	struct bpf_link_info link = {};
	struct bpf_map_info map = {};
	uint32_t link_len = sizeof(link), map_len = sizeof(map);

	if (fd < 0)
		return;
	if (is_link && !bpf_obj_get_info_by_fd(fd, &link, &link_len))
		str_addf(text, "link %s %u %u\n", path, link.id, programs ? link.prog_id : 0);
	else if (!is_link && !bpf_obj_get_info_by_fd(fd, &map, &map_len))
		str_addf(text, "map %s %u\n", path, map.id);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_pins(struct str *text, const char *subdir, bool links, bool programs)
{
	_cleanup_(mem_freep) char *dir = mem_printf("%s/%s", dpworld_bpffs, subdir);
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, by_name);

	for (int i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", dir, entries[i]->d_name);

		add_pin(text, path, links, programs);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void add_hook(struct str *text, int target, enum bpf_attach_type type)
{
	uint32_t ids[8], n = ARRAY_SIZE(ids);

	if (bpf_prog_query(target, type, 0, NULL, ids, &n))
		n = 0;
	str_addf(text, "hook %d: %u\n", type, n);
}

/* Pins and how many programs each hook has, as text; with the programs themselves or without. */
static char *look(bool programs)
{
	_cleanup_(mem_closep) int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_(mem_closep) int cgroup = open(dpworld_cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int nic = (int)if_nametoindex("nic0");
	struct str text = {};

	add_pins(&text, "naru", false, programs);
	add_pins(&text, "naru/links", true, programs);
	for (int i = 0; i < LOAD_SOCK_HOOKS; i++)
		add_hook(&text, cgroup, (enum bpf_attach_type)load_sock_hooks[i].attach_type);
	add_hook(&text, net, BPF_SK_LOOKUP);
	add_hook(&text, nic, TCX_INGRESS);
	add_hook(&text, nic, TCX_EGRESS);
	str_addf(&text, "filter %d\n", dpworld_programs((unsigned)nic));
	return text.buf;
}

static void differs(void *arg, const char *map, const char *service, const char *text)
{
	(void)arg;
	print_error("%s: %s: %s\n", map, service, text);
	fail();
}

/* ---- a start ---- */

/* To the next step that is tried. */
static unsigned stride(unsigned share)
{
	return getenv("NARU_SLOW") ? 1 : share;
}

/* What stood in the way of a device has gone: it is attached without another start. */
static void settle(struct dataplane *d)
{
	unsigned nic = if_nametoindex("nic0");

	for (int i = 0; i < 50 && dpworld_programs(nic) != 1; i++) {
		usleep(100000);
		dataplane_tick(d);
	}
	assert_int_equal(dpworld_programs(nic), 1);
}

/* A start that was refused changes nothing: not one pin, not one hook. One that has begun to
 * replace programs may leave some hooks with the new ones, but none without. */
static void check_refused(const char *before, const char *before_any)
{
	const char *wanted = refusal.updates ? before_any : before;
	_cleanup_(mem_freep) char *after = look(!refusal.updates);

	/* Links that could not even be opened are given back by a worker of the kernel. */
	for (int i = 0; i < 100 && strcmp(after, wanted) != 0; i++) {
		usleep(50000);
		free(after);
		after = look(!refusal.updates);
	}
	assert_string_equal(after, wanted);
}

/* One start during which the n-th call is refused. Returns false when it has fewer. */
static bool start(unsigned n, const struct dataplane_config *config, const struct plan *plan)
{
	_cleanup_(mem_freep) char *before = look(true), *before_any = look(false);
	struct dataplane *d = NULL;
	bool refused;
	int r;

	refuse(n);
	r = dataplane_open(config, &d);
	refused = was_refused();
	if (r) {
		assert_true(refused);
		check_refused(before, before_any);
		return true;
	}
	/* Nothing that it cannot do without. */
	settle(d);
	if (plan) {
		dpworld_apply(d, plan);
		assert_int_equal(dataplane_audit(d, differs, NULL), 0);
	}
	dataplane_close(d);
	return refused;
}

static void test_first_start(void **state)
{
	struct dataplane_config config = dpworld_config();
	unsigned n;

	for (n = 1; start(n, &config, NULL); n += stride(53)) {
		/* Only what is refused leaves nothing. */
		if (dpworld_pinned("meta"))
			dpworld_clean(state);
	}
	assert_true(n > 200);
}

static void test_restart(void **state)
{
	struct dataplane_config config = dpworld_config();
	struct plan *plan = dpworld_plan(3, NARU_TCP, 2);
	struct dataplane *d = dpworld_open();
	unsigned n;

	(void)state;
	dpworld_apply(d, plan);
	dpworld_close(d);
	for (n = 1; start(n, &config, plan); n += stride(53))
		;
	assert_true(n > 200);
	plan_free(plan);
}

/* One restart in which the verifier refuses the n-th program and all that follow; its result. */
static int start_with_spoilt(unsigned n)
{
	_cleanup_(mem_freep) char *before = look(true);
	struct dataplane_config config = dpworld_config();
	struct dataplane *d = NULL;
	int r;

	refuse(0);
	refusal.programs = 0;
	refusal.spoilt = n;
	r = dataplane_open(&config, &d);
	refusal.spoilt = 0;
	if (r)
		check_refused(before, before);
	dataplane_close(d);
	return r;
}

/* The programs that a newer narud cannot load do not cost the node the ones that it has. */
static void test_verifier(void **state)
{
	unsigned n = 1;
	int r;

	(void)state;
	dpworld_close(dpworld_open());
	while ((r = start_with_spoilt(n))) {
		assert_true(r == -EACCES || r == -EINVAL);
		n += stride(6);
	}
	assert_true(n > 12);
}

/* ---- descriptors and capabilities ---- */

/* A start with room for n more descriptors. Returns its result. */
static int start_within(unsigned n)
{
	_cleanup_(mem_freep) char *before = look(true), *before_any = look(false);
	struct dataplane_config config = dpworld_config();
	struct dataplane *d = NULL;
	struct rlimit was, limit;
	int next = dup(0), r;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	limit = was;
	limit.rlim_cur = (rlim_t)next + n;
	refuse(0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	r = dataplane_open(&config, &d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	if (r)
		check_refused(before, before_any);
	else
		settle(d);
	dataplane_close(d);
	return r;
}

static void test_descriptors(void **state)
{
	unsigned n = 0;

	(void)state;
	while (start_within(n))
		n += stride(29);
	assert_true(n > 40);
	/* A restart needs as many. */
	assert_int_equal(start_within(n), 0);
	if (n > 60)
		assert_int_not_equal(start_within(n - 60), 0);
}

static int start_without(const struct dataplane_config *config, int capability)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct dataplane *d = NULL;

		capng_get_caps_process();
		capng_updatev(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN,
			      capability, -1);
		_exit(capng_apply(CAPNG_SELECT_CAPS) ? 1 : -dataplane_open(config, &d));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void test_capabilities(void **state)
{
	static const int capabilities[] = { CAP_BPF, CAP_NET_ADMIN };
	struct dataplane_config config = dpworld_config();

	(void)state;
	refuse(0);
	for (int restarts = 0; restarts < 2; restarts++) {
		for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
			_cleanup_(mem_freep) char *before = look(true);

			assert_int_equal(start_without(&config, capabilities[i]), -EPERM);
			check_refused(before, before);
		}
		dpworld_close(dpworld_open());
	}
}

/* ---- an apply ---- */

/* Odd plans have more of everything than even ones. */
static struct plan *numbered(unsigned i)
{
	struct plan *plan = dpworld_plan(i % 2 ? 4 : 3, NARU_TCP, 2);
	struct plan_service *service = &plan->services[1];
	struct addr addr = dpworld_addr("198.51.100.0");

	plan->generation = i + 1;
	service->cluster.n = i % 2 ? 2 : 1;
	/* With ids that nobody had before. */
	for (unsigned e = 0; e < 2; e++)
		plan->services[2].cluster.endpoints[e].port = (uint16_t)(9000 + i);
	service->ranges = mem_array(1, sizeof(*service->ranges));
	service->n_ranges = i % 2;
	service->ranges[0] = (struct cidr){ .addr = addr, .len = 120 };
	return plan;
}

/* What is wanted before and after is there all the time. */
static void check_kept(const struct plan *plan, const struct naru_svc *first)
{
	struct naru_svc svc;

	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_memory_equal(&svc, first, sizeof(svc));
	for (int i = 1; i < 3; i++) {
		assert_int_equal(dpworld_read_svc(&plan->services[i], 0, &svc), 0);
		assert_true(svc.internal.count > 0);
	}
}

/* One apply during which the n-th call is refused. Returns false when it has fewer. */
static bool apply(struct dataplane *d, unsigned n, const struct naru_svc *first)
{
	struct plan *plan = numbered(n);
	struct dataplane_status status;
	bool refused;
	int r;

	refuse(n);
	r = dataplane_apply(d, plan, NULL);
	refused = was_refused();
	assert_true(!r || refused);
	check_kept(plan, first);
	dataplane_status(d, &status);
	assert_true(!r == (status.generation == plan->generation));
	dpworld_apply(d, plan);
	assert_int_equal(dataplane_audit(d, differs, NULL), 0);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), plan->n_services);
	plan_free(plan);
	return refused;
}

static void test_apply(void **state)
{
	struct dataplane *d = dpworld_open();
	struct plan *plan = numbered(0);
	struct naru_svc first;
	unsigned n = 1, fewer = 0;

	(void)state;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &first), 0);
	/* Both kinds of changes have to come to their end. */
	for (; fewer < 2; n++)
		fewer = apply(d, n, &first) ? 0 : fewer + 1;
	assert_true(n > 10);
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_first_start, dpworld_clean),
		cmocka_unit_test_teardown(test_restart, dpworld_clean),
		cmocka_unit_test_teardown(test_verifier, dpworld_clean),
		cmocka_unit_test_teardown(test_descriptors, dpworld_clean),
		cmocka_unit_test_teardown(test_capabilities, dpworld_clean),
		cmocka_unit_test_teardown(test_apply, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane_faults", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
