// SPDX-License-Identifier: Apache-2.0
/* handover.c and heir.c call it. Invariant: buf is a string, whatever came. */
#include "daemon/packet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void packet_send(int fd, const char *word, const char *text)
{
	char packet[PACKET_MAX];

	snprintf(packet, sizeof(packet), "%s%s%s", word, *text ? " " : "", text);
	(void)!send(fd, packet, strlen(packet), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int packet_receive(int fd, char buf[static PACKET_MAX], const char **ret_text)
{
	ssize_t n = recv(fd, buf, PACKET_MAX - 1, MSG_DONTWAIT);
	char *space;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	/* No packet of ours is empty. */
	if (!n)
		return -ECONNRESET;
	buf[n] = '\0';
	space = strchr(buf, ' ');
	if (space)
		*space = '\0';
	*ret_text = space ? space + 1 : "";
	return 1;
}
