// SPDX-License-Identifier: Apache-2.0
/* Words for reflector.h's reasons, for who shows them. Invariant: metrics have them as labels. */
#include "kube/reflector.h"

const char *reflector_reason_name(enum reflector_reason reason)
{
	static const char *const names[] = {
		[REFLECTOR_EXPIRED] = "expired", [REFLECTOR_TOO_LARGE] = "too_large",
		[REFLECTOR_OLDER] = "older",	 [REFLECTOR_SHRUNK] = "shrunk",
		[REFLECTOR_ERRORS] = "errors",
	};

	return names[reason];
}
