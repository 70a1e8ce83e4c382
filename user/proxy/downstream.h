/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of clients, spoken to in HTTP/1: one request after the other. */
#pragma once
#include <stdint.h>
#include <sys/socket.h>

struct view;
struct worker;

/* Takes over a socket that was accepted from that address. */
void downstream_accept(struct worker *worker, int fd, const struct sockaddr_storage *peer);
/* The worker has another view than before: connections to listeners that it lacks are served by the
 * one before for one more request. */
void downstream_outlive(struct worker *worker, struct view *before);
/* Closes those that have been without a request for so long. */
void downstream_close_idle(struct worker *worker, uint64_t ms);
/* Closes all, whatever is under way. */
void downstream_cut(struct worker *worker);
