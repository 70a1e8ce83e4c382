/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BGP engines are told, and what they answer, as text: pure. Of what others have written
 * nothing gets into it but addresses, which are printed from their bytes; so no name can say
 * anything to an engine.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/str.h"

/* The name of everything that is naru's in an engine. */
#define RENDER_NAME "naru"

/* A file for BIRD 2 to include: a static protocol for each family, a route for each address. */
void render_bird(const struct addr *addrs, size_t n, struct str *out);

/*
 * The lines that make FRR's bgpd, whose running configuration is given, have the addresses as
 * networks: those with the route map of our name are ours. The map is made when there is none, and
 * left alone when there is. Each line ends with a newline; none when all is as it should be.
 * -ENOENT: there is no BGP router.
 */
int render_frr(const char *config, const struct addr *addrs, size_t n, struct str *out);

/* Has one answer come whole? Its length, or 0; *ret_fine: the engine did as it was told. */
size_t render_bird_answer(const char *in, size_t len, bool *ret_fine);
size_t render_frr_answer(const char *in, size_t len, bool *ret_fine);

/* The first line of an answer that tells what is wrong, short and printable; to be freed. */
char *render_complaint(const char *in, size_t len);
