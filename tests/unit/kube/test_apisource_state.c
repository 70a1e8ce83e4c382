// SPDX-License-Identifier: Apache-2.0
/* Secrets that Gateways name, and the objects that were known last. */
#include "sourcerig.h"

#include "certs.h"

/* ---- Secrets -------------------------------------------------------------------------------- */

#define SECRETS	     "/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3D"
#define SECRETS_PATH "/api/v1/namespaces/shop/secrets"

/* A new string. */
static char *secret_json(const char *namespace, const char *name)
{
	return mem_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\","
			  "\"resourceVersion\":\"5\"},\"type\":\"kubernetes.io/tls\",\"data\":{"
			  "\"tls.crt\":\"" CERTS_CHAIN_BASE64 "\",\"tls.key\":\"" CERTS_KEY_BASE64
			  "\"}}",
			  name, namespace);
}

static void only_secrets_that_our_gateways_name_are_read(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, GROUP "gateways", 200, OBJECTS(GATEWAY("naru", "tls-a")));
	answers(rig, SECRETS_PATH, 200, OBJECTS(NULL));
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	assert_non_null(fake_find(SECRETS "tls-a&watch"));
	/* Another one is named. */
	event(GROUP "gateways", "MODIFIED", GATEWAY("naru", "tls-b"));
	pass(rig, 1000);
	assert_null(fake_find(SECRETS "tls-a"));
	assert_non_null(fake_find(SECRETS "tls-b"));
	/* Those of other controllers are none of our business. */
	event(GROUP "gateways", "MODIFIED", GATEWAY("other", "tls-b"));
	pass(rig, 1000);
	assert_null(fake_find(SECRETS_PATH));
	event(GROUP "gateways", "MODIFIED", GATEWAY("naru", "tls-c"));
	pass(rig, 1000);
	assert_non_null(fake_find(SECRETS "tls-c"));
	event(GROUP "gatewayclasses", "DELETED", CLASS);
	pass(rig, 1000);
	assert_null(fake_find(SECRETS_PATH));
}

static void a_secret_goes_when_nobody_names_it(void **state)
{
	_cleanup_(mem_freep) char *secret = secret_json("shop", "tls-a");
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, GROUP "gateways", 200, OBJECTS(GATEWAY("naru", "tls-a")));
	answers(rig, SECRETS_PATH, 200, OBJECTS(secret));
	open_rig(rig);
	pass(rig, 1000);
	assert_int_equal(count(rig, OBJECT_SECRET), 1);
	event(GROUP "gateways", "DELETED", GATEWAY("naru", "tls-a"));
	pass(rig, 1000);
	assert_int_equal(count(rig, OBJECT_SECRET), 0);
}

static void a_change_waits_for_its_secret(void **state)
{
	_cleanup_(mem_freep) char *secret = secret_json("shop", "tls-b");
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, SECRETS_PATH, 0, NULL);
	open_rig(rig);
	pass(rig, 1000);
	rig->changed = 0;
	event(GROUP "gateways", "ADDED", GATEWAY("naru", "tls-b"));
	pass(rig, 4000);
	assert_int_equal(rig->changed, 0);
	answers(rig, SECRETS_PATH, 200, OBJECTS(secret));
	pass(rig, 100);
	assert_int_equal(rig->changed, 1);
	assert_int_equal(count(rig, OBJECT_SECRET), 1);
	/* But not for ever, and not for one that may not be read. */
	rig->changed = 0;
	answers(rig, SECRETS_PATH, 0, NULL);
	event(GROUP "gateways", "MODIFIED", GATEWAY("naru", "tls-c"));
	pass(rig, 4900);
	assert_int_equal(rig->changed, 0);
	pass(rig, 200);
	assert_int_equal(rig->changed, 1);
	event("/api/v1/services", "MODIFIED", SERVICE("a", "99"));
	pass(rig, 100);
	assert_int_equal(rig->changed, 2);
	answers(rig, SECRETS_PATH, 403, mem_strdup("no"));
	pass(rig, 1000);
	event(GROUP "gateways", "MODIFIED", GATEWAY("naru", "tls-d"));
	rig->changed = 0;
	pass(rig, 1000);
	assert_int_equal(rig->changed, 1);
}

static void a_secret_that_may_not_be_read_does_not_keep_all_waiting(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, GROUP "gateways", 200, OBJECTS(GATEWAY("naru", "tls-a")));
	answers(rig, SECRETS_PATH, 403, mem_strdup("no"));
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	pass(rig, 15000);
	assert_int_equal(apisource_diags(rig->source)->n, 1);
	assert_string_equal(apisource_diags(rig->source)->items[0].file, SECRETS_PATH);
}

/* ---- last-known objects --------------------------------------------------------------------- */

static void use_file(struct rig *rig)
{
	snprintf(rig->state_file, sizeof(rig->state_file), "/tmp/naru-test-%d.state",
		 (int)getpid());
	remove(rig->state_file);
}

/* Another narud, after a boot. */
static void boot(struct rig *rig)
{
	apisource_close(TAKE_PTR(rig->source));
	model_free(rig->model);
	rig->model = model_new();
	rig->changed = 0;
	open_rig(rig);
}

static void be_silent(struct rig *rig, int status)
{
	for (size_t i = 0; i < rig->n; i++)
		rig->rows[i].status = status;
}

static bool has_diag(const struct rig *rig, const char *file)
{
	const struct diag_list *diags = apisource_diags(rig->source);

	for (size_t i = 0; i < diags->n; i++)
		if (!strcmp(diags->items[i].file, file))
			return true;
	return false;
}

static void last_known_objects_are_served_while_no_server_answers(void **state)
{
	struct rig *rig = *state;
	struct apisource_status status;

	use_file(rig);
	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	be_silent(rig, -1);
	boot(rig);
	pass(rig, 2999);
	assert_false(apisource_is_ready(rig->source));
	assert_int_equal(count(rig, OBJECT_SERVICE), 0);
	pass(rig, 1);
	assert_true(apisource_is_ready(rig->source));
	assert_int_equal(count(rig, OBJECT_SERVICE), 2);
	assert_true(rig->changed > 0);
	apisource_status(rig->source, &status);
	assert_true(status.stale);
	assert_false(status.synced);
	pass(rig, 10);
	assert_true(has_diag(rig, rig->state_file));
	/* What the server has replaces them as a whole, and only as a whole. */
	be_silent(rig, 200);
	answers(rig, "/api/v1/services", 200, OBJECTS(SERVICE("b", "81"), SERVICE("c", "82")));
	answers(rig, "/api/v1/nodes", 0, NULL);
	pass(rig, 60000);
	assert_int_equal(port_of(rig, "a"), 80);
	assert_int_equal(port_of(rig, "b"), 80);
	answers(rig, "/api/v1/nodes", 200, OBJECTS(NAMED("n1")));
	pass(rig, 60000);
	assert_int_equal(port_of(rig, "a"), 0);
	assert_int_equal(port_of(rig, "b"), 81);
	assert_int_equal(port_of(rig, "c"), 82);
	assert_int_equal(count(rig, OBJECT_NODE), 1);
	apisource_status(rig->source, &status);
	assert_false(status.stale);
	assert_true(status.synced);
	pass(rig, 10);
	assert_false(has_diag(rig, rig->state_file));
}

static void a_server_that_answers_slowly_is_waited_for(void **state)
{
	struct rig *rig = *state;

	use_file(rig);
	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	answers(rig, "/api/v1/nodes", 0, NULL);
	boot(rig);
	pass(rig, 59000);
	assert_false(apisource_is_ready(rig->source));
	pass(rig, 2000);
	assert_true(apisource_is_ready(rig->source));
}

static void without_a_file_nothing_is_served(void **state)
{
	struct rig *rig = *state;

	use_file(rig);
	small_cluster(rig);
	be_silent(rig, -1);
	open_rig(rig);
	pass(rig, 120000);
	assert_false(apisource_is_ready(rig->source));
	assert_int_equal(count(rig, OBJECT_SERVICE), 0);
	assert_int_equal(access(rig->state_file, F_OK), -1);
	be_silent(rig, 200);
	pass(rig, 120000);
	assert_true(is_synced(rig));
	assert_int_equal(access(rig->state_file, F_OK), 0);
}

/* What is read of a cluster that is only half known must not become what is known last. */
static void a_node_that_never_was_synced_leaves_the_file_alone(void **state)
{
	struct rig *rig = *state;

	use_file(rig);
	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	answers(rig, "/api/v1/services", 200, OBJECTS(NULL));
	answers(rig, "/api/v1/nodes", 0, NULL);
	boot(rig);
	pass(rig, 30000);
	be_silent(rig, -1);
	boot(rig);
	pass(rig, 10000);
	assert_int_equal(count(rig, OBJECT_SERVICE), 2);
}

/* Those of a DaemonSet that was just made ask one after the other; one that boots does not wait to
 * find out that nobody answers. */
static void who_knew_objects_asks_at_once(void **state)
{
	struct rig *rig = *state;

	use_file(rig);
	small_cluster(rig);
	rig->spread_ms = 5000;
	fake.random = 4000;
	open_rig(rig);
	pass(rig, 3999);
	assert_int_equal(fake.n, 0);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	boot(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_secrets_that_our_gateways_name_are_read),
		TEST(a_secret_goes_when_nobody_names_it),
		TEST(a_change_waits_for_its_secret),
		TEST(a_secret_that_may_not_be_read_does_not_keep_all_waiting),
		TEST(last_known_objects_are_served_while_no_server_answers),
		TEST(a_server_that_answers_slowly_is_waited_for),
		TEST(without_a_file_nothing_is_served),
		TEST(a_node_that_never_was_synced_leaves_the_file_alone),
		TEST(who_knew_objects_asks_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
