/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of source does: source.c chooses among these. The functions are those of source.h. */
#pragma once
#include "daemon/source.h"

struct source_body {
	int (*check)(const struct options *options);
	/* config is borrowed for as long as the source is open. */
	int (*open)(const struct source_config *config, void **ret_state);
	void (*close)(void *state);
	bool (*is_ready)(const void *state);
	bool (*is_synced)(const void *state);
	void (*hold_file)(void *state, bool held); /* NULL: it has none */
	uint64_t (*age_ms)(const void *state);	   /* NULL: it is always new */
	const struct diag_list *(*diags)(const void *state);
	size_t (*skipped)(const void *state);
	void (*write)(const void *state, struct json *json);
	/* Adds metrics of its own; NULL: it has none. */
	void (*metrics)(const void *state, struct str *out);
	void (*reads)(const struct options *options, void (*fn)(void *arg, const char *path),
		      void *arg);
	/* NULL: it cannot be written to. */
	void (*server)(const void *state, struct source_server *ret_server);
	bool may_use_loopback;
};

extern const struct source_body source_folder;
extern const struct source_body source_api;
