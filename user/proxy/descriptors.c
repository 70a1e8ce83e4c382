// SPDX-License-Identifier: Apache-2.0
/* The shares of clients, endpoints and the process. proxy.c asks, workers obey. */
#include "proxy/descriptors.h"

#include <sys/resource.h>

#define OWN_MAX 32

struct descriptors_shares descriptors_share(uint64_t limit, unsigned workers)
{
	uint64_t all = limit < INT32_MAX ? limit : INT32_MAX;
	uint64_t own = all / 4 < OWN_MAX ? all / 4 : OWN_MAX;
	uint32_t endpoints = (uint32_t)(all - own);
	uint32_t clients = (endpoints - endpoints / 4) / workers;

	return (struct descriptors_shares){ clients ? clients : 1, endpoints };
}

struct descriptors_shares descriptors_of_process(unsigned workers)
{
	struct rlimit limit;
	int r = getrlimit(RLIMIT_NOFILE, &limit);

	return descriptors_share(r < 0 ? RLIM_INFINITY : limit.rlim_cur, workers);
}
