// SPDX-License-Identifier: Apache-2.0
/* Certificates from PEM: what is taken, and what is refused with which words. */
#include <errno.h>

#include "certs.h"

static const char *refused(const char *chain, const struct secret_bytes *key)
{
	struct tls_cert *cert = NULL;
	const char *reason = NULL;

	assert_int_equal(tls_cert_new(chain, key, &cert, &reason), -EINVAL);
	assert_null(cert);
	return reason;
}

static void assert_taken(const char *chain, const struct secret_bytes *key)
{
	struct tls_cert *cert = NULL;
	const char *reason = NULL;

	assert_int_equal(tls_cert_new(chain, key, &cert, &reason), 0);
	assert_null(reason);
	assert_ptr_equal(tls_cert_ref(cert), cert);
	tls_cert_unref(cert);
	tls_cert_unref(cert);
}

static void both_kinds_of_keys_are_taken(void **state)
{
	static const unsigned bits[] = { 0, 2048 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		struct pem pem = pem_make(bits[i], "a.example.com", NULL);

		assert_taken(pem.chain, &pem.key);
		pem_fini(&pem);
	}
	tls_cert_unref(NULL);
}

static char *repeat(const char *first, const char *rest, size_t n)
{
	char *text = mem_strdup(first);

	while (n--) {
		_cleanup_(mem_freep) char *before = text;

		text = mem_printf("%s%s", before, rest);
	}
	return text;
}

static void chains_are_taken_up_to_a_length(void **state)
{
	struct pem pem = pem_make(0, "leaf", NULL), ca = pem_make(0, "ca", NULL);
	_cleanup_(mem_freep) char *ten = repeat(pem.chain, ca.chain, 9);
	_cleanup_(mem_freep) char *eleven = repeat(pem.chain, ca.chain, 10);
	_cleanup_(mem_freep) char *words = repeat("some words\n", pem.chain, 1);
	_cleanup_(mem_freep) char *huge = repeat(pem.chain, "0123456789abcdef", 4096);

	(void)state;
	assert_taken(ten, &pem.key);
	assert_taken(words, &pem.key);
	assert_string_equal(refused(eleven, &pem.key), "tls.crt: more than 10 certificates");
	assert_string_equal(refused(huge, &pem.key), "tls.crt: longer than 64 KB");
	pem_fini(&pem);
	pem_fini(&ca);
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct pem pem = pem_make(0, "a", NULL);
	_cleanup_(mem_freep) char *cut = mem_strdup(pem.chain);
	_cleanup_(mem_freep) char *second = NULL;

	(void)state;
	assert_string_equal(refused("", &pem.key), "tls.crt: no certificate in it");
	assert_string_equal(refused("hello", &pem.key), "tls.crt: no certificate in it");
	/* A key is none. */
	assert_string_equal(refused(pem.key.data, &pem.key), "tls.crt: no certificate in it");
	cut[strlen(cut) / 2] = 0;
	assert_string_equal(refused(cut, &pem.key), "tls.crt: a certificate in it cannot be read");
	second = repeat(pem.chain, cut, 1);
	assert_string_equal(refused(second, &pem.key),
			    "tls.crt: a certificate in it cannot be read");
	pem_fini(&pem);
}

/* As `openssl ecparam -genkey` writes them. */
static void parameters_before_a_key_are_skipped(void **state)
{
	static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
					 "-----END EC PARAMETERS-----\n";
	struct pem pem = pem_make(0, "a", NULL);

	(void)state;
	pem_set_key(&pem, mem_printf("%s%s", parameters, pem.key.data));
	assert_taken(pem.chain, &pem.key);
	pem_fini(&pem);
}

static void what_is_no_key_is_refused(void **state)
{
	struct pem pem = pem_make(0, "a", NULL);
	struct pem other = pem_make(0, "a", NULL);
	struct secret_bytes none = { 0 };
	struct secret_bytes words = { .data = pem.chain, .len = strlen(pem.chain) };

	(void)state;
	assert_string_equal(refused(pem.chain, &none), "tls.key: no private key in it");
	assert_string_equal(refused(pem.chain, &words),
			    "tls.key: no private key in it that can be read");
	assert_string_equal(refused(pem.chain, &other.key),
			    "tls.key: does not belong to the first certificate of tls.crt");
	pem_fini(&pem);
	pem_fini(&other);
}

/* Without asking for the passphrase on a terminal. */
static void an_encrypted_key_is_refused(void **state)
{
	struct pem pem = pem_make(0, "a", "secret");

	(void)state;
	assert_string_equal(refused(pem.chain, &pem.key),
			    "tls.key: is encrypted, which nobody here can decrypt");
	pem_fini(&pem);
}

static void a_short_key_is_refused(void **state)
{
	struct pem pem = pem_make(1024, "a", NULL);

	(void)state;
	assert_string_equal(refused(pem.chain, &pem.key),
			    "tls.crt: a key is too short or a signature too weak");
	pem_fini(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_of_keys_are_taken),
		cmocka_unit_test(chains_are_taken_up_to_a_length),
		cmocka_unit_test(what_is_no_certificate_is_refused),
		cmocka_unit_test(parameters_before_a_key_are_skipped),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(an_encrypted_key_is_refused),
		cmocka_unit_test(a_short_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
