// SPDX-License-Identifier: Apache-2.0
/*
 * Private keys in memory, for kube/, http/ and feed/. Each secret has pages of its own, since
 * locking and dump flags go by the page. Invariant: the pages are wiped before they are given back.
 */
#include "base/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void secret_wipe(void *data, size_t len)
{
	if (len)
		explicit_bzero(data, len);
}

static size_t round_up(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (len > SIZE_MAX - page)
		abort();
	return (len + page - 1) / page * page;
}

static struct secret_bytes map(size_t len)
{
	struct secret_bytes secret = { .len = len };

	if (len == SIZE_MAX)
		abort();
	secret.mapped = round_up(len + 1);
	secret.data = mmap(NULL, secret.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	if (secret.data == MAP_FAILED)
		abort();
	/* An ordinary user's limit may be small: unlocked is better than no TLS. */
	(void)mlock(secret.data, secret.mapped);
	(void)madvise(secret.data, secret.mapped, MADV_DONTDUMP);
	return secret;
}

void secret_set(struct secret_bytes *secret, const void *data, size_t len)
{
	struct secret_bytes fresh = map(len);

	if (len)
		memcpy(fresh.data, data, len);
	/* Last, so that a secret may be set from itself. */
	secret_fini(secret);
	*secret = fresh;
}

void secret_reserve(struct secret_bytes *secret, size_t len)
{
	struct secret_bytes fresh = map(len);

	secret_fini(secret);
	*secret = fresh;
}

void secret_fini(struct secret_bytes *secret)
{
	if (secret->data) {
		secret_wipe(secret->data, secret->mapped);
		munmap(secret->data, secret->mapped);
	}
	*secret = (struct secret_bytes){ 0 };
}
