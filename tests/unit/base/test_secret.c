// SPDX-License-Identifier: Apache-2.0
/* Secrets: copies, pages of their own that no core dump has, and that nothing is left of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

static void a_copy_has_a_nul_behind_it(void **state)
{
	struct secret_bytes secret = { 0 };
	char key[] = "key\0with a NUL";

	(void)state;
	secret_set(&secret, key, sizeof(key) - 1);
	memset(key, 'x', sizeof(key));
	assert_int_equal(secret.len, 14);
	assert_memory_equal(secret.data, "key\0with a NUL", 15);
	secret_set(&secret, secret.data + 4, 4);
	assert_string_equal(secret.data, "with");
	secret_set(&secret, NULL, 0);
	assert_int_equal(secret.len, 0);
	assert_string_equal(secret.data, "");
	secret_fini(&secret);
	assert_null(secret.data);
	assert_int_equal(secret.len + secret.mapped, 0);
	secret_fini(&secret);
}

/* The flags that /proc/self/smaps has of the mapping at an address. */
static void read_flags(const void *address, char *ret_flags, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	*ret_flags = '\0';
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			found = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (found && !strncmp(line, "VmFlags:", 8))
			snprintf(ret_flags, size, "%s", line);
	}
	fclose(maps);
}

static void its_pages_are_in_no_core_dump(void **state)
{
	struct secret_bytes secret = { 0 };
	char flags[512];

	(void)state;
	secret_set(&secret, "k", 1);
	read_flags(secret.data, flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	secret_fini(&secret);
}

/* Whatever the pages were: the kernel gives zeroed ones, so what counts is that they are gone. */
static void its_pages_are_given_back(void **state)
{
	struct secret_bytes secret = { 0 };
	unsigned char resident;
	char *data;

	(void)state;
	secret_set(&secret, "k", 1);
	data = secret.data;
	assert_int_equal(secret.mapped, sysconf(_SC_PAGESIZE));
	assert_int_equal(mincore(data, secret.mapped, &resident), 0);
	secret_fini(&secret);
	assert_int_equal(mincore(data, 1, &resident), -1);
}

static void reserved_room_is_zero(void **state)
{
	struct secret_bytes secret = { 0 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	secret_reserve(&secret, page);
	assert_int_equal(secret.len, page);
	assert_int_equal(secret.mapped, 2 * page);
	for (size_t i = 0; i <= page; i++)
		assert_int_equal(secret.data[i], 0);
	secret_fini(&secret);
}

static void wiping_leaves_zeros(void **state)
{
	char text[] = "abc", zeros[sizeof(text)] = { 0 };

	(void)state;
	secret_wipe(text, 0);
	assert_string_equal(text, "abc");
	secret_wipe(text, sizeof(text));
	assert_memory_equal(text, zeros, sizeof(text));
	secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_has_a_nul_behind_it),
		cmocka_unit_test(its_pages_are_in_no_core_dump),
		cmocka_unit_test(its_pages_are_given_back),
		cmocka_unit_test(reserved_room_is_zero),
		cmocka_unit_test(wiping_leaves_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
