// SPDX-License-Identifier: Apache-2.0
/*
 * Reads durations and times, digit by digit: what C's library takes besides (blanks, signs, names)
 * is none of these. Invariant: no text, whatever its length, overflows a number.
 */
#include "kube/duration.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "base/mem.h"
#include "kube/field.h"

#define NS_PER_MS 1000000u
/* Sums stop growing here: 292 years, far beyond what is kept. */
#define NS_MAX ((uint64_t)INT64_MAX)

struct unit {
	const char *name;
	uint64_t ns;
};

/* Longer names before those that they begin with. */
static const struct unit units[] = {
	{ "ms", NS_PER_MS },
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\u00b5s", 1000 }, /* micro sign */
	{ "\u03bcs", 1000 }, /* Greek mu */
	{ "h", 3600000ull * NS_PER_MS },
	{ "m", 60000ull * NS_PER_MS },
	{ "s", 1000ull * NS_PER_MS },
};

static const struct unit *take_unit(const char **p)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t len = strlen(units[i].name);

		if (!strncmp(*p, units[i].name, len)) {
			*p += len;
			return &units[i];
		}
	}
	return NULL;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return a > NS_MAX - b ? NS_MAX : a + b;
}

static uint64_t multiply_capped(uint64_t a, uint64_t b)
{
	return b && a > NS_MAX / b ? NS_MAX : a * b;
}

/* Digits, perhaps none; moves behind them. */
static uint64_t take_digits(const char **p)
{
	uint64_t value = 0;

	for (; isdigit((unsigned char)**p); ++*p)
		value = add_capped(multiply_capped(value, 10), (uint64_t)(**p - '0'));
	return value;
}

/* What the digits behind a point are worth; those below a nanosecond are nothing. */
static uint64_t take_fraction(const char **p, uint64_t unit_ns, bool *ret_whole)
{
	uint64_t ns = 0;

	for (uint64_t worth = unit_ns / 10; isdigit((unsigned char)**p); ++*p, worth /= 10) {
		ns += (uint64_t)(**p - '0') * worth;
		*ret_whole &= worth > 0 || **p == '0';
	}
	return ns;
}

/* "1h", "1.5s", ".5m": a number and its unit. */
static bool take_term(const char **p, uint64_t *sum, bool *whole)
{
	const char *digits = *p, *fraction;
	const struct unit *unit;
	uint64_t value = take_digits(p);
	bool any = *p > digits;

	fraction = *p;
	if (**p == '.') {
		++*p;
		fraction = *p;
		*p += strspn(*p, "0123456789");
		any |= *p > fraction;
	}
	unit = any ? take_unit(p) : NULL;
	if (!unit)
		return false;
	*sum = add_capped(*sum, multiply_capped(value, unit->ns));
	*sum = add_capped(*sum, take_fraction(&fraction, unit->ns, whole));
	return true;
}

/* Go's time.ParseDuration() without a sign. */
static bool parse_go(const char *text, uint64_t *ret_ns, bool *ret_whole)
{
	*ret_ns = 0;
	*ret_whole = true;
	if (!strcmp(text, "0"))
		return true;
	if (!*text)
		return false;
	while (*text) {
		if (!take_term(&text, ret_ns, ret_whole))
			return false;
	}
	return true;
}

/* ^([0-9]{1,5}(h|m|s|ms)){1,4}$ */
static bool is_gateway_form(const char *text)
{
	int terms = 0;

	for (; *text; terms++) {
		size_t digits = strspn(text, "0123456789");

		if (!digits || digits > 5)
			return false;
		text += digits;
		if (!strchr("hms", *text) || !*text)
			return false;
		text += !strncmp(text, "ms", 2) ? 2 : 1;
	}
	return terms >= 1 && terms <= 4;
}

static void set_ms(void *target, uint64_t ns)
{
	uint64_t ms = ns / NS_PER_MS;

	*(uint32_t *)target = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

void duration_gateway(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	const char *text = value ? field_text(d, value) : NULL;
	uint64_t ns;
	bool whole;

	(void)field;
	if (!text)
		return;
	if (is_gateway_form(text) && parse_go(text, &ns, &whole))
		set_ms(target, ns);
	else
		decode_expected(d, "a duration such as 1h30m, 10s or 500ms", value);
}

void duration_istio(struct decode *d, const struct decode_field *field, struct json_object *value,
		    void *target)
{
	const char *text = value ? field_text(d, value) : NULL;
	uint64_t ns;
	bool whole;

	(void)field;
	if (!text)
		return;
	if (parse_go(text, &ns, &whole) && whole && (ns == NS_MAX || ns % NS_PER_MS == 0))
		set_ms(target, ns);
	else
		decode_expected(d, "a duration of whole milliseconds such as 1h, 1.5s or 500ms",
				value);
}

/* So many digits as a number. */
static bool take_number(const char **p, int digits, int min, int max, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < digits; i++, ++*p) {
		if (!isdigit((unsigned char)**p))
			return false;
		number = number * 10 + (**p - '0');
	}
	*ret_number = number;
	return number >= min && number <= max;
}

static bool take_char(const char **p, const char *set)
{
	return **p && strchr(set, **p) && *(*p)++;
}

/* "Z", "+01:00" */
static bool take_offset(const char **p, int *ret_minutes)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	*ret_minutes = 0;
	if (take_char(p, "Zz"))
		return true;
	if (!take_char(p, "+-") || !take_number(p, 2, 0, 23, &hours) || !take_char(p, ":") ||
	    !take_number(p, 2, 0, 59, &minutes))
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

/* The digits of a fraction, as millionths; more than six are cut off. */
static bool take_millionths(const char **p, uint32_t *ret_micro)
{
	size_t digits = strspn(*p, "0123456789");
	uint32_t micro = 0;

	for (size_t i = 0; i < 6; i++)
		micro = micro * 10 + (i < digits ? (uint32_t)((*p)[i] - '0') : 0);
	*p += digits;
	*ret_micro = micro;
	return digits > 0;
}

static bool parse_timestamp(const char *p, int64_t *ret_seconds, uint32_t *ret_micro)
{
	struct tm tm = { 0 };
	uint32_t micro = 0;
	int offset;

	if (!take_number(&p, 4, 0, 9999, &tm.tm_year) || !take_char(&p, "-") ||
	    !take_number(&p, 2, 1, 12, &tm.tm_mon) || !take_char(&p, "-") ||
	    !take_number(&p, 2, 1, 31, &tm.tm_mday) || !take_char(&p, "Tt") ||
	    !take_number(&p, 2, 0, 23, &tm.tm_hour) || !take_char(&p, ":") ||
	    !take_number(&p, 2, 0, 59, &tm.tm_min) || !take_char(&p, ":") ||
	    !take_number(&p, 2, 0, 60, &tm.tm_sec))
		return false;
	if (take_char(&p, ".") && !take_millionths(&p, &micro))
		return false;
	if (!take_offset(&p, &offset) || *p)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret_seconds = timegm(&tm) - offset * 60;
	*ret_micro = micro;
	return true;
}

void duration_timestamp(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target)
{
	const char *text = value ? field_text(d, value) : NULL;
	int64_t seconds;
	uint32_t micro;

	(void)field;
	if (!text)
		return;
	if (parse_timestamp(text, &seconds, &micro))
		*(int64_t *)target = seconds;
	else
		decode_expected(d, "a time such as 2026-01-31T12:00:00Z", value);
}

void duration_moment(struct decode *d, const struct decode_field *field, struct json_object *value,
		     void *target)
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	int64_t seconds;
	uint32_t micro;

	(void)d;
	(void)field;
	if (parse_timestamp(text, &seconds, &micro) && seconds > 0)
		*(int64_t *)target = seconds * 1000000 + micro;
}
