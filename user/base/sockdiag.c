/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes by IPv4 may be of an IPv6 socket, so both families are asked for. The kernel takes a
 * small program as a filter: with it, only what matters is copied to us, however many sockets there
 * are.
 */
#include "base/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/netlink_inner.h"

/* Everything but sockets that are closed, wait for an old segment, or listen. */
#define OPEN_STATES (0xfffu & ~(1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_TIME_WAIT))

/*
 * A filter of one condition: the local address. A step of more than what is left refuses. The
 * condition stands as bytes: clang refuses a struct that ends in an open array within another.
 */
struct filter {
	struct inet_diag_bc_op op;
	uint8_t cond[sizeof(struct inet_diag_hostcond)];
	uint8_t addr[16];
};

struct wish {
	uint8_t proto;
	uint32_t states;
	const struct filter *filter; /* NULL: all */
};

static struct addr read_addr(const struct inet_diag_msg *diag, const __be32 word[4])
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff } };

	if (diag->idiag_family == AF_INET)
		memcpy(addr.byte + 12, word, 4);
	else
		memcpy(addr.byte, word, 16);
	return addr;
}

static uint64_t read_cookie(const struct inet_diag_msg *diag)
{
	return diag->id.idiag_cookie[0] | (uint64_t)diag->id.idiag_cookie[1] << 32;
}

static struct nlmsghdr *put_request(char *buf, uint16_t type,
				    const struct inet_diag_req_v2 *request)
{
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);

	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST;
	msg->nlmsg_seq = (uint32_t)clock_ms();
	memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(*request)), request, sizeof(*request));
	return msg;
}

static int open_socket(struct mnl_socket **ret_nl)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int r;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		mnl_socket_close(nl);
		return r;
	}
	*ret_nl = nl;
	return 0;
}

static int ask_by(struct mnl_socket *nl, const struct nlmsghdr *msg, mnl_cb_t fn, void *arg)
{
	if (mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0)
		return -errno;
	return netlink_answers(nl, msg->nlmsg_seq, fn, arg);
}

static int ask(const struct nlmsghdr *msg, mnl_cb_t fn, void *arg)
{
	struct mnl_socket *nl = NULL;
	int r = open_socket(&nl);

	if (r)
		return r;
	r = ask_by(nl, msg, fn, arg);
	mnl_socket_close(nl);
	return r;
}

static int dump(uint8_t family, const struct wish *wish, mnl_cb_t fn, void *arg)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = wish->proto,
		.idiag_states = wish->states,
	};
	char buf[512];
	struct nlmsghdr *msg = put_request(buf, SOCK_DIAG_BY_FAMILY, &request);

	msg->nlmsg_flags |= NLM_F_DUMP;
	if (wish->filter)
		mnl_attr_put(msg, INET_DIAG_REQ_BYTECODE, wish->filter->op.yes, wish->filter);
	return ask(msg, fn, arg);
}

/* ---- listeners ---- */

struct listing {
	struct sockdiag_listener *items;
	size_t n, cap;
};

static int on_attr(const struct nlattr *attr, void *arg)
{
	bool *v6only = arg;

	if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(attr) >= 1)
		*v6only = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int on_listener(const struct nlmsghdr *msg, void *arg)
{
	struct listing *listing = arg;
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct addr addr = read_addr(diag, diag->id.idiag_src);
	bool v4 = addr_family(&addr) == 4, any = addr_is_zero(&addr), v6only = false;
	struct sockdiag_listener *item;

	mnl_attr_parse(msg, sizeof(*diag), on_attr, &v6only);
	listing->items =
		mem_grow(listing->items, listing->n, &listing->cap, sizeof(*listing->items));
	item = &listing->items[listing->n++];
	*item = (struct sockdiag_listener){
		.addr = addr,
		.port = ntohs(diag->id.idiag_sport),
		.any4 = any && (v4 || !v6only),
		.any6 = any && !v4,
		.inode = diag->idiag_inode,
		.cookie = read_cookie(diag),
	};
	return MNL_CB_OK;
}

int sockdiag_listeners(struct sockdiag_listener **ret_listeners, size_t *ret_n)
{
	const struct wish wish = { .proto = IPPROTO_TCP, .states = 1u << TCP_LISTEN };
	struct listing listing = {};
	int r = dump(AF_INET, &wish, on_listener, &listing);

	if (!r)
		r = dump(AF_INET6, &wish, on_listener, &listing);
	if (r) {
		free(listing.items);
		return r;
	}
	*ret_listeners = listing.items;
	*ret_n = listing.n;
	return 0;
}

/* ---- connections ---- */

/* Once nobody has the socket, all that FIN_WAIT2 waits for is a FIN; that may take long. */
static int on_connection(const struct nlmsghdr *msg, void *arg)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);

	if (diag->idiag_state == TCP_FIN_WAIT2 && !diag->idiag_inode)
		return MNL_CB_OK;
	*(bool *)arg = true;
	return MNL_CB_STOP;
}

static void local_address(const struct addr *addr, struct filter *ret_filter)
{
	size_t len = addr_family(addr) == 4 ? 4 : 16;
	size_t size = offsetof(struct filter, addr) + len;
	const struct inet_diag_hostcond cond = {
		.family = len == 4 ? AF_INET : AF_INET6,
		.prefix_len = (uint8_t)(len * 8),
		.port = -1,
	};

	memset(ret_filter, 0, sizeof(*ret_filter));
	ret_filter->op.code = INET_DIAG_BC_S_COND;
	ret_filter->op.yes = (uint8_t)size;
	ret_filter->op.no = (uint16_t)(size + 4);
	memcpy(ret_filter->cond, &cond, sizeof(cond));
	memcpy(ret_filter->addr, addr->byte + 16 - len, len);
}

int sockdiag_connected(const struct addr *addr)
{
	struct filter filter;
	const struct wish wish = { IPPROTO_TCP, OPEN_STATES, &filter };
	bool found = false;
	int r = 0;

	local_address(addr, &filter);
	if (addr_family(addr) == 4)
		r = dump(AF_INET, &wish, on_connection, &found);
	if (!r && !found)
		r = dump(AF_INET6, &wish, on_connection, &found);
	return r ? r : found;
}

/* ---- datagram sockets ---- */

_Static_assert(sizeof(((struct sockdiag_datagram *)NULL)->id) == sizeof(struct inet_diag_sockid),
	       "the kernel's name of a socket");

struct datagrams {
	sockdiag_datagram_fn fn;
	void *arg;
};

static int on_datagram(const struct nlmsghdr *msg, void *arg)
{
	const struct datagrams *datagrams = arg;
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct sockdiag_datagram socket = {
		.peer = read_addr(diag, diag->id.idiag_dst),
		.peer_port = ntohs(diag->id.idiag_dport),
		.family = diag->idiag_family,
		.cookie = read_cookie(diag),
	};

	memcpy(socket.id, &diag->id, sizeof(socket.id));
	datagrams->fn(datagrams->arg, &socket);
	return MNL_CB_OK;
}

int sockdiag_datagrams(sockdiag_datagram_fn fn, void *arg)
{
	/* A datagram socket with a peer is in this state. */
	const struct wish wish = { IPPROTO_UDP, 1u << TCP_ESTABLISHED, NULL };
	struct datagrams datagrams = { fn, arg };
	int r = dump(AF_INET, &wish, on_datagram, &datagrams);

	return r ? r : dump(AF_INET6, &wish, on_datagram, &datagrams);
}

static int abort_one(struct mnl_socket *nl, const struct sockdiag_datagram *socket)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = socket->family,
		.sdiag_protocol = IPPROTO_UDP,
	};
	char buf[512];
	struct nlmsghdr *msg;

	memcpy(&request.id, socket->id, sizeof(request.id));
	msg = put_request(buf, SOCK_DESTROY, &request);
	msg->nlmsg_flags |= NLM_F_ACK;
	return ask_by(nl, msg, NULL, NULL);
}

int sockdiag_abort(const struct sockdiag_datagram *sockets, size_t n)
{
	struct mnl_socket *nl = NULL;
	int error = open_socket(&nl);

	if (error)
		return error;
	for (size_t i = 0; i < n; i++) {
		int r = abort_one(nl, &sockets[i]);

		if (r && r != -ENOENT)
			error = r;
	}
	mnl_socket_close(nl);
	return error;
}

int sockdiag_probe_abort(void)
{
	/* Nobody has this cookie, so a kernel that could finds no such socket: that is no error. */
	const struct sockdiag_datagram nobody = { .family = AF_INET };

	return sockdiag_abort(&nobody, 1);
}
