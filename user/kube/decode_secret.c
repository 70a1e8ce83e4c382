// SPDX-License-Identifier: Apache-2.0
/*
 * v1 Secret of type kubernetes.io/tls: certificate chain and private key, which must belong
 * together. kind.c has the row. Invariants: no part of a Secret stands in a diagnostic; what is
 * decoded here lies in memory of struct secret_bytes only. load.c wipes the document.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "http/tls.h"
#include "kube/field.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* The API's own limit for all data of a Secret. */
#define DATA_MAX (1u << 20)

#define SECRET(member) offsetof(struct secret, member)

static bool is_too_long(struct decode *d, size_t len, size_t max)
{
	if (len > max)
		decode_error(d, "is longer than %u bytes", DATA_MAX);
	return len > max;
}

/* Bytes of a value of data, whose decoding happens in memory that is wiped. */
static bool take_base64(struct decode *d, struct json_object *value, struct secret_bytes *ret_bytes)
{
	const char *text = field_text(d, value);
	struct secret_bytes room = { 0 };
	size_t len = text ? strlen(text) : 0, used = 0;
	bool good = false;

	/* Line ends and the base 64 itself take room, too. */
	if (!text || is_too_long(d, len, 2 * DATA_MAX))
		return false;
	secret_reserve(&room, BASE64_DECODED_MAX(len));
	if (base64_decode(text, len, room.data, &used))
		decode_error(d, "expected base 64");
	else
		good = !is_too_long(d, used, DATA_MAX);
	if (good)
		secret_set(ret_bytes, room.data, used);
	secret_fini(&room);
	return good;
}

static bool take_plain(struct decode *d, struct json_object *value, struct secret_bytes *ret_bytes)
{
	const char *text = field_text(d, value);
	size_t len = text ? strlen(text) : 0;

	if (!text || is_too_long(d, len, DATA_MAX))
		return false;
	secret_set(ret_bytes, text, len);
	return true;
}

/* arg of a row: how the text stands for the bytes. */
struct source {
	bool (*take)(struct decode *d, struct json_object *value, struct secret_bytes *ret_bytes);
};

static const struct source base64 = { take_base64 };
static const struct source plain = { take_plain };

static void take_key(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	const struct source *source = field->arg;
	struct secret_bytes *key = target;

	if (value)
		source->take(d, value, key);
}

/* The target is a text: certificates are public, but here nobody knows yet that they are some. */
static void take_chain(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	const struct source *source = field->arg;
	struct secret_bytes chain = { 0 };
	char **text = target;

	if (!value || !source->take(d, value, &chain))
		return;
	if (strlen(chain.data) != chain.len) {
		decode_error(d, "there is a NUL byte in it");
	} else {
		free(*text);
		*text = mem_strdup(chain.data);
	}
	secret_fini(&chain);
}

static const struct decode_field data_fields[] = {
	{ .name = "tls.crt", .fn = take_chain, .offset = SECRET(chain), .arg = &base64 },
	{ .name = "tls.key", .fn = take_key, .offset = SECRET(key), .arg = &base64 },
	{ 0 },
};

/* What hand-written manifests use; the API server lets it win over data. */
static const struct decode_field string_fields[] = {
	{ .name = "tls.crt", .fn = take_chain, .offset = SECRET(chain), .arg = &plain },
	{ .name = "tls.key", .fn = take_key, .offset = SECRET(key), .arg = &plain },
	{ 0 },
};

/* kind.c has told it from other types; only what is no text can be wrong here. */
static void check_type(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	(void)field;
	(void)target;
	field_text(d, value);
}

const struct decode_field decode_secret_fields[] = {
	{ .name = "type", .fn = check_type, .flags = DECODE_REQUIRED },
	{ .name = "data", .fn = decode_object, .arg = data_fields },
	{ .name = "stringData", .fn = decode_object, .arg = string_fields },
	{ 0 },
};

static void report_missing(struct decode *d, const char *name)
{
	const struct decode_frame data = { .name = "data" };
	const struct decode_frame field = { .up = &data, .name = name };

	d->top = &field;
	decode_error(d, "is required");
	d->top = NULL;
}

void decode_secret_finish(struct decode *d, struct object *object)
{
	struct secret *secret = (struct secret *)object;
	struct tls_cert *cert = NULL;
	const char *reason;

	if (!secret->chain || !*secret->chain)
		report_missing(d, "tls.crt");
	if (!secret->key.len)
		report_missing(d, "tls.key");
	if (d->errors)
		return;
	if (tls_cert_new(secret->chain, &secret->key, &cert, &reason))
		decode_error(d, "%s", reason);
	else
		tls_fingerprint(secret->chain, &secret->key, secret->fingerprint);
	tls_cert_unref(cert);
}
