/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's verifier makes of each program, in each form that settings give it: how many
 * instructions it walked and the largest stack frame of its functions. No program may use more
 * than half of the kernel's limits, so that another kernel's verifier has room to be clumsier. On
 * the kernel that verifier.txt was recorded with, none may need a tenth more than recorded there:
 * growth is to be seen. NARU_RECORD=FILE writes the table anew.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "sk_steer.skel.h"
#include "sock_lb.skel.h"
#include "tc_lb.skel.h"
#include "tc_vip.skel.h"
#include "tell.skel.h"
#include "xdp_lb.skel.h"

#define INSTRUCTIONS_MAX (1000000 / 2)
#define STACK_MAX	 (512 / 2)
#define STATS_ONLY	 4 /* BPF_LOG_STATS */
#define LOG_SIZE	 65536
#define PROGRAMS_MAX	 64
#define NAME_LEN	 64

struct measured {
	char name[NAME_LEN]; /* variant/program */
	unsigned instructions;
	unsigned stack; /* the largest frame, of the main program or a subprogram */
};

static struct measured found[PROGRAMS_MAX];
static size_t n_found;

static const struct {
	const char *name;
	struct naru_config config;
} variants[] = {
#define COMMON                                                                                     \
	.tick_shift = 8, .hash_seed = 1, .snat_min = 1024, .snat_max = 29999,                      \
	.table = { .main = 3, .stash = 2, .seed = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } }
	{ "stack", { COMMON } },
	{ "bypass", { COMMON, .bypass_netfilter = 1 } },
	{ "hash", { COMMON, .flow_hash = 1 } },
#undef COMMON
};

/* ---- loading ---- */

static unsigned largest_frame(const char *log)
{
	const char *at = strstr(log, "stack depth ");
	unsigned largest = 0;

	assert_non_null(at);
	for (at += strlen("stack depth "); at; at = *at == '+' ? at + 1 : NULL) {
		unsigned frame = (unsigned)strtoul(at, (char **)&at, 10);

		largest = frame > largest ? frame : largest;
	}
	return largest;
}

static void measure(const char *variant, const struct bpf_program *program, const char *log)
{
	const char *at = strstr(log, "processed ");
	struct measured *m = &found[n_found];

	assert_non_null(at);
	assert_true(n_found < PROGRAMS_MAX);
	n_found++;
	snprintf(m->name, sizeof(m->name), "%s/%s", variant, bpf_program__name(program));
	m->instructions = (unsigned)strtoul(at + strlen("processed "), NULL, 10);
	m->stack = largest_frame(log);
}

/* Small maps, no pins: what counts is the programs. */
static void load(const char *variant, struct bpf_object *object)
{
	static char logs[PROGRAMS_MAX][LOG_SIZE];
	struct bpf_program *program;
	struct bpf_map *map;
	size_t n = 0;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map))
			continue;
		bpf_map__set_pin_path(map, NULL);
		if (bpf_map__max_entries(map) > 4096)
			bpf_map__set_max_entries(map, 4096);
	}
	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_log_level(program, STATS_ONLY);
		bpf_program__set_log_buf(program, logs[n++], LOG_SIZE);
	}
	assert_int_equal(bpf_object__load(object), 0);
	n = 0;
	bpf_object__for_each_program(program, object) measure(variant, program, logs[n++]);
}

#define LOAD(skeleton, v)                                                                          \
	do {                                                                                       \
		struct skeleton *o = skeleton##__open();                                           \
                                                                                                   \
		assert_non_null(o);                                                                \
		o->rodata->cfg = variants[v].config;                                               \
		load(variants[v].name, o->obj);                                                    \
		skeleton##__destroy(o);                                                            \
	} while (0)

static int load_all(void **state)
{
	(void)state;
	for (size_t v = 0; v < sizeof(variants) / sizeof(*variants); v++) {
		LOAD(tc_lb_bpf, v);
		LOAD(xdp_lb_bpf, v);
	}
	LOAD(sock_lb_bpf, 0);
	LOAD(tc_vip_bpf, 0);
	LOAD(tell_bpf, 0);
	LOAD(sk_steer_bpf, 0);
	return 0;
}

/* ---- the record ---- */

static void kernel(char version[static NAME_LEN])
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	uname(&name);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	snprintf(version, NAME_LEN, "%u.%u", major, minor);
}

static void record(const char *path)
{
	char version[NAME_LEN];
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	kernel(version);
	fprintf(out, "kernel %s 0\n", version);
	for (size_t i = 0; i < n_found; i++)
		fprintf(out, "%s %u %u\n", found[i].name, found[i].instructions, found[i].stack);
	assert_int_equal(fclose(out), 0);
}

static const struct measured *find(const char *name)
{
	for (size_t i = 0; i < n_found; i++)
		if (!strcmp(found[i].name, name))
			return &found[i];
	return NULL;
}

static void within_half_of_the_limits(void **state)
{
	(void)state;
	assert_true(n_found > 0);
	for (size_t i = 0; i < n_found; i++) {
		print_message("%-32s %8u instructions, stack %3u\n", found[i].name,
			      found[i].instructions, found[i].stack);
		assert_in_range(found[i].instructions, 1, INSTRUCTIONS_MAX);
		assert_in_range(found[i].stack, 0, STACK_MAX);
	}
}

static void as_recorded(void **state)
{
	const char *path = getenv("NARU_RECORD");
	char name[NAME_LEN], version[NAME_LEN], recorded[NAME_LEN];
	unsigned instructions, stack;
	size_t rows = 0;
	FILE *in;

	(void)state;
	if (path)
		record(path);
	in = fopen("tests/bpf/verifier.txt", "re");
	assert_non_null(in);
	kernel(version);
	assert_int_equal(fscanf(in, "kernel %63s %u", recorded, &stack), 2);
	while (fscanf(in, "%63s %u %u", name, &instructions, &stack) == 3) {
		const struct measured *m = find(name);

		rows++;
		if (!m) {
			fail_msg("%s is recorded and not there", name);
			break;
		}
		if (strcmp(version, recorded) != 0)
			continue;
		if (m->instructions > instructions + instructions / 10 || m->stack > stack + 32)
			fail_msg("%s: %u instructions and %u bytes of stack, recorded are %u, %u",
				 name, m->instructions, m->stack, instructions, stack);
	}
	fclose(in);
	assert_int_equal(rows, n_found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_half_of_the_limits),
		cmocka_unit_test(as_recorded),
	};

	return cmocka_run_group_tests(tests, load_all, NULL);
}
