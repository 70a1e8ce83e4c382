/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel lists the sockets, `sock_peer` has what we led each to; one that dialled an endpoint
 * without us is not in there and is let alone. The list is read to its end before the first socket
 * loses its peer. Each change is followed by a second look, since a socket that was in
 * the middle of its connect is not in the first list.
 */
#include "dataplane/heal.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sockdiag.h"
#include "dataplane/encode.h"

#define LOOKS	  2
#define PERIOD_MS 250  /* between two looks */
#define GRACE_MS  1000 /* before the first one: answers may be on their way */
#define ABORTS	  256  /* in one tick */

/* True when its peer is the one that it was led to, by us. */
static bool was_led(int map, const struct sockdiag_datagram *socket,
		    struct naru_sock_peer *ret_peer)
{
	return !bpf_map_lookup_elem(map, &socket->cookie, ret_peer) &&
	       ret_peer->ep_port == socket->peer_port &&
	       !memcmp(ret_peer->ep_addr, socket->peer.byte, sizeof(ret_peer->ep_addr));
}

/* The service that has what was dialled: an address of its own, or a port of the node. */
static const struct live_service *service_of(const struct inforce *in,
					     const struct naru_sock_peer *peer)
{
	const struct addr vip = encode_addr(peer->vip_addr, 16);
	struct naru_svc_key key = {
		.port = peer->vip_port,
		.proto = NARU_UDP,
		.family = (uint8_t)addr_family(&vip),
	};
	const struct live_front *front;

	memcpy(key.addr, peer->vip_addr, sizeof(key.addr));
	front = inforce_find_front(in, &key);
	if (!front) {
		memset(key.addr, 0, sizeof(key.addr));
		front = inforce_find_front(in, &key);
	}
	return front ? front->owner : NULL;
}

/* Without the address that was dialled, any service that has the endpoint will do. */
static bool is_served(const struct inforce *in, const struct naru_sock_peer *peer)
{
	const struct live_service *service = service_of(in, peer);
	const struct addr addr = encode_addr(peer->ep_addr, 16);
	struct encode_endpoint_key key = { .port = peer->ep_port, .proto = NARU_UDP };

	if (service)
		return inforce_serves(service, &addr, peer->ep_port);
	memcpy(key.addr, peer->ep_addr, sizeof(key.addr));
	return ids_is_held(in->endpoints, &key, sizeof(key));
}

static bool is_lost(const struct inforce *in, const struct sockdiag_datagram *socket)
{
	struct naru_sock_peer peer;

	return was_led(in->maps->sock_peer, socket, &peer) && !is_served(in, &peer);
}

static void on_socket(void *arg, const struct sockdiag_datagram *socket)
{
	struct heal *heal = arg;

	if (!is_lost(heal->in, socket))
		return;
	heal->sockets = mem_grow(heal->sockets, heal->n_sockets, &heal->cap_sockets,
				 sizeof(*heal->sockets));
	heal->sockets[heal->n_sockets++] = *socket;
}

static int look(struct heal *heal)
{
	heal->n_sockets = 0;
	heal->done = 0;
	return sockdiag_datagrams(on_socket, heal);
}

/* The endpoint may have come back since the look. */
static int abort_some(struct heal *heal)
{
	struct sockdiag_datagram *some = heal->sockets + heal->done;
	size_t left = heal->n_sockets - heal->done, taken = left < ABORTS ? left : ABORTS, n = 0;

	for (size_t i = 0; i < taken; i++) {
		if (is_lost(heal->in, &some[i]))
			some[n++] = some[i];
	}
	heal->done += taken;
	return n ? sockdiag_abort(some, n) : 0;
}

static void ignore(void *arg, const struct sockdiag_datagram *socket)
{
	(void)arg;
	(void)socket;
}

void heal_init(struct heal *heal, const struct inforce *in)
{
	int r = sockdiag_datagrams(ignore, NULL);

	*heal = (struct heal){ .in = in };
	if (r)
		heal->unable = "the kernel does not list datagram sockets (INET_UDP_DIAG)";
	else if (sockdiag_probe_abort())
		heal->unable = "the kernel does not close sockets (INET_DIAG_DESTROY)";
	if (heal->unable)
		log_warn("connected datagram sockets of this node stay with an endpoint that has "
			 "gone: %s",
			 heal->unable);
}

void heal_fini(struct heal *heal)
{
	free(heal->sockets);
	*heal = (struct heal){};
}

void heal_ask(struct heal *heal, uint64_t now_ms)
{
	if (heal->unable)
		return;
	if (!heal->looks)
		heal->due_ms = now_ms + GRACE_MS;
	heal->looks = LOOKS;
}

void heal_tick(struct heal *heal, uint64_t now_ms)
{
	int r = 0, w = 0;

	if (heal->done == heal->n_sockets && heal->looks && now_ms >= heal->due_ms) {
		heal->looks--;
		heal->due_ms = now_ms + PERIOD_MS;
		r = look(heal);
	}
	if (heal->done < heal->n_sockets)
		w = abort_some(heal);
	if (r || w)
		log_warn("connected datagram sockets whose endpoint has gone: %s",
			 strerror(r ? -r : -w));
}
