/* SPDX-License-Identifier: Apache-2.0 */
/* Ids by which a request is found again in the logs of all it went through. */
#pragma once
#include "http/http.h"

/* A new one: 128 random bits in hexadecimal digits. Any thread. */
struct http_text requestid_new(struct arena *arena);
/* Can an id of a client be kept? At most 128 visible characters. */
bool requestid_is_sane(struct http_text id);
