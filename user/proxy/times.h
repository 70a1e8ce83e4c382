/* SPDX-License-Identifier: Apache-2.0 */
/* How long peers may take, in milliseconds, and how much they may make us hold: one table. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct times {
	uint32_t handshake_ms;	/* of TLS */
	uint32_t head_ms;	/* of a request, from its first byte: 408 */
	uint32_t keep_alive_ms; /* between requests */
	uint32_t body_ms;	/* between pieces of a request's body: 408 */
	uint32_t stream_ms;	/* without any progress of an exchange: 504, or the answer is cut */
	uint32_t continue_ms;	/* for an endpoint to say 100 Continue, then we do */
	uint32_t linger_ms;	/* for a client to read our last words */
	uint32_t pause_ms;	/* of accepting when the process is out of descriptors */
	uint32_t shed_ms;	/* between requests, when the process is out of descriptors */
	uint32_t quiet_ms;	/* without a new client until a draining listener is closed */
};

extern const struct times times_default;

/* Bytes of a body that is thrown away so that the answer arrives. */
#define TIMES_LINGER_BYTES ((size_t)64 * 1024)
