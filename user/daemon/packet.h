/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two narud on one node tell each other while one takes over from the other: a word and
 * perhaps a text behind it, one packet of a SOCK_SEQPACKET socket each. Every version has to
 * understand every other, so words are added and never changed, and unknown ones are left alone.
 *
 *     who serves says          who comes says
 *     "serving INSTANCE"                             as soon as it has connected
 *                              "ready INSTANCE"      it knows what to serve
 *     "refused TEXT"                                 and serves on; or it gives up all it holds:
 *     "yielded"
 *                              "taken"               it serves
 *
 * The end of the connection before "taken" takes all of it back.
 */
#pragma once

#define PACKET_MAX 512
/* From the end of a connection until the process behind it, if it has ended, holds nothing. */
#define PACKET_ENDING_MS 100

#define PACKET_SERVING "serving"
#define PACKET_READY   "ready"
#define PACKET_REFUSED "refused"
#define PACKET_YIELDED "yielded"
#define PACKET_TAKEN   "taken"

/* A text that is too long is cut; what cannot be sent shows as the end of the connection. */
void packet_send(int fd, const char *word, const char *text);

/* Reads one. 1: *ret_text is what stands behind the word in buf, ""; 0: none yet; -errno: the
 * connection has ended. */
int packet_receive(int fd, char buf[static PACKET_MAX], const char **ret_text);
