/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said is what the specification has words for, and how things that are said add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/verdict.h"
#include "spec.h"

static bool is_in_spec(const struct verdict_row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(spec); i++)
		if (spec[i].subject == row->subject && !strcmp(spec[i].type, row->type) &&
		    !strcmp(spec[i].status, row->holds ? "True" : "False") &&
		    !strcmp(spec[i].reason, row->reason))
			return true;
	return false;
}

static void test_only_words_of_the_specification(void **state)
{
	(void)state;
	for (enum verdict_id id = 0; id < VERDICT_ID_MAX; id++) {
		const struct verdict_row *row = verdict_row(id);

		if (!is_in_spec(row))
			fail_msg("%s %s %s is not in the specification", row->type,
				 row->holds ? "True" : "False", row->reason);
	}
}

/* Rows of one subject and type stand together, which the order of conditions rests on. */
static void test_types_stand_together(void **state)
{
	(void)state;
	for (enum verdict_id a = 0; a < VERDICT_ID_MAX; a++) {
		for (enum verdict_id b = a + 2; b < VERDICT_ID_MAX; b++) {
			const struct verdict_row *x = verdict_row(a), *y = verdict_row(b);
			const struct verdict_row *last = verdict_row(b - 1);

			if (x->subject != y->subject || strcmp(x->type, y->type) != 0)
				continue;
			assert_int_equal(last->subject, x->subject);
			assert_string_equal(last->type, x->type);
			assert_true(x->holds != y->holds || strcmp(x->reason, y->reason) != 0);
		}
	}
}

static void test_first_stands(void **state)
{
	struct verdict_conditions said = { 0 };
	const struct verdict_condition *found;

	(void)state;
	assert_null(verdict_find(&said, VERDICT_LISTENER_ACCEPTED));
	verdict_say(&said, VERDICT_LISTENER_DISTINCT, "");
	verdict_say(&said, VERDICT_LISTENER_NO_PORT, "taken");
	verdict_say(&said, VERDICT_LISTENER_NO_VALUE, "odd");
	verdict_say(&said, VERDICT_LISTENER_NO_PORT, "taken");
	verdict_say(&said, VERDICT_LISTENER_ACCEPTED, "");
	assert_int_equal(said.n, 2);
	assert_int_equal(said.items[1].id, VERDICT_LISTENER_DISTINCT);
	found = verdict_find(&said, VERDICT_LISTENER_ACCEPTED);
	assert_ptr_equal(found, &said.items[0]);
	assert_int_equal(found->id, VERDICT_LISTENER_NO_PORT);
	assert_string_equal(found->message, "taken; odd");
	verdict_forget(&said);
	assert_int_equal(said.n, 0);
}

static void test_order_is_the_tables(void **state)
{
	static const enum verdict_id ids[] = {
		VERDICT_LISTENER_ACCEPTED, VERDICT_LISTENER_PENDING,	 VERDICT_LISTENER_RESOLVED,
		VERDICT_LISTENER_DISTINCT, VERDICT_LISTENER_OVERLAPPING,
	};
	struct verdict_conditions said = { 0 }, again = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		verdict_say(&said, ids[(i * 3 + 2) % ARRAY_SIZE(ids)], "");
	verdict_say_all(&again, &said);
	assert_int_equal(again.n, ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(again.items[i].id, ids[i]);
	verdict_forget(&said);
	verdict_forget(&again);
}

static void test_messages_end(void **state)
{
	struct verdict_conditions said = { 0 };
	char message[32];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(message, sizeof(message), "problem number %d", i);
		verdict_say(&said, VERDICT_ROUTE_NO_BACKEND, message);
	}
	assert_int_equal(said.n, 1);
	assert_in_range(strlen(said.items[0].message), 900, 1100);
	verdict_forget(&said);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_words_of_the_specification),
		cmocka_unit_test(test_types_stand_together),
		cmocka_unit_test(test_first_stands),
		cmocka_unit_test(test_order_is_the_tables),
		cmocka_unit_test(test_messages_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
