// SPDX-License-Identifier: Apache-2.0
/* The access log's thread: what is written arrives, what nobody reads holds nobody up. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/accesslog.h"

static const struct accesslog_entry entry = {
	.first_byte_us = -1,
	.method = { "GET", 3 },
	.path = { "/a", 2 },
	.listener = "",
	.rule = "",
	.cluster = "",
	.detail = "",
};

static void write_lines(struct accesslog *log, unsigned n)
{
	struct accesslog_writer *writer = accesslog_writer_new(log);

	for (unsigned i = 0; i < n; i++)
		accesslog_write(writer, &entry);
	accesslog_writer_free(writer);
}

static void *write_many(void *arg)
{
	write_lines(arg, 2000);
	return NULL;
}

static unsigned count_lines(FILE *file)
{
	unsigned n = 0;
	char line[4096];

	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(line[0], '{');
		assert_string_equal(line + strlen(line) - 2, "}\n");
		n++;
	}
	return n;
}

static void writes_whole_lines_of_all_workers(void **state)
{
	pthread_t threads[4];
	struct accesslog *log;
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	assert_int_equal(accesslog_open(dup(fileno(file)), &log), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(accesslog_dropped(log), 0);
	accesslog_close(log);
	rewind(file);
	assert_int_equal(count_lines(file), 8000);
	fclose(file);
}

static void flushes_when_told_to(void **state)
{
	struct accesslog_writer *writer;
	struct accesslog *log;
	struct pollfd poller;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(accesslog_open(fds[1], &log), 0);
	writer = accesslog_writer_new(log);
	accesslog_write(writer, &entry);
	poller = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	assert_int_equal(poll(&poller, 1, 0), 0);
	accesslog_flush(writer);
	assert_int_equal(poll(&poller, 1, 20000), 1);
	accesslog_writer_free(writer);
	accesslog_close(log);
	close(fds[0]);
}

/* Nobody reads: writers go on, lines are dropped and counted, closing takes no longer than it may.
 */
static void drops_what_nobody_reads(void **state)
{
	struct accesslog *log;
	uint64_t dropped;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(accesslog_open(fds[1], &log), 0);
	write_lines(log, 50000);
	dropped = accesslog_dropped(log);
	assert_true(dropped > 0 && dropped < 50000);
	accesslog_close(log);
	close(fds[0]);
}

static void goes_nowhere(void **state)
{
	struct accesslog *log;

	(void)state;
	assert_int_equal(accesslog_open(-1, &log), 0);
	write_lines(log, 1000);
	assert_int_equal(accesslog_dropped(log), 0);
	accesslog_close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_whole_lines_of_all_workers),
		cmocka_unit_test(flushes_when_told_to),
		cmocka_unit_test(drops_what_nobody_reads),
		cmocka_unit_test(goes_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
