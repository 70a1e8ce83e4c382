/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API servers' own addresses, as the EndpointSlices of the Service `kubernetes` have them: a
 * client learns them, and a file beside that of the last known objects remembers them over a
 * restart, so that the server that people named may be gone then. A file that is not whole is as
 * good as none.
 */
#pragma once
#include <stdbool.h>

struct apiservers;
struct client;
struct model;

/* Learns at once what the file has. The client outlives it; path NULL: nothing is remembered. */
struct apiservers *apiservers_new(struct client *client, const char *path);
/* NULL is legal. */
void apiservers_free(struct apiservers *servers);

/* The model may have others than before. current: it has what a server says now; what is only known
 * from before teaches nothing new to who remembers some already. */
void apiservers_look(struct apiservers *servers, struct model *model, bool current);

/* While it is held the file is somebody else's to write. */
void apiservers_hold(struct apiservers *servers, bool held);
