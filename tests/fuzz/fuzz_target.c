// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a path, a host and a query: a normal form is its own, and has nothing left to
 * resolve.
 */
#include <errno.h>

#include "http.h"
#include "http/target.h"

static bool has(struct http_text text, const char *part)
{
	return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static bool ends(struct http_text text, const char *part)
{
	size_t len = strlen(part);

	return text.len >= len && !memcmp(text.at + text.len - len, part, len);
}

static void try_path(struct http_text text, struct arena *arena)
{
	struct http_text path, again;
	int r = target_normalise(text, arena, &path);

	http_require(r == 0 || r == -EINVAL);
	if (r)
		return;
	http_require(path.len && path.len <= 3 * text.len && *path.at == '/');
	http_require(!has(path, "//") && !has(path, "/./") && !has(path, "/../"));
	http_require(!ends(path, "/.") && !ends(path, "/.."));
	http_require(!has(path, "/..;") && !has(path, "/.;") && !has(path, "/..%2F"));
	http_require(!has(path, "%2f") && !has(path, "%2E") && !has(path, "%00"));
	for (size_t i = 0; i < path.len; i++)
		http_require(path.at[i] > 0x20 && path.at[i] < 0x7f);
	http_require(target_normalise(path, arena, &again) == 0);
	http_require(http_text_equal(path, again));
}

static void try_authority(struct http_text text, struct arena *arena)
{
	struct http_request first, second;

	if (target_parse_authority(text, arena, &first))
		return;
	http_require(first.host.len > 0 && first.host.len <= first.authority.len);
	http_require(target_parse_authority(first.authority, arena, &second) == 0);
	http_require(http_text_equal(first.authority, second.authority));
	http_require(http_text_equal(first.host, second.host) && first.port == second.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = http_exact(data, size);
	struct http_text text = { exact, size }, value;
	struct arena arena = { 0 };

	try_path(text, &arena);
	try_authority(text, &arena);
	if (target_query_get(text, "a", &arena, &value))
		http_require(value.len < size || !size);
	free(exact);
	arena_fini(&arena);
	return 0;
}
