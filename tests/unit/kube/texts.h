/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from texts and what was said about them, for the tests of decoders. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/load.h"

static inline struct load load_yaml(const char *text)
{
	struct load load;

	load_text(LOAD_YAML, "f", text, strlen(text), &load);
	return load;
}

static inline struct load load_json(const char *text)
{
	struct load load;

	load_text(LOAD_JSON, "f", text, strlen(text), &load);
	return load;
}

/* All diagnostics as lines. */
static inline char *diags_of(const struct load *load)
{
	struct str out = { 0 };

	str_add(&out, "", 0);
	for (size_t i = 0; i < load->diags.n; i++) {
		_cleanup_(mem_freep) char *line = diag_format(&load->diags.items[i]);

		str_addf(&out, "%s%s", i ? "\n" : "", line);
	}
	return out.buf;
}

static inline void assert_diags(const struct load *load, const char *expected)
{
	_cleanup_(mem_freep) char *diags = diags_of(load);

	assert_string_equal(diags, expected);
}

/* The same text as YAML and as JSON, which is YAML, too: one object, nothing said. */
static inline void load_both(const char *text, struct load ret_loads[static 2])
{
	ret_loads[0] = load_yaml(text);
	ret_loads[1] = load_json(text);
	for (int i = 0; i < 2; i++) {
		assert_diags(&ret_loads[i], "");
		assert_int_equal(ret_loads[i].n, 1);
	}
	assert_true(object_equal(ret_loads[0].objects[0], ret_loads[1].objects[0]));
}

struct wrong {
	const char *text;
	const char *diag;
};

/* Every row: an object with one wrong field is not loaded, and this is said. */
static inline void assert_wrong(const struct wrong *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct load load = load_yaml(rows[i].text);

		assert_diags(&load, rows[i].diag);
		assert_int_equal(load.n, 0);
		load_fini(&load);
	}
}
