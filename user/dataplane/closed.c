/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/closed.h"

#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/encode.h"

static int write_one(struct inforce *in, const struct addr *addr)
{
	const struct naru_svc value = { .kind = NARU_NO_PORT };
	struct naru_svc_key key;
	struct live_front *front;
	int r = 0;

	encode_closed_key(addr, &key);
	front = inforce_find_front(in, &key);
	if (!front && HASH_COUNT(in->fronts) >= NARU_FRONTENDS_MAX)
		return 0; /* A service that does not fit is told of, and that is it. */
	if (!front)
		front = inforce_add_front(in, &key);
	front->round = in->round;
	if (front->unsure || memcmp(&front->value, &value, sizeof(value))) {
		in->writes++;
		r = bpf_map_update_elem(in->maps->svc, &key, &value, BPF_ANY);
	}
	front->unsure = r != 0;
	front->value = value;
	return r;
}

int closed_apply(struct inforce *in, const struct plan *plan)
{
	int error = 0;

	for (size_t i = 0; i < plan->n_closed; i++) {
		int r = write_one(in, &plan->closed[i]);

		error = error ? error : r;
	}
	return error;
}

bool closed_is_wanted(const struct inforce *in, const struct live_front *front)
{
	return encode_is_closed(&front->key) && front->round == in->round;
}
