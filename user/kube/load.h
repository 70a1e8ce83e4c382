/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of one text: documents and lists taken apart, each object decoded on its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "model/object.h"

struct decode_field;
struct json_object;
struct kind;

struct load {
	struct object **objects; /* good ones, sorted by key, each key once */
	size_t n;
	size_t cap;
	struct object **broken; /* only kind, namespace and name of those with an error */
	size_t n_broken;
	size_t cap_broken;
	bool partial;	/* something cannot be read, and nobody knows which objects it holds */
	size_t skipped; /* objects of kinds that naru does not read */
	struct diag_list diags;
};

enum load_format {
	LOAD_YAML,
	LOAD_JSON,
};

/* file is for diagnostics. Of two objects with one key the later counts, and a warning is given. */
void load_text(enum load_format format, const char *file, const char *text, size_t len,
	       struct load *ret_load);
/*
 * One value that is known to be of this kind, whatever it says of itself; it is wiped when the kind
 * is confidential. file is for diagnostics, which have no lines.
 */
void load_value(const struct kind *kind, const char *file, struct json_object *value,
		struct load *ret_load);
/* What load_value() reads besides what the kind's table says, of a kind without types. */
const struct decode_field *load_reads(const struct kind *kind);
void load_fini(struct load *load);
