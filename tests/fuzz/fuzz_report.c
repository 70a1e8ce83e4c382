/* SPDX-License-Identifier: Apache-2.0 */
/* Reports and messages of a proxy that was taken over. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "feed/message.h"
#include "feed/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct report report;
	struct message message;
	_cleanup_(str_fini) struct str out = { 0 };

	if (!report_decode(data, len, &report)) {
		report_encode(&report, &out);
		if (out.len != len)
			abort();
		report_fini(&report);
	}
	if (!message_decode(data, len, -1, &message))
		message_fini(&message);
	return 0;
}
