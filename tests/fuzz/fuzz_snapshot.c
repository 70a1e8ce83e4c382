/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: any bytes are refused or read as a plan that can be walked, printed and written as the
 * same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(mem_freep) char *text = NULL;
	_cleanup_(str_fini) struct str again = { 0 };
	struct plan_l7 l7;
	size_t len;
	FILE *out;

	if (snapshot_decode(data, size, &l7) < 0)
		return 0;
	out = open_memstream(&text, &len);
	l7_print(&l7, out);
	fclose(out);
	snapshot_encode(&l7, &again);
	require(again.len == size && !memcmp(again.buf, data, size));
	l7_fini(&l7);
	return 0;
}
