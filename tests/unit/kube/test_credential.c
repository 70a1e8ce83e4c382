// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a credential that change: what a volume that the kubelet projects gets is in use at
 * once, without that any time goes by; what is no good leaves the old in force.
 */
#include "clientrig.h"

#include <sys/stat.h>

/* As the kubelet's atomic writer does it: the files' links go through "..data", a link that is
 * renamed. */
struct volume {
	char *dir;
	unsigned turn;
};

static char *at(const struct volume *volume, const char *name)
{
	return mem_printf("%s/%s", volume->dir, name);
}

static void put_in(const char *folder, const char *name, const char *text)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void remove_turn(const struct volume *volume, unsigned turn)
{
	static const char *const names[] = { "ca", "token", "cert", "key" };
	_cleanup_(mem_freep) char *folder = mem_printf("%s/..%u", volume->dir, turn);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", folder, names[i]);

		unlink(path);
	}
	rmdir(folder);
}

static void link_name(const struct volume *volume, const char *name)
{
	_cleanup_(mem_freep) char *path = at(volume, name), *to = mem_printf("..data/%s", name);

	(void)!symlink(to, path);
}

/* cert and key are those of a client, or NULL. */
static void project(struct volume *volume, const char *ca, const char *token,
		    const struct issued *client)
{
	_cleanup_(mem_freep) char *folder = mem_printf("%s/..%u", volume->dir, ++volume->turn);
	_cleanup_(mem_freep) char *link = at(volume, "..data"), *draft = at(volume, "..data_tmp");

	assert_int_equal(mkdir(folder, 0700), 0);
	put_in(folder, "ca", ca);
	put_in(folder, "token", token);
	if (client) {
		put_in(folder, "cert", client->cert);
		put_in(folder, "key", client->key);
	}
	assert_int_equal(symlink(strrchr(folder, '/') + 1, draft), 0);
	assert_int_equal(rename(draft, link), 0);
	link_name(volume, "ca");
	link_name(volume, "token");
	link_name(volume, "cert");
	link_name(volume, "key");
	remove_turn(volume, volume->turn - 1);
}

static void remove_volume(struct volume *volume)
{
	static const char *const names[] = { "ca", "token", "cert", "key", "..data" };

	remove_turn(volume, volume->turn);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(mem_freep) char *path = at(volume, names[i]);

		unlink(path);
	}
	assert_int_equal(rmdir(volume->dir), 0);
	free(volume->dir);
}

static void take(char **text, char *value)
{
	free(*text);
	*text = value;
}

/* A server, and a client whose access is in the volume. ours: its certificate, or NULL. */
static void begin(struct rig *rig, struct volume *volume, const struct issued *ours)
{
	volume->dir = mem_printf("%s/volume", rig->dir);
	assert_int_equal(mkdir(volume->dir, 0700), 0);
	project(volume, rig->authority.pem, "one", ours);
	rig->server = server_start((struct server){ .protocol = "\2h2" }, &rig->issued,
				   ours ? &rig->authority : NULL);
	rig_access(rig, NULL);
	take(&rig->access.ca_file, at(volume, "ca"));
	take(&rig->access.token_file, at(volume, "token"));
	if (ours) {
		take(&rig->access.cert_file, at(volume, "cert"));
		take(&rig->access.key_file, at(volume, "key"));
	}
	rig_open(rig, (struct client_times){ 0 });
	call_expect(rig, "/api", 200, 0);
}

/* The loop has seen all that was to be seen when a whole call has gone through it. */
static void turn(struct rig *rig)
{
	rig->server->token = NULL;
	call_expect(rig, "/api", 200, 0);
}

static void a_new_token_is_shown_at_once(void **state)
{
	struct rig *rig = *state;
	struct volume volume = { 0 };

	begin(rig, &volume, NULL);
	project(&volume, rig->authority.pem, "two", NULL);
	turn(rig);
	rig->server->token = "two";
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 0);
	/* The volume has changed, this file has not: the connection stays. */
	assert_int_equal(rig->server->conns, 1);
	remove_volume(&volume);
}

static void what_is_broken_leaves_the_old_in_force(void **state)
{
	static const char *const broken[] = { "", "no certificate",
					      "-----BEGIN CERTIFICATE-----\nAAAA\n"
					      "-----END CERTIFICATE-----\n" };
	struct rig *rig = *state;
	struct volume volume = { 0 };

	begin(rig, &volume, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		project(&volume, broken[i], i ? "a b" : "", NULL);
		turn(rig);
		rig->server->token = "one";
		call_expect(rig, "/api", 200, 0);
	}
	assert_int_equal(rig->server->refused, 0);
	assert_int_equal(rig->server->conns, 1);
	/* And the next good one counts. */
	project(&volume, rig->authority.pem, "two", NULL);
	turn(rig);
	rig->server->token = "two";
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 0);
	remove_volume(&volume);
}

/* Who has a stream there keeps it until it ends; the next call has a connection that goes by the
 * new one, and what the old one would have believed is believed no more. */
static void a_new_authority_leads_to_new_connections(void **state)
{
	struct rig *rig = *state;
	struct authority other = authority_make("naru other");
	struct volume volume = { 0 };
	struct call old = { 0 };

	begin(rig, &volume, NULL);
	call_get(rig, &old, "/hang");
	rig->open = 0;
	authority_forget(&rig->issued);
	rig->issued = authority_issue(&other, "server", "IP:127.0.0.1");
	server_use(rig->server, &rig->issued);
	turn(rig);
	assert_int_equal(rig->server->conns, 1);
	project(&volume, other.pem, "one", NULL);
	turn(rig);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
	assert_int_equal(old.ends, 0);
	client_cancel(old.call);
	/* Now the old connection has gone, and nothing goes there. */
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
	remove_volume(&volume);
	authority_fini(&other);
}

static void a_new_certificate_of_ours_is_shown(void **state)
{
	struct rig *rig = *state;
	struct issued ours[2] = { authority_issue(&rig->authority, "a", "DNS:a"),
				  authority_issue(&rig->authority, "b", "DNS:b") };
	struct volume volume = { 0 };

	begin(rig, &volume, &ours[0]);
	assert_int_equal(rig->server->clients_certs, 1);
	project(&volume, rig->authority.pem, "one", &ours[1]);
	turn(rig);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->clients_certs, 2);
	/* A key that is not that one's. */
	free(ours[0].key);
	ours[0].key = mem_strdup(ours[1].key);
	project(&volume, rig->authority.pem, "one", &ours[0]);
	turn(rig);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
	remove_volume(&volume);
	authority_forget(&ours[0]);
	authority_forget(&ours[1]);
}

/* Not in a volume, but renamed or written over in its place; what lies beside it is nobody's. */
static void plain_files_are_followed_too(void **state)
{
	struct rig *rig = *state;
	char *other = mem_printf("%s/other", rig->dir);

	rig_begin(rig, "one");
	call_expect(rig, "/api", 200, 0);
	rig_put(rig->token_file, "two");
	turn(rig);
	rig->server->token = "two";
	call_expect(rig, "/api", 200, 0);
	rig_put(other, "three");
	put_in(rig->dir, "token", "three");
	turn(rig);
	rig->server->token = "three";
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->refused, 0);
	unlink(other);
	free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_token_is_shown_at_once),
		TEST(what_is_broken_leaves_the_old_in_force),
		TEST(a_new_authority_leads_to_new_connections),
		TEST(a_new_certificate_of_ours_is_shown),
		TEST(plain_files_are_followed_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
