/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel lists the sockets, `sock_peer` has what we led each to; one that dialled an endpoint
 * without us is not in there and is let alone. The list is read to its end before the first socket
 * loses its peer. Each change is followed by a second look, since a socket that was in
 * the middle of its connect is not in the first list.
 */
#include "dataplane/heal.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sockdiag.h"
#include "dataplane/encode.h"

#define LOOKS	  2
#define PERIOD_MS 250  /* between two looks */
#define GRACE_MS  1000 /* before the first one: answers may be on their way */

struct found {
	const struct heal *heal;
	struct sockdiag_datagram *items;
	size_t n, cap;
};

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

static void on_socket(void *arg, const struct sockdiag_datagram *socket)
{
	struct found *found = arg;
	const struct inforce *in = found->heal->in;
	struct naru_sock_peer peer;

	if (!was_led(in->maps->sock_peer, socket, &peer) || is_served(in, &peer))
		return;
	found->items = mem_grow(found->items, found->n, &found->cap, sizeof(*found->items));
	found->items[found->n++] = *socket;
}

static int look(const struct heal *heal)
{
	struct found found = { .heal = heal };
	int error = sockdiag_datagrams(on_socket, &found);

	for (size_t i = 0; i < found.n; i++) {
		int r = sockdiag_abort(&found.items[i]);

		if (r && r != -ENOENT)
			error = r;
	}
	free(found.items);
	return error;
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

void heal_ask(struct heal *heal)
{
	heal->asked |= !heal->looks;
	heal->looks = heal->unable ? 0 : LOOKS;
}

void heal_tick(struct heal *heal, uint64_t now_ms)
{
	int r;

	if (heal->asked)
		heal->due_ms = now_ms + GRACE_MS;
	heal->asked = false;
	if (!heal->looks || now_ms < heal->due_ms)
		return;
	heal->looks--;
	heal->due_ms = now_ms + PERIOD_MS;
	r = look(heal);
	if (r)
		log_warn("connected datagram sockets whose endpoint has gone: %s", strerror(-r));
}
