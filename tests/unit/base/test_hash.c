/* SPDX-License-Identifier: Apache-2.0 */
/* Where a key lies in a table is another place in each process, and the same one while it lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"

#define KEYS 64

static void hash_all(unsigned ret_hashes[static KEYS])
{
	for (uint32_t i = 0; i < KEYS; i++)
		HASH_FUNCTION(&i, sizeof(i), ret_hashes[i]);
}

/* What a process that has just begun makes of them. */
static void hash_elsewhere(unsigned ret_hashes[static KEYS])
{
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		hash_all(ret_hashes);
		_exit(write(ends[1], ret_hashes, KEYS * sizeof(*ret_hashes)) < 0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], ret_hashes, KEYS * sizeof(*ret_hashes)),
			 KEYS * sizeof(*ret_hashes));
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_seed(void **state)
{
	unsigned one[KEYS], two[KEYS], here[KEYS], again[KEYS];

	(void)state;
	/* Before this process has a seed, which its children would have, too. */
	hash_elsewhere(one);
	hash_elsewhere(two);
	hash_all(here);
	hash_all(again);
	assert_memory_not_equal(one, two, sizeof(one));
	assert_memory_not_equal(one, here, sizeof(one));
	assert_memory_equal(here, again, sizeof(here));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_seed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
