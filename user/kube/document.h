/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One document of a manifest file as a JSON value, whatever notation it was written in, with the
 * line of every part. Readers (yamldoc.c, jsondoc.c) make documents, load.c takes them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* Values nested deeper than this are refused: no object of Kubernetes comes near. */
#define DOCUMENT_DEPTH_MAX 64

/*
 * Something inside a document that makes the object around it unusable, and only that one: a key
 * that is there twice.
 */
struct document_fault {
	struct json_object *at; /* the mapping, borrowed from root */
	int line;
	char *reason;
};

/* A document with more faults than this is not worth looking for each. */
#define DOCUMENT_FAULTS_MAX 100

struct document {
	struct json_object *root; /* NULL: nothing in it, or not readable */
	int line;		  /* of root, or of what cannot be read */
	char *unreadable;	  /* the reason why there is no root, or NULL */
	struct document_fault *faults;
	size_t n_faults;
	size_t cap_faults;
};

/* Called for each document in order; it is gone after. */
typedef void (*document_fn)(void *arg, const struct document *document);

/*
 * Checks what both notations have in common: UTF-8 without NUL bytes. Returns the reason against,
 * or NULL; *ret_line is its line.
 */
const char *document_check_text(const char *text, size_t len, int *ret_line);

/* Remembers and tells the line of a value; 0 = unknown. NULL (null) and fractions have none. */
void document_set_line(struct json_object *value, int line);
int document_line(struct json_object *value);

/* Faults beyond DOCUMENT_FAULTS_MAX + 1 are not kept. */
void document_add_fault(struct document *document, struct json_object *at, int line,
			const char *reason, ...) __attribute__((format(printf, 4, 5)));
/* The first fault inside value or NULL. */
const struct document_fault *document_find_fault(const struct document *document,
						 struct json_object *value);
/*
 * Overwrites all texts inside value, but not its keys. What the libraries' readers keep in buffers
 * of their own while they read is beyond reach.
 */
void document_wipe(struct json_object *value);
void document_fini(struct document *document);
