/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a narud begins to serve and when it makes way for the next one: how daemon.c goes with the
 * two sides of a hand-over.
 */
#pragma once
#include <stdbool.h>

struct daemon;

/* Is there a narud to take over from, and is this one to do so? Then daemon->part says that it
 * waits, and daemon_serve() is called later. Logs what fails. */
int succession_open(struct daemon *daemon);
void succession_close(struct daemon *daemon);

/* There may be more of what this narud needs before it takes over: objects, its proxy. */
void succession_look(struct daemon *daemon);

/* It is told to end: whoever waits for that serves from now on. False: nobody does. */
bool succession_give_back(struct daemon *daemon);

/* It serves: the one before it is told so, the one after it may come. */
void succession_begin(struct daemon *daemon);
