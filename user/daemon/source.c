// SPDX-License-Identifier: Apache-2.0
/* Hands every call to the body that the options ask for. */
#include "daemon/source.h"

#include "base/mem.h"
#include "daemon/options.h"
#include "daemon/source_body.h"

struct source {
	const struct source_body *body;
	struct source_config config;
	void *state;
};

static const struct source_body *choose(const struct options *options)
{
	return *options->manifests ? &source_folder : &source_api;
}

int source_check(const struct options *options)
{
	return choose(options)->check(options);
}

void source_reads(const struct options *options, void (*fn)(void *arg, const char *path), void *arg)
{
	choose(options)->reads(options, fn, arg);
}

int source_open(const struct source_config *config, struct source **ret_source)
{
	struct source *source = mem_new(sizeof(*source));
	int r;

	source->body = choose(config->options);
	source->config = *config;
	r = source->body->open(&source->config, &source->state);
	if (r < 0)
		mem_freep(&source);
	else
		*ret_source = source;
	return r;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	source->body->close(source->state);
	free(source);
}

void source_hold_file(const struct source *source, bool held)
{
	if (source->body->hold_file)
		source->body->hold_file(source->state, held);
}

bool source_is_synced(const struct source *source)
{
	return source->body->is_synced(source->state);
}

bool source_is_ready(const struct source *source)
{
	return source->body->is_ready(source->state);
}

uint64_t source_age_ms(const struct source *source)
{
	return source->body->age_ms ? source->body->age_ms(source->state) : 0;
}

bool source_server(const struct source *source, struct source_server *ret_server)
{
	if (!source->body->server)
		return false;
	source->body->server(source->state, ret_server);
	return true;
}

const struct diag_list *source_diags(const struct source *source)
{
	return source->body->diags(source->state);
}

size_t source_skipped(const struct source *source)
{
	return source->body->skipped(source->state);
}

void source_write(const struct source *source, struct json *json)
{
	source->body->write(source->state, json);
}

void source_write_metrics(const struct source *source, struct str *out)
{
	if (source->body->metrics)
		source->body->metrics(source->state, out);
}

bool source_may_use_loopback(const struct options *options)
{
	return choose(options)->may_use_loopback;
}
