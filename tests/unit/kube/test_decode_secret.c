// SPDX-License-Identifier: Apache-2.0
/*
 * Secrets: certificate and key in both notations, what is wrong with them, and that nothing of a
 * key is ever said.
 */
#include "texts.h"

#include "certs.h"
#include "http/tls.h"
#include "model/gateway.h"

#define ANY	       "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
#define SECRET	       ANY "type: kubernetes.io/tls\n"
#define DATA(crt, key) SECRET "data:\n  tls.crt: " crt "\n  tls.key: " key "\n"
#define GOOD	       DATA(CERTS_CHAIN_BASE64, CERTS_KEY_BASE64)
#define ERROR	       "error: Secret default/s: "

static const struct secret *secret_of(const struct load *load)
{
	assert_int_equal(load->n, 1);
	assert_int_equal(load->objects[0]->kind, OBJECT_SECRET);
	return (const struct secret *)load->objects[0];
}

static void assert_good(const struct secret *secret)
{
	uint8_t fingerprint[32];

	assert_string_equal(secret->chain, CERTS_CHAIN);
	assert_int_equal(secret->key.len, strlen(CERTS_KEY));
	assert_string_equal(secret->key.data, CERTS_KEY);
	tls_fingerprint(secret->chain, &secret->key, fingerprint);
	assert_memory_equal(secret->fingerprint, fingerprint, sizeof(fingerprint));
}

static void chain_and_key_are_read(void **state)
{
	struct load loads[2], yaml = load_yaml(GOOD);

	(void)state;
	assert_diags(&yaml, "");
	assert_good(secret_of(&yaml));
	load_both("{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": "
		  "\"s\"}, \"type\": \"kubernetes.io/tls\", \"data\": {\"tls.crt\": "
		  "\"" CERTS_CHAIN_BASE64 "\", \"tls.key\": \"" CERTS_KEY_BASE64 "\"}}",
		  loads);
	assert_good(secret_of(&loads[1]));
	assert_true(object_equal(yaml.objects[0], loads[1].objects[0]));
	load_fini(&yaml);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

/* Each line of a text, indented as a block of YAML. */
static void add_block(struct str *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n") + 1;

		str_addf(out, "    ");
		str_add(out, text, len);
		text += len;
	}
}

static void string_data_wins(void **state)
{
	struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, "%s", DATA("''", CERTS_OTHER_KEY_BASE64) "stringData:\n  tls.crt: |\n");
	add_block(&text, CERTS_CHAIN);
	str_addf(&text, "  tls.key: |\n");
	add_block(&text, CERTS_KEY);
	load = load_yaml(text.buf);
	assert_diags(&load, "");
	assert_good(secret_of(&load));
	load_fini(&load);
	str_fini(&text);
}

/* The texts of a document are wiped after all of its objects are read, not before. */
static void aliases_make_two_secrets_of_one_key(void **state)
{
	struct load load = load_yaml(
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: Secret, metadata: {name: a}, type: kubernetes.io/tls,\n"
		"   data: &d {tls.crt: " CERTS_CHAIN_BASE64 ", tls.key: " CERTS_KEY_BASE64 "}}\n"
		"- {apiVersion: v1, kind: Secret, metadata: {name: b}, type: kubernetes.io/tls,\n"
		"   data: *d}\n");

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(load.n, 2);
	assert_good((const struct secret *)load.objects[0]);
	assert_good((const struct secret *)load.objects[1]);
	load_fini(&load);
}

static void other_types_are_other_kinds(void **state)
{
	struct load load = load_yaml(
		"{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: '!'}}\n---\n"
		"{apiVersion: v1, kind: Secret, type: Opaque, data: {tls.key: '!'}}\n---\n"
		"{apiVersion: v1, kind: Secret, type: null, metadata: {name: s}}\n");

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(load.n, 0);
	assert_int_equal(load.skipped, 3);
	load_fini(&load);
}

static void secrets_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ SECRET, "f:1: " ERROR "data[tls.crt]: is required\n"
			  "f:1: " ERROR "data[tls.key]: is required" },
		{ DATA(CERTS_CHAIN_BASE64, "''"), "f:1: " ERROR "data[tls.key]: is required" },
		{ DATA("'A'", CERTS_KEY_BASE64), "f:6: " ERROR "data[tls.crt]: expected base 64" },
		{ DATA(CERTS_CHAIN_BASE64, "'Zg'"),
		  "f:7: " ERROR "data[tls.key]: expected base 64" },
		{ DATA(CERTS_CHAIN_BASE64, "5"), "f:7: " ERROR "data[tls.key]: expected a string" },
		{ DATA("QQBC", CERTS_KEY_BASE64),
		  "f:6: " ERROR "data[tls.crt]: there is a NUL byte in it" },
		{ DATA("QUJD", CERTS_KEY_BASE64), "f:1: " ERROR "tls.crt: no certificate in it" },
		{ DATA(CERTS_CHAIN_BASE64, "QUJD"),
		  "f:1: " ERROR "tls.key: no private key in it that can be read" },
		{ DATA(CERTS_CHAIN_BASE64, CERTS_OTHER_KEY_BASE64),
		  "f:1: " ERROR "tls.key: does not belong to the first certificate of tls.crt" },
		{ ANY "type: 5\n", "f:4: " ERROR "type: expected a string" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

/* Wherever a key stands, whatever is wrong around it, no diagnostic has it. */
static void no_diagnostic_has_any_of_it(void **state)
{
	static const char *const texts[] = {
		DATA("TMARKER!", "TMARKER!"),
		DATA("[TMARKER]", "{a: TMARKER}"),
		DATA(CERTS_CHAIN_BASE64, "TMARKER="),
		SECRET "data: TMARKER\n",
		SECRET "data: [TMARKER]\n",
		SECRET "stringData: TMARKER\n",
		SECRET "stringData: {tls.crt: [TMARKER], tls.key: {TMARKER: TMARKER}}\n",
		SECRET "stringData: {tls.crt: TMARKER, tls.key: TMARKER}\n",
		SECRET "stringData: {tls.crt: TMARKER, tls.crt: TMARKER}\n",
		SECRET "stringData: {tls.crt: 'TMARKER\n",
		SECRET "stringData: {tls.key: TMARKER TMARKER: TMARKER}\n",
		ANY "type: [TMARKER]\n",
		"{apiVersion: v1, kind: Secret, type: Opaque, metadata: TMARKER, data: TMARKER}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (int json = 0; json < 2; json++) {
			struct load load = json ? load_json(texts[i]) : load_yaml(texts[i]);
			_cleanup_(mem_freep) char *diags = diags_of(&load);

			if (strstr(diags, "TMARKER"))
				fail_msg("%s", diags);
			assert_int_equal(load.n, 0);
			load_fini(&load);
		}
	}
}

/* A manifest is not the only place that puts limits on what it takes. */
static void long_ones_are_refused(void **state)
{
	struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, "%s", SECRET "data: {tls.crt: '");
	for (int i = 0; i < 400000; i++)
		str_addf(&text, "AAAA");
	str_addf(&text, "', tls.key: '");
	for (int i = 0; i < 600000; i++)
		str_addf(&text, "AAAA");
	str_addf(&text, "'}\n");
	load = load_yaml(text.buf);
	assert_diags(&load, "f:5: " ERROR "data[tls.crt]: is longer than 1048576 bytes\n"
			    "f:5: " ERROR "data[tls.key]: is longer than 1048576 bytes");
	load_fini(&load);
	str_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_and_key_are_read),
		cmocka_unit_test(string_data_wins),
		cmocka_unit_test(aliases_make_two_secrets_of_one_key),
		cmocka_unit_test(other_types_are_other_kinds),
		cmocka_unit_test(secrets_say_what_is_wrong),
		cmocka_unit_test(no_diagnostic_has_any_of_it),
		cmocka_unit_test(long_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
