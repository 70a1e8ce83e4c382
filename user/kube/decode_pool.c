// SPDX-License-Identifier: Apache-2.0
/*
 * naru.io AddressPool, under the rules that its schema has, and some that it cannot have: all
 * addresses of a range are such that a client can dial them, and no range overlaps another. kind.c
 * has the row.
 */
#include <string.h>

#include "base/cidr.h"
#include "base/mem.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "kube/labels.h"
#include "model/pool.h"

#define RANGES_MAX 64

/* ---- ranges --------------------------------------------------------------------------------- */

/* As the schema has it: either the one or the other two. */
struct block {
	char *cidr, *first, *last;
};

static const struct decode_field block_fields[] = {
	{ .name = "cidr", .fn = field_string, .offset = offsetof(struct block, cidr) },
	{ .name = "first", .fn = field_string, .offset = offsetof(struct block, first) },
	{ .name = "last", .fn = field_string, .offset = offsetof(struct block, last) },
	{ 0 },
};

static void block_fini(struct block *block)
{
	free(block->cidr);
	free(block->first);
	free(block->last);
}

static bool read_cidr(const char *text, struct address_range *ret_range)
{
	char host[ADDR_STR_LEN] = { 0 };
	struct address_range range;
	struct cidr cidr;
	struct addr addr;

	if (cidr_parse(text, &cidr))
		return false;
	memcpy(host, text, (size_t)(strchr(text, '/') - text));
	if (addr_parse(host, &addr) || addr_compare(&addr, &cidr.addr))
		return false;
	range.first = range.last = cidr.addr;
	for (unsigned bit = cidr.len; bit < 128; bit++)
		range.last.byte[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	*ret_range = range;
	return true;
}

/* What is wrong with a block, or NULL. */
static const char *read_block(const struct block *block, struct address_range *ret_range)
{
	struct address_range *range = ret_range;

	if (*block->cidr ? *block->first || *block->last : !*block->first || !*block->last)
		return "needs either cidr, or first and last";
	if (*block->cidr)
		return read_cidr(block->cidr, range) ? NULL
						     : "cidr must be a prefix, with no bit set "
						       "behind its length";
	if (addr_parse(block->first, &range->first))
		return "first must be an address";
	if (addr_parse(block->last, &range->last))
		return "last must be an address";
	if (addr_family(&range->first) != addr_family(&range->last))
		return "first and last must be of one family";
	return addr_compare(&range->first, &range->last) > 0 ? "last lies before first" : NULL;
}

static bool overlap(const struct address_range *a, const struct address_range *b)
{
	return addr_compare(&a->first, &b->last) <= 0 && addr_compare(&b->first, &a->last) <= 0;
}

/* What no client dials from another machine; IPv4 also as what it looks like within IPv6. */
static bool is_special(const struct address_range *range)
{
	static const char *const prefixes[] = {
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
		"::/8",	     "fe80::/10",   "ff00::/8",
	};
	bool v4 = addr_family(&range->first) == 4;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		struct address_range special;
		bool read = read_cidr(prefixes[i], &special);

		if (read && v4 == (strchr(prefixes[i], '.') != NULL) && overlap(range, &special))
			return true;
	}
	return false;
}

static void take_block(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	_cleanup_(block_fini) struct block block = { 0 };
	struct address_range range = { 0 };
	size_t errors = d->errors;
	const char *wrong;

	(void)field;
	decode_fields(d, block_fields, value, &block);
	if (d->errors != errors)
		return;
	wrong = read_block(&block, &range);
	if (!wrong && is_special(&range))
		wrong = "has addresses that no client can dial: of loopback, link-local, "
			"multicast or reserved";
	if (wrong)
		decode_error(d, "%s", wrong);
	else
		memcpy(target, &range, sizeof(range));
}

#define POOL(member) offsetof(struct address_pool, member)
static const struct decode_array ranges = {
	.size = sizeof(struct address_range),
	.count_offset = (ptrdiff_t)(POOL(n_ranges) - POOL(ranges)),
	.min = 1,
	.max = RANGES_MAX,
	.element = { .fn = take_block },
};

static void check_ranges(struct decode *d, const struct address_pool *pool)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		for (size_t j = 0; j < i; j++)
			if (overlap(&pool->ranges[i], &pool->ranges[j]))
				return decode_error_at(d, "addresses", i,
						       "overlaps with another entry");
}

/* ---- the rest ------------------------------------------------------------------------------- */

static bool is_class(const char *text)
{
	size_t len = strlen(text);

	return len && len <= 253;
}

static const struct form pool_class = {
	.fits = is_class,
	.what = "a class of load balancers such as naru.io/load-balancer",
	.otherwise = POOL_CLASS,
};

/* The target is struct labels_selector's first member, its number beside it. */
static void take_selector(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	struct labels_selector selector = { 0 };

	labels_take_selector(d, field, value, &selector);
	memcpy(target, &selector, sizeof(selector));
}

/* The target is the flag for the contrary. */
static void take_auto(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	bool wanted = true;

	field_bool(d, field, value, &wanted);
	*(bool *)target = !wanted;
}

static const struct decode_field metadata_fields[] = {
	{ .name = "creationTimestamp", .fn = duration_timestamp, .offset = POOL(created) },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "addresses",
	  .fn = decode_array,
	  .offset = POOL(ranges),
	  .flags = DECODE_REQUIRED,
	  .arg = &ranges },
	{ .name = "loadBalancerClass",
	  .fn = form_text,
	  .offset = POOL(class_name),
	  .arg = &pool_class },
	{ .name = "withoutClass", .fn = field_bool, .offset = POOL(without_class) },
	{ .name = "autoAssign", .fn = take_auto, .offset = POOL(manual) },
	{ .name = "disabled", .fn = field_bool, .offset = POOL(disabled) },
	{ .name = "serviceSelector", .fn = take_selector, .offset = POOL(services) },
	{ .name = "gatewaySelector", .fn = take_selector, .offset = POOL(gateways) },
	{ .name = "namespaceSelector", .fn = take_selector, .offset = POOL(namespaces) },
	{ 0 },
};

/* The target is the pool. */
static void take_spec(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	(void)field;
	decode_fields(d, spec_fields, value, target);
	if (!d->errors)
		check_ranges(d, target);
}

const struct decode_field decode_pool_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = take_spec, .flags = DECODE_REQUIRED },
	{ 0 },
};
