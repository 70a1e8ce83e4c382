/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What echo.c and client.c say to each other. Requests and answers are lines, the same over TCP
 * and UDP:
 *
 *	who [TOKEN]       ->  NAME PEER LOCAL [TOKEN]     addresses as the server's socket has them
 *	stream N [DELAY]  ->  N numbered lines, DELAY microseconds apart (TCP only)
 *	GET /…            ->  an HTTP/1.0 answer whose body is that of "who" (TCP only)
 *
 * A numbered line is a pure function of its number, so that the receiver can tell any loss,
 * repetition or mix-up of bytes.
 */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WIRE_LINE_LEN 128 /* of a numbered line, with its newline */
#define WIRE_ADDR_LEN 64  /* of an address with port, with the NUL */
#define WIRE_TEXT_LEN 512 /* of any other line */

/* Fills line with number n and text derived from it; no NUL at the end. */
static inline void wire_line(char line[static WIRE_LINE_LEN], unsigned n)
{
	uint32_t x = n * 2654435761u + 1;
	int len = snprintf(line, WIRE_LINE_LEN, "%010u ", n);

	for (; len < WIRE_LINE_LEN - 1; len++) {
		x = x * 1664525 + 1013904223;
		line[len] = (char)('a' + (x >> 24) % 26);
	}
	line[len] = '\n';
}

/* "192.0.2.1:80" or "[2001:db8::1]:80"; v4-mapped addresses as IPv4. Returns buf. */
static inline const char *wire_addr(const struct sockaddr_in6 *sa, char buf[static WIRE_ADDR_LEN])
{
	const struct sockaddr_in *sa4 = (const struct sockaddr_in *)sa;
	char text[INET6_ADDRSTRLEN];

	if (sa->sin6_family == AF_INET) {
		inet_ntop(AF_INET, &sa4->sin_addr, text, sizeof(text));
		snprintf(buf, WIRE_ADDR_LEN, "%s:%u", text, ntohs(sa4->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&sa->sin6_addr)) {
		inet_ntop(AF_INET, &sa->sin6_addr.s6_addr[12], text, sizeof(text));
		snprintf(buf, WIRE_ADDR_LEN, "%s:%u", text, ntohs(sa->sin6_port));
	} else {
		inet_ntop(AF_INET6, &sa->sin6_addr, text, sizeof(text));
		snprintf(buf, WIRE_ADDR_LEN, "[%s]:%u", text, ntohs(sa->sin6_port));
	}
	return buf;
}
