// SPDX-License-Identifier: Apache-2.0
/*
 * One question and one answer, however many rules there are: no table is listed. narud asks, which
 * can run no nft(8).
 */
#include "base/nftables.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/clock.h"
#include "base/netlink_inner.h"

static int on_answer(const struct nlmsghdr *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return MNL_CB_OK;
}

static struct nlmsghdr *put_question(char *buf, uint8_t family, const char *table,
				     const char *chain)
{
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *header;

	msg->nlmsg_type =
		(NFNL_SUBSYS_NFTABLES << 8) | (chain ? NFT_MSG_GETCHAIN : NFT_MSG_GETTABLE);
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	msg->nlmsg_seq = (uint32_t)clock_ms();
	header = mnl_nlmsg_put_extra_header(msg, sizeof(*header));
	header->nfgen_family = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
	header->version = NFNETLINK_V0;
	mnl_attr_put_strz(msg, chain ? NFTA_CHAIN_TABLE : NFTA_TABLE_NAME, table);
	if (chain)
		mnl_attr_put_strz(msg, NFTA_CHAIN_NAME, chain);
	return msg;
}

bool nftables_has(uint8_t family, const char *table, const char *chain)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	char buf[512];
	const struct nlmsghdr *msg = put_question(buf, family, table, chain);
	bool has;

	if (!nl)
		return false;
	has = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) >= 0 &&
	      mnl_socket_sendto(nl, msg, msg->nlmsg_len) >= 0 &&
	      !netlink_answers(nl, msg->nlmsg_seq, on_answer, NULL);
	mnl_socket_close(nl);
	return has;
}
