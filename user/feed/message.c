// SPDX-License-Identifier: Apache-2.0
/*
 * One table says which fields a message has; encoding, decoding and the rule about descriptors
 * follow from it. feed.c, proxy/control.c and channel.c call it. Invariant: whatever bytes come,
 * what is decoded is whole and every text is a string of its own.
 */
#include "feed/message.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Another layout of any message is another number. */
#define MAGIC 0x6e617201u

enum {
	ID = 1 << 0,
	WORKER = 1 << 1,
	PID = 1 << 2,
	THREADS = 1 << 3,
	DRAIN_MS = 1 << 4,
	GENERATION = 1 << 5,
	FLAG = 1 << 6,
	FINGERPRINT = 1 << 7,
	TEXT = 1 << 8,
	MORE = 1 << 9,
	KEY = 1 << 10,
	FD = 1 << 11,
	FD_PERHAPS = 1 << 12,
};

static const struct {
	const char *name;
	unsigned fields;
} types[MESSAGE_TYPE_MAX] = {
	[MESSAGE_HELLO] = { "HELLO", TEXT | MORE | PID | THREADS | GENERATION | FLAG },
	[MESSAGE_ACK] = { "ACK", GENERATION | FLAG | TEXT },
	[MESSAGE_REPORT] = { "REPORT", FD },
	[MESSAGE_DRAINING] = { "DRAINING", 0 },
	[MESSAGE_SETTINGS] = { "SETTINGS", THREADS | DRAIN_MS | TEXT | FD_PERHAPS },
	[MESSAGE_UNLISTEN] = { "UNLISTEN", ID },
	[MESSAGE_KEY] = { "KEY", FINGERPRINT | TEXT | KEY },
	[MESSAGE_SNAPSHOT] = { "SNAPSHOT", GENERATION | FD },
	[MESSAGE_DRAIN] = { "DRAIN", 0 },
	[MESSAGE_LISTEN] = { "LISTEN", ID | WORKER | FD },
};

static bool is_known(uint32_t type)
{
	return type && type < MESSAGE_TYPE_MAX;
}

const char *message_name(enum message_type type)
{
	return is_known(type) ? types[type].name : "UNKNOWN";
}

static void put_key(struct str *out, const struct secret_bytes *key)
{
	bytes_put_u32(out, (uint32_t)key->len);
	bytes_put_data(out, key->data, key->len);
}

int message_encode(const struct message *message, struct str *out)
{
	unsigned fields = types[message->type].fields;
	size_t before = out->len;

	if (message->key.len > MESSAGE_MAX)
		return -EMSGSIZE;
	bytes_put_u32(out, MAGIC);
	bytes_put_u32(out, message->type);
	if (fields & ID)
		bytes_put_u32(out, message->id);
	if (fields & WORKER)
		bytes_put_u32(out, (uint32_t)message->worker);
	if (fields & PID)
		bytes_put_u32(out, message->pid);
	if (fields & THREADS)
		bytes_put_u32(out, message->threads);
	if (fields & DRAIN_MS)
		bytes_put_u32(out, message->drain_ms);
	if (fields & GENERATION)
		bytes_put_u64(out, message->generation);
	if (fields & FLAG)
		bytes_put_u8(out, message->flag);
	if (fields & FINGERPRINT)
		bytes_put_data(out, message->fingerprint, sizeof(message->fingerprint));
	if (fields & TEXT)
		bytes_put_text(out, message->text ? message->text : "");
	if (fields & MORE)
		bytes_put_text(out, message->more ? message->more : "");
	if (fields & KEY)
		put_key(out, &message->key);
	return out->len - before > MESSAGE_MAX ? -EMSGSIZE : 0;
}

static void get_key(struct bytes *in, struct secret_bytes *ret_key)
{
	size_t len = bytes_get_count(in, 1);

	secret_set(ret_key, in->at, len);
	in->at += len;
}

static void get_fields(struct bytes *in, unsigned fields, struct message *message)
{
	if (fields & ID)
		message->id = bytes_get_u32(in);
	if (fields & WORKER)
		message->worker = (int32_t)bytes_get_u32(in);
	if (fields & PID)
		message->pid = bytes_get_u32(in);
	if (fields & THREADS)
		message->threads = bytes_get_u32(in);
	if (fields & DRAIN_MS)
		message->drain_ms = bytes_get_u32(in);
	if (fields & GENERATION)
		message->generation = bytes_get_u64(in);
	if (fields & FLAG)
		message->flag = bytes_get_u8(in);
	if (fields & FINGERPRINT)
		bytes_get_data(in, message->fingerprint, sizeof(message->fingerprint));
	message->text = fields & TEXT ? bytes_get_text(in) : mem_strdup("");
	message->more = fields & MORE ? bytes_get_text(in) : mem_strdup("");
	if (fields & KEY)
		get_key(in, &message->key);
}

static bool fd_is_right(unsigned fields, int fd)
{
	return fields & FD_PERHAPS || !(fields & FD) == (fd < 0);
}

int message_decode(const void *data, size_t len, int fd, struct message *ret_message)
{
	_cleanup_(message_fini) struct message message = { .fd = fd };
	struct bytes in = bytes_of(data, len);
	uint32_t magic = bytes_get_u32(&in), type = bytes_get_u32(&in);

	if (magic != MAGIC || !is_known(type))
		return -EBADMSG;
	message.type = (enum message_type)type;
	get_fields(&in, types[type].fields, &message);
	if (!bytes_end(&in) || !fd_is_right(types[type].fields, fd))
		return -EBADMSG;
	*ret_message = message;
	message = (struct message){ .fd = -1 };
	return 0;
}

void message_fini(struct message *message)
{
	free(message->text);
	free(message->more);
	secret_fini(&message->key);
	if (message->fd >= 0)
		close(message->fd);
	*message = (struct message){ .fd = -1 };
}
