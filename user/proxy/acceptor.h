/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets of a worker. */
#pragma once
#include <stdint.h>

struct worker;

/* Takes over fd. Before there is a table, connections wait in the kernel's queue. */
void acceptor_open(struct worker *worker, uint32_t id, int fd);
/* There is one. */
void acceptor_resume(struct worker *worker);
/* Takes what waits in the queue of those with that id, then closes them. */
void acceptor_close(struct worker *worker, uint32_t id);
/* The same for all. */
void acceptor_close_all(struct worker *worker);
/* Closes them at once. */
void acceptor_cut(struct worker *worker);
