/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list of the API server, kept up to date: read once, by a watch that begins with all objects
 * where the server knows that, else by pages; then watched. What is read goes to a sink. Every
 * failure, of whatever kind, is a lack of information: the sink hears nothing of it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/backoff.h"
#include "kube/client.h"

struct decode_field;
struct json_object;
struct reflector;

/* Objects are borrowed, and of any shape: nobody has looked at them. */
struct reflector_sink {
	/* From here on, put and remove are for a new set of objects. One that was begun and not
	 * committed is forgotten. */
	void (*begin)(void *arg);
	void (*put)(void *arg, struct json_object *object);
	void (*remove)(void *arg, struct json_object *object);
	/* Something that was sent cannot be read: nobody knows which object it was. */
	void (*lost)(void *arg, const char *reason);
	/* How many objects there are, and how many of them the new set has not. */
	void (*weigh)(void *arg, size_t *ret_known, size_t *ret_gone);
	/* The new set takes the place of the old one; put and remove are for it. */
	void (*commit)(void *arg);
	/* What it reads of objects: what is in none of these tables (partial.h) may be missing in
	 * them. NULL, and to return NULL: all. Borrowed. */
	const struct decode_field *const *(*reads)(void *arg);
};

struct reflector_config {
	struct client *client;
	const char *path;      /* "/api/v1/services" */
	const char *selectors; /* "labelSelector=…", percent-encoded, or "" */
	bool metadata;	       /* nothing of the objects but that is wanted */
	enum client_lane lane;
	const struct reflector_sink *sink;
	void *sink_arg;
	const struct timing *timing;
	uint64_t delay_ms; /* before the first request */
	/* Told when anything of reflector_due_ms() or reflector_status() is another than before. */
	void (*changed)(void *arg);
	void *arg;
};

/* Why everything was read once more. */
enum reflector_reason {
	REFLECTOR_EXPIRED,   /* the server has forgotten the changes since */
	REFLECTOR_TOO_LARGE, /* it does not know the version yet that was asked for */
	REFLECTOR_OLDER,     /* it gave a set that is older than what is known */
	REFLECTOR_SHRUNK,    /* more than half was gone: asked once more before it is believed */
	REFLECTOR_ERRORS,    /* the watch failed in a way that waiting does not cure */
	REFLECTOR_REASON_MAX,
};
const char *reflector_reason_name(enum reflector_reason reason);

struct reflector_status {
	bool synced;	     /* a whole set was read once */
	int http_status;     /* of the last answer that had nothing, 0: no such answer since */
	const char *problem; /* what keeps it from knowing the newest, or NULL; borrowed */
	uint64_t watch_ms;   /* when the watch that is open began, 0: none is */
	uint64_t problem_ms; /* since when */
	uint64_t heard_ms;   /* when the server said anything of the set for the last time */
	uint64_t rereads[REFLECTOR_REASON_MAX];
};

struct reflector *reflector_new(const struct reflector_config *config);
/* The sink hears no more. NULL is legal; not from inside its callbacks. */
void reflector_free(struct reflector *reflector);

/* When reflector_run() wants to be called, UINT64_MAX for never; legal earlier. */
uint64_t reflector_due_ms(const struct reflector *reflector);
void reflector_run(struct reflector *reflector);
/* Does at once what waits for a failure to pass. */
void reflector_hurry(struct reflector *reflector);

void reflector_status(const struct reflector *reflector, struct reflector_status *ret_status);
