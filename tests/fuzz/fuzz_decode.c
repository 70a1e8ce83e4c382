// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a manifest: the first one chooses the notation, the rest is the text. The objects
 * go into a model, so that comparing and freeing them is met, too. A text must load the same way
 * twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kube/load.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Puts all objects into the model; returns how many changed it. */
static size_t put_all(struct model *model, const uint8_t *data, size_t size)
{
	enum load_format format = data[0] == '{' ? LOAD_JSON : LOAD_YAML;
	struct load load;
	size_t changed = 0;

	load_text(format, "f", (const char *)data + 1, size - 1, &load);
	for (size_t i = 0; i < load.n; i++) {
		require(load.objects[i]->name && load.objects[i]->namespace);
		changed += model_put(model, load.objects[i]);
	}
	require(!(load.partial || load.n_broken) || diag_errors(&load.diags));
	load.n = 0;
	load_fini(&load);
	return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *model;
	const struct object *const *objects;
	size_t n;

	if (!size)
		return 0;
	model = model_new();
	n = put_all(model, data, size);
	for (int kind = 0; kind < OBJECT_KIND_MAX; kind++)
		n -= model_list(model, (enum object_kind)kind, &objects);
	require(n == 0);
	require(put_all(model, data, size) == 0);
	model_free(model);
	return 0;
}
