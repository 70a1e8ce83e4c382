/* SPDX-License-Identifier: Apache-2.0 */
/* Where sockets go when nobody says so, and what is no folder for them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rundir.h"

static void the_default_is_the_users_own(void **state)
{
	char own[64];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/some/where", 1);
	_cleanup_(mem_freep) char *given = rundir_default();
	unsetenv("XDG_RUNTIME_DIR");
	_cleanup_(mem_freep) char *none = rundir_default();
	snprintf(own, sizeof(own), "/tmp/naru-%u", (unsigned)geteuid());
	assert_string_equal(given, geteuid() ? "/some/where/naru" : "/run/naru");
	assert_string_equal(none, geteuid() ? own : "/run/naru");
}

static void it_is_made_once(void **state)
{
	char top[] = "/tmp/naru-test-XXXXXX";
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	_cleanup_(mem_freep) char *dir = mem_printf("%s/run", top);
	assert_int_equal(rundir_make(dir), 0);
	assert_int_equal(rundir_make(dir), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0077, geteuid() ? 0 : 0055);
	rmdir(dir);
	assert_int_equal(rundir_make("/no/such/folder"), -ENOENT);
	fclose(fopen(dir, "w"));
	assert_int_equal(rundir_make(dir), -EEXIST);
	unlink(dir);
	rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_the_users_own),
		cmocka_unit_test(it_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
