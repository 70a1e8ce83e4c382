/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the statuses of objects should say, as far as that is naru's business: filled anew after
 * each compile by whoever knows something, then handed to the writer. Plain data.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/object.h"

struct json_object;
struct object_reference;

/* The status an object should have; members that it does not name are not naru's. */
struct want {
	enum object_kind kind;
	char *namespace, *name; /* owned */
	/* metadata.generation that it was worked out from: observedGeneration of each condition. */
	int64_t generation;
	/* Owned: which object of that name it is about; another one waits for a want of its own.
	 * "": any. */
	char *uid;
	/* Owned. Conditions in it carry type, status, reason and message only. */
	struct json_object *status;
};

struct wants {
	struct want *items; /* in the order in which they were added */
	size_t n, cap;
	void *index; /* wants.c's */
};

/* The status of the object, to be filled; borrowed. One that is there already gets the same
 * one again, so that several parts of the program may have a say. */
struct json_object *wants_add(struct wants *wants, const struct object *object);
/* The same for who knows all of it: what others wanted is gone, and it is about this object. */
struct json_object *wants_replace(struct wants *wants, const struct object *object);
/* NULL: nobody wants anything of this object. */
const struct want *wants_find(const struct wants *wants, enum object_kind kind,
			      const char *namespace, const char *name);
/* Appends to the array `conditions` of owner: the status itself, or an entry of its lists. */
void wants_condition(struct json_object *owner, const char *type, bool holds, const char *reason,
		     const char *message);
/* A new entry, an object, of the array of that name, which is made when there is none; borrowed.
 * Name the array with wants_list() if it is to be there without any entry. */
struct json_object *wants_entry(struct json_object *owner, const char *list);
struct json_object *wants_list(struct json_object *owner, const char *list);
/* The object of that name in owner, made when there is none; borrowed. */
struct json_object *wants_member(struct json_object *owner, const char *name);
/* The member parentRef of a route's parent, as the route has it: what it leaves out stays out. */
void wants_parent(struct json_object *entry, const struct object_reference *parent);
void wants_text(struct json_object *owner, const char *name, const char *text);
void wants_number(struct json_object *owner, const char *name, int64_t number);

void wants_fini(struct wants *wants);
