// SPDX-License-Identifier: Apache-2.0
/*
 * The only user of PCRE2. narud checks patterns with it, the proxy matches. Invariant: a match that
 * was given up is an error, never "no match", or a request could take a rule that was not meant
 * for it.
 */
#include "http/regex.h"

#include <errno.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"

/* What `(a+)+$` against 40 bytes needs is far beyond; what honest patterns need, far below. */
#define MATCH_LIMIT    100000
#define HEAP_LIMIT_KIB 1024
#define JIT_STACK_MIN  (32 * 1024)
#define JIT_STACK_MAX  (256 * 1024)

struct regex {
	pcre2_code *code;
};

struct regex_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static int compile(const char *pattern, pcre2_code **ret_code, char **ret_error)
{
	/* A pattern may not switch to UTF-8: clients' bytes need not be it. */
	const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
				 PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	size_t len = strlen(pattern), where;
	PCRE2_UCHAR text[256];
	pcre2_code *code;
	int error;

	if (len > REGEX_PATTERN_MAX) {
		*ret_error = mem_printf("longer than %d bytes", REGEX_PATTERN_MAX);
		return -EINVAL;
	}
	code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &error, &where, NULL);
	if (!code) {
		pcre2_get_error_message(error, text, sizeof(text));
		*ret_error = mem_printf("%s at byte %zu", (const char *)text, where);
		return -EINVAL;
	}
	*ret_code = code;
	return 0;
}

int regex_new(const char *pattern, struct regex **ret_regex, char **ret_error)
{
	struct regex *regex;
	pcre2_code *code;
	int r = compile(pattern, &code, ret_error);

	if (r < 0)
		return r;
	/* Where memory may not be made executable, the interpreter does the same, slower. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	regex = mem_new(sizeof(*regex));
	regex->code = code;
	*ret_regex = regex;
	return 0;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}

char *regex_check(const char *pattern)
{
	pcre2_code *code;
	char *error;

	if (compile(pattern, &code, &error) < 0)
		return error;
	pcre2_code_free(code);
	return NULL;
}

struct regex_scratch *regex_scratch_new(void)
{
	struct regex_scratch *scratch = mem_new(sizeof(*scratch));

	scratch->data = pcre2_match_data_create(1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (!scratch->data || !scratch->context)
		abort();
	pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
	pcre2_set_heap_limit(scratch->context, HEAP_LIMIT_KIB);
	/* Without one (no memory that may be executed) matches take the machine's stack. */
	scratch->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	return scratch;
}

void regex_scratch_free(struct regex_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	pcre2_jit_stack_free(scratch->stack);
	free(scratch);
}

int regex_match(const struct regex *regex, struct regex_scratch *scratch, const char *text,
		size_t len)
{
	int r = pcre2_match(regex->code, (PCRE2_SPTR)(len ? text : ""), len, 0, 0, scratch->data,
			    scratch->context);

	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	/* 0: more groups than there is room for, which nobody asked for. */
	return r >= 0 ? 1 : -ELOOP;
}
