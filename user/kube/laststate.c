// SPDX-License-Identifier: Apache-2.0
/*
 * The file of last-known objects, for apisource.c. Invariants: the file under its name is always
 * whole, old or new; no Secret is ever in it; it can be missing, full or read-only without harm.
 */
#include "kube/laststate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/pack.h"

#define MAGIC	    "naru-last-state\n"
#define MAGIC_LEN   (sizeof(MAGIC) - 1)
#define FILE_MAX    (256u << 20)
#define INTERVAL_MS 60000
#define LOG_MS	    3600000

struct laststate {
	char *path;
	const struct timing *timing;
	bool wanted, held;
	bool written, failed; /* once */
	uint64_t written_ms, failed_ms, failures;
};

static uint64_t now(const struct laststate *l)
{
	return l->timing->now_ms(l->timing->arg);
}

struct laststate *laststate_new(const char *path, const struct timing *timing)
{
	struct laststate *l = mem_new(sizeof(*l));

	l->path = mem_strdup(path);
	l->timing = timing;
	return l;
}

void laststate_free(struct laststate *laststate)
{
	if (!laststate)
		return;
	free(laststate->path);
	free(laststate);
}

bool laststate_is_there(const struct laststate *laststate)
{
	return laststate && !access(laststate->path, F_OK);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void add_kind(struct str *out, struct model *model, enum object_kind kind, uint32_t *count)
{
	const struct object *const *objects;
	size_t n = model_list(model, kind, &objects);

	for (size_t i = 0; i < n; i++)
		pack_object(out, objects[i]);
	*count += (uint32_t)n;
}

static void encode(struct str *out, struct model *model)
{
	struct str objects = { 0 };
	uint32_t n = 0;

	for (enum object_kind kind = 0; kind < OBJECT_KIND_MAX; kind++)
		if (kind != OBJECT_SECRET)
			add_kind(&objects, model, kind, &n);
	bytes_put_data(out, MAGIC, MAGIC_LEN);
	bytes_put_u64(out, pack_layout());
	bytes_put_u64(out, (uint64_t)clock_wall_us());
	bytes_put_u32(out, n);
	bytes_put_data(out, objects.buf, objects.len);
	bytes_put_u64(out, XXH64(out->buf, out->len, 0));
	str_fini(&objects);
}

static void complain(struct laststate *l, int r)
{
	l->failures++;
	if (l->failed && now(l) - l->failed_ms < LOG_MS)
		return;
	l->failed = true;
	l->failed_ms = now(l);
	log_warn("the last known objects cannot be kept in %s: %s", l->path, file_problem(r));
}

void laststate_flush(struct laststate *laststate, struct model *model)
{
	struct str data = { 0 };
	int r;

	if (!laststate->wanted || laststate->held)
		return;
	laststate->wanted = false;
	laststate->written = true;
	laststate->written_ms = now(laststate);
	encode(&data, model);
	r = file_replace(laststate->path, data.buf, data.len);
	if (r)
		complain(laststate, r);
	/* What is not on the disk is still to be written. */
	laststate->wanted = r != 0;
	str_fini(&data);
}

uint64_t laststate_failures(const struct laststate *laststate)
{
	return laststate ? laststate->failures : 0;
}

void laststate_note(struct laststate *laststate)
{
	laststate->wanted = true;
}

void laststate_hold(struct laststate *laststate, bool held)
{
	if (laststate)
		laststate->held = held;
}

uint64_t laststate_due_ms(const struct laststate *laststate)
{
	if (!laststate->wanted || laststate->held)
		return UINT64_MAX;
	return laststate->written ? laststate->written_ms + INTERVAL_MS : 0;
}

void laststate_run(struct laststate *laststate, struct model *model)
{
	if (laststate_due_ms(laststate) <= now(laststate))
		laststate_flush(laststate, model);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void free_objects(struct object **objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		object_free(objects[i]);
	free(objects);
}

static bool is_whole(const char *text, size_t len)
{
	uint64_t sum;

	if (len < MAGIC_LEN + sizeof(sum) || memcmp(text, MAGIC, MAGIC_LEN) != 0)
		return false;
	memcpy(&sum, text + len - sizeof(sum), sizeof(sum));
	return sum == XXH64(text, len - sizeof(sum), 0);
}

/* Every object has some bytes, so their number is bounded by the file's length. */
static int decode(struct bytes *in, struct object ***ret_objects, size_t *ret_n,
		  int64_t *ret_written_us)
{
	int64_t written_us;
	struct object **objects;
	size_t n, i = 0;

	if (bytes_get_u64(in) != pack_layout())
		return -EBADMSG;
	written_us = (int64_t)bytes_get_u64(in);
	n = bytes_get_count(in, 8);
	objects = mem_array(n + 1, sizeof(*objects));
	while (i < n && (objects[i] = pack_unpack(in)))
		i++;
	if (i < n || !bytes_end(in)) {
		free_objects(objects, i);
		return -EBADMSG;
	}
	*ret_objects = objects;
	*ret_n = n;
	*ret_written_us = written_us;
	return 0;
}

int laststate_load(const struct laststate *laststate, struct object ***ret_objects, size_t *ret_n,
		   int64_t *ret_written_us)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct bytes in;
	size_t len;
	int r = file_read(laststate->path, FILE_MAX, &text, &len);

	if (r)
		return r;
	if (!is_whole(text, len))
		return -EBADMSG;
	in = bytes_of(text + MAGIC_LEN, len - MAGIC_LEN - sizeof(uint64_t));
	return decode(&in, ret_objects, ret_n, ret_written_us);
}
