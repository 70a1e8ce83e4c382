// SPDX-License-Identifier: Apache-2.0
/*
 * The types of fields. Invariant: a string field is set to a string of its own in every case, so
 * that no string of an object is NULL; nothing else is written after an error.
 */
#include "kube/field.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cidr.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/form.h"
#include "model/object.h"

const char *field_text(struct decode *d, struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string)) {
		decode_expected(d, "a string", value);
		return NULL;
	}
	text = json_object_get_string(value);
	if (strlen(text) == (size_t)json_object_get_string_len(value))
		return text;
	decode_error(d, "there is a NUL byte in it");
	return NULL;
}

/* form NULL: any. */
static void set_text(struct decode *d, struct json_object *value, void *target,
		     const struct form *form)
{
	const char *text = value ? field_text(d, value) : "";

	if (text && *text && form && !form->fits(text)) {
		decode_expected(d, form->what, value);
		text = NULL;
	}
	*(char **)target = mem_strdup(text ? text : "");
}

void field_string(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target)
{
	(void)field;
	set_text(d, value, target, NULL);
}

void field_label(struct decode *d, const struct decode_field *field, struct json_object *value,
		 void *target)
{
	(void)field;
	set_text(d, value, target, &form_label);
}

void field_subdomain(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	(void)field;
	set_text(d, value, target, &form_subdomain);
}

void field_bool(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	(void)field;
	if (!value)
		return;
	if (json_object_is_type(value, json_type_boolean))
		*(bool *)target = json_object_get_boolean(value);
	else
		decode_expected(d, "true or false", value);
}

void field_present(struct decode *d, const struct decode_field *field, struct json_object *value,
		   void *target)
{
	(void)d;
	(void)field;
	if (json_object_is_type(value, json_type_array))
		*(bool *)target = json_object_array_length(value) > 0;
	else
		*(bool *)target = value != NULL;
}

static void set_port(struct decode *d, struct json_object *value, void *target, int64_t min)
{
	int64_t port;

	if (!value)
		return;
	port = json_object_get_int64(value);
	if (json_object_is_type(value, json_type_int) && port >= min && port <= UINT16_MAX)
		*(uint16_t *)target = (uint16_t)port;
	else
		decode_expected(d, "a number from 1 to 65535", value);
}

void field_port(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	(void)field;
	set_port(d, value, target, 1);
}

void field_port_or_zero(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target)
{
	(void)field;
	set_port(d, value, target, 0);
}

void field_number(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target)
{
	const struct field_range *range = field->arg;
	_cleanup_(mem_freep) char *what = NULL;
	int64_t number;

	if (!value)
		return;
	number = json_object_get_int64(value);
	if (json_object_is_type(value, json_type_int) && number >= range->min &&
	    number <= range->max) {
		*(uint32_t *)target = (uint32_t)number;
		return;
	}
	what = mem_printf("a number from %" PRIu32 " to %" PRIu32, range->min, range->max);
	decode_expected(d, what, value);
}

void field_number16(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target)
{
	uint16_t *number = target;
	uint32_t wide = *number;

	field_number(d, field, value, &wide);
	*number = (uint16_t)wide;
}

const struct field_word field_protocols[] = {
	{ "TCP", L4_TCP },
	{ "UDP", L4_UDP },
	{ "SCTP", L4_SCTP },
	{ NULL, 0 },
};

static void report_words(struct decode *d, const struct field_word *words,
			 struct json_object *value)
{
	_cleanup_(str_fini) struct str what = { 0 };

	str_addf(&what, "%s", words->text);
	for (words++; words->text; words++)
		str_addf(&what, words[1].text ? ", %s" : " or %s", words->text);
	decode_expected(d, what.buf, value);
}

void field_enum(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	const struct field_word *words = field->arg, *word = words;
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	/* Absent and "" are the same to the API's types. */
	if (value && (!json_object_is_type(value, json_type_string) || *text)) {
		while (word->text && strcmp(word->text, text) != 0)
			word++;
	}
	if (word->text)
		*(int *)target = word->value;
	else
		report_words(d, words, value);
}

void field_flag(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	int flag = 0;

	field_enum(d, field, value, &flag);
	*(bool *)target = flag != 0;
}

/* Why an address is nobody's own, or NULL. */
static const char *find_special(const struct addr *addr)
{
	const uint8_t *byte = addr->byte;
	bool v4 = addr_family(addr) == 4;

	if (addr_is_zero(addr))
		return "the unspecified address";
	if (v4 ? (byte[12] & 0xf0) == 0xe0 : byte[0] == 0xff)
		return "a multicast address";
	if (v4 && byte[12] == 255 && byte[13] == 255 && byte[14] == 255 && byte[15] == 255)
		return "the broadcast address";
	return NULL;
}

static bool is_link_local(const struct addr *addr)
{
	const uint8_t *byte = addr->byte;

	if (addr_family(addr) == 4)
		return byte[12] == 169 && byte[13] == 254;
	return byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80;
}

enum reach {
	REACH_CLIENT,	/* whatever a client of another machine can dial */
	REACH_ENDPOINT, /* loopback, but no link-local one */
	REACH_SELF,	/* both */
};

static void set_addr(struct decode *d, struct json_object *value, void *target, enum reach reach)
{
	const char *text = value ? field_text(d, value) : NULL;
	const char *special;
	struct addr addr;

	if (!text)
		return;
	if (addr_parse(text, &addr))
		return decode_expected(d, "an IP address", value);
	special = find_special(&addr);
	if (!special && reach == REACH_CLIENT && addr_is_loopback(&addr))
		special = "a loopback address";
	if (!special && reach == REACH_ENDPOINT && is_link_local(&addr))
		special = "a link-local address";
	if (special)
		decode_error(d, "%s is %s", text, special);
	else
		memcpy(target, &addr, sizeof(addr));
}

void field_addr(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	(void)field;
	set_addr(d, value, target, REACH_CLIENT);
}

void field_endpoint_addr(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	(void)field;
	set_addr(d, value, target, REACH_ENDPOINT);
}

void field_own_addr(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target)
{
	(void)field;
	set_addr(d, value, target, REACH_SELF);
}

void field_cidr(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	const char *text = value ? field_text(d, value) : NULL;
	struct cidr cidr;

	(void)field;
	if (!text)
		return;
	if (cidr_parse(text, &cidr))
		decode_expected(d, "an IP prefix such as 10.0.0.0/8", value);
	else
		memcpy(target, &cidr, sizeof(cidr));
}
