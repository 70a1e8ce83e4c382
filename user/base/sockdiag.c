/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IPv4 connection may be one of an IPv6 socket, so both families are asked for. The kernel
 * takes a small program as a filter: with it, only what matters is copied to us, however many
 * sockets there are.
 */
#include "base/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

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

static struct addr read_addr(const struct inet_diag_msg *diag)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff } };

	if (diag->idiag_family == AF_INET)
		memcpy(addr.byte + 12, diag->id.idiag_src, 4);
	else
		memcpy(addr.byte, diag->id.idiag_src, 16);
	return addr;
}

static int dump(uint8_t family, uint32_t states, const struct filter *filter, mnl_cb_t fn,
		void *arg)
{
	char buf[512];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *request;
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int r = 0;

	if (!nl)
		return -errno;
	msg->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	msg->nlmsg_seq = (uint32_t)time(NULL);
	request = mnl_nlmsg_put_extra_header(msg, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = states;
	if (filter)
		mnl_attr_put(msg, INET_DIAG_REQ_BYTECODE, filter->op.yes, filter);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0)
		r = -errno;
	if (!r)
		r = netlink_answers(nl, msg->nlmsg_seq, fn, arg);
	mnl_socket_close(nl);
	return r;
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
	struct addr addr = read_addr(diag);
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
		.cookie = diag->id.idiag_cookie[0] | (uint64_t)diag->id.idiag_cookie[1] << 32,
	};
	return MNL_CB_OK;
}

int sockdiag_listeners(struct sockdiag_listener **ret_listeners, size_t *ret_n)
{
	struct listing listing = {};
	int r = dump(AF_INET, 1u << TCP_LISTEN, NULL, on_listener, &listing);

	if (!r)
		r = dump(AF_INET6, 1u << TCP_LISTEN, NULL, on_listener, &listing);
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
	bool found = false;
	int r = 0;

	local_address(addr, &filter);
	if (addr_family(addr) == 4)
		r = dump(AF_INET, OPEN_STATES, &filter, on_connection, &found);
	if (!r && !found)
		r = dump(AF_INET6, OPEN_STATES, &filter, on_connection, &found);
	return r ? r : found;
}
