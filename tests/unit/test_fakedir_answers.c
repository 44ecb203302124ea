/* SPDX-License-Identifier: MIT */

/* The manners of the fake directory, each proved once: searches, rights, sessions and outages. */

#include "tests/unit/fakedir_fixture.h"

static void
searching(void **state)
{
	static const struct {
		const char *base;
		enum dir_scope scope;
		const char *filter;
		unsigned limit;
		int rc;
		const char *hits;
	} rows[] = {
	    {DOMAIN, DIR_SUBTREE, "(objectClass=user)", 0, 0, ANN ";" BOB ";"},
	    {DOMAIN, DIR_SUBTREE, "(objectClass=user)", 1, 0, ANN ";"},
	    {DOMAIN, DIR_ONE, "(objectClass=organizationalUnit)", 0, 0, STAFF ";"},
	    {DOMAIN, DIR_ONE, "(objectClass=user)", 0, 0, ""},
	    {"ou=STAFF," DOMAIN, DIR_BASE, "(objectClass=*)", 0, 0, STAFF ";"},
	    {STAFF, DIR_SUBTREE, "(manager=" BOB ")", 0, 0, ANN ";"},
	    {STAFF, DIR_SUBTREE, "(distinguishedName=" BOB ")", 0, 0, BOB ";"},
	    {DOMAIN, DIR_SUBTREE, "(cn=Configuration)", 0, 0, ""},
	    {"CN=Configuration," DOMAIN, DIR_SUBTREE, "(cn=*)", 0, 0,
		"CN=Configuration," DOMAIN ";CN=Schema,CN=Configuration," DOMAIN ";"},
	    {"OU=No," DOMAIN, DIR_SUBTREE, "(cn=*)", 0, LDAP_NO_SUCH_OBJECT, NULL},
	    {"nonsense", DIR_SUBTREE, "(cn=*)", 0, LDAP_INVALID_DN_SYNTAX, NULL},
	    {DOMAIN, DIR_SUBTREE, "(cn=*", 0, LDAP_FILTER_ERROR, NULL},
	};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct dir_query q = {.base = rows[i].base,
		    .scope = rows[i].scope,
		    .filter = rows[i].filter,
		    .limit = rows[i].limit};
		_cleanup_(free) char *hits = NULL;
		int rc;

		hits = search(d, &q, &rc);
		assert_int_equal(rc, rows[i].rc);
		if (rows[i].hits)
			assert_string_equal(hits, rows[i].hits);
	}
}

static int
fail_here(struct entry *e, void *arg, struct err *err)
{
	(*(unsigned *)arg)++;
	entry_free(e);
	return err_data(err, "enough");
}

static void
reading(void **state)
{
	static const char *const some[] = {"DISPLAYNAME", "title", "objectGUID", NULL};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	const struct dir_query q = {
	    .base = DOMAIN, .scope = DIR_SUBTREE, .filter = "(objectClass=user)"};
	_cleanup_(entry_free) struct entry *e = NULL, *none = NULL;
	struct guid g = fakedir_find(fd, ANN)->guid;
	unsigned calls = 0;
	struct err err;
	uint64_t usn;

	(void)state;
	assert_int_equal(dir_read_guid(d, &g, some, &e, &err), 0);
	assert_string_equal(e->dn, ANN);
	assert_int_equal(e->n_attrs, 2);
	assert_true(guid_equal(&e->guid, &g));
	assert_int_equal(d->ops->read(d, "CN=No," DOMAIN, some, &none, &err), 0);
	assert_null(none);
	assert_int_equal(d->ops->read(d, "nonsense", some, &none, &err), -1);
	assert_int_equal(err.code, LDAP_INVALID_DN_SYNTAX);
	assert_int_equal(d->ops->search(d, &q, fail_here, &calls, &err), -1);
	assert_int_equal(calls, 1);
	assert_int_equal(d->ops->usn(d, &usn, &err), 0);
	assert_int_equal(usn, fakedir_usn(fd));
	assert_string_equal(d->ops->info(d)->domain_dn, DOMAIN);
	assert_string_equal(d->ops->info(d)->domain_dns, "acme.example");
	assert_non_null(schema_find(d->ops->schema(d), "proxyAddresses"));
}

static void
rights(void **state)
{
	static const char *const attrs[] = {
	    "allowedChildClassesEffective", "allowedAttributesEffective", NULL};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);

	(void)state;
	for (int denied = 0; denied <= 1; denied++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		const struct attr *classes, *names;
		struct err err;

		if (denied) {
			assert_int_equal(fakedir_deny(fd, "contact"), 0);
			assert_int_equal(fakedir_deny(fd, "proxyAddresses"), 0);
		}
		assert_int_equal(d->ops->read(d, STAFF, attrs, &e, &err), 0);
		classes = entry_find(e, attrs[0]);
		names = entry_find(e, attrs[1]);
		assert_true(attr_has(classes, bytes_of("user"), true));
		assert_true(attr_has(names, bytes_of("targetAddress"), true));
		assert_false(attr_has(names, bytes_of("objectSid"), true));
		assert_int_equal(attr_has(classes, bytes_of("contact"), true), !denied);
		assert_int_equal(attr_has(names, bytes_of("proxyAddresses"), true), !denied);
	}
	assert_int_equal(ADD(d, "CN=C," STAFF, "objectClass=contact"), LDAP_INSUFFICIENT_ACCESS);
	assert_int_equal(
	    mod(d, ANN, MOD_ADD, "proxyAddresses", "smtp:x@y"), LDAP_INSUFFICIENT_ACCESS);
	assert_int_equal(fakedir_deny(fd, NULL), 0);
	assert_int_equal(ADD(d, "CN=C," STAFF, "objectClass=contact"), 0);
	assert_int_equal(fakedir_refuse(fd, ANN, LDAP_BUSY), 0);
	assert_int_equal(mod(d, ANN, MOD_ADD, "title", "x"), LDAP_BUSY);
	assert_int_equal(mod(d, BOB, MOD_ADD, "title", "x"), 0);
	assert_int_equal(fakedir_refuse(fd, NULL, 0), 0);
	assert_int_equal(mod(d, ANN, MOD_ADD, "title", "x"), 0);
}

static void
several_connections(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *x = new_dir(fd), *y = fakedir_connect_read_only(fd);
	_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, ANN, NULL);
	_cleanup_(entry_free) struct entry *e = NULL;
	struct err err;

	(void)state;
	assert_null(y->ops->info(y));
	assert_int_equal(mod(x, ANN, MOD_ADD, "title", "Boss"), 0);
	assert_int_equal(y->ops->read(y, ANN, NULL, &e, &err), 0);
	assert_string_equal(entry_get_str(e, "title"), "Boss");
	assert_non_null(y->ops->info(y));
	assert_int_equal(apply_change(y, c, &err), -1);
	assert_int_equal(err.src, ERR_CONF);
}

static void
schemas(void **state)
{
	static const char *const without[] = {"homemdb", "mail", NULL};
	_cleanup_(schema_free) struct schema *all = fakedir_schema_new(NULL);
	_cleanup_(schema_free) struct schema *s = fakedir_schema_new(without);

	(void)state;
	assert_int_equal(schema_count(s), schema_count(all) - 2);
	assert_null(schema_find(s, "homeMDB"));
	assert_int_equal(schema_find(all, "member")->link_id, 2);
	assert_true(schema_find(all, "memberOf")->constructed_or_backlink);
	assert_true(schema_find(all, "displayName")->single);
	assert_int_equal(schema_find(all, "cn")->range_upper, 64);
}

static void
note_code(void *arg, const struct err *err)
{
	*(int *)arg = err ? err->code : 0;
}

/* What each outage does to a bind, a read, and a change that is under way; and when it is over. */
static void
outages(void **state)
{
	static const struct {
		struct fakedir_outage o;
		int bind, read, change; /* results, 0: well */
		bool done, open;	/* the change is; the session outlives it */
	} rows[] = {
	    {{.fault = FAKEDIR_WELL}, 0, 0, 0, true, true},
	    {{.fault = FAKEDIR_DOWN}, -1, -1, -1, false, false},
	    {{.fault = FAKEDIR_CUT}, -1, -1, -1, true, false},
	    {{.fault = FAKEDIR_BUSY, .rc = 51}, 51, 51, 51, false, true},
	    {{.fault = FAKEDIR_BUSY_FOR_CHANGES, .rc = 52}, 0, 0, 52, false, true},
	    {{.fault = FAKEDIR_NO_BIND, .rc = 49}, 49, -1, -1, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(fakedir_free) struct fakedir *fd = new_server();
		_cleanup_(dir_free) struct dir *fresh = fakedir_connect(fd), *d = new_dir(fd);
		_cleanup_(dir_free) struct dir *reader = new_dir(fd), *eye;
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, ANN, NULL);
		const struct fakedir_outage well = {.fault = FAKEDIR_WELL};
		struct err err = {.code = 0};
		uint64_t usn, before = fakedir_usn(fd);
		int change = 99;

		eye = fakedir_connect_observer(fd);
		assert_int_equal(change_mod_str(c, MOD_ADD, "title", "Boss"), 0);
		assert_int_equal(d->ops->submit(d, c, note_code, &change, &err), 0);
		fakedir_set_outage(fd, &rows[i].o);
		assert_int_equal(dir_open(fresh, &err) < 0 ? err.code : 0, rows[i].bind);
		assert_int_equal(
		    reader->ops->usn(reader, &usn, &err) < 0 ? err.code : 0, rows[i].read);
		assert_int_equal(dir_drain(&d, 1, 0, &err), rows[i].open ? 0 : -1);
		assert_int_equal(change, rows[i].change);
		assert_int_equal(fakedir_usn(fd) > before, rows[i].done);
		assert_int_equal(d->ops->schema(d) != NULL, rows[i].open);
		assert_int_equal(eye->ops->usn(eye, &usn, &err), 0);
		fakedir_set_outage(fd, &well);
		assert_int_equal(reader->ops->usn(reader, &usn, &err), 0);
		assert_int_equal(mod(d, ANN, MOD_REPLACE, "title", "Chief"), 0);
	}
}

/* It begins after so many requests, and ends after so many more. */
static void
outage_of_some_requests(void **state)
{
	const struct fakedir_outage o = {.fault = FAKEDIR_BUSY, .rc = 51, .after = 2, .lasts = 3};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	char results[8] = "";
	struct err err;
	uint64_t usn;

	(void)state;
	fakedir_set_outage(fd, &o);
	for (size_t i = 0; i < 7; i++)
		results[i] = d->ops->usn(d, &usn, &err) < 0 ? 'x' : '.';
	/* Of the three that fail the last two are binds, and the next one succeeds. */
	assert_string_equal(results, "..xxx..");
	assert_int_equal(fakedir_requests(fd), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(outages),
	    cmocka_unit_test(outage_of_some_requests), cmocka_unit_test(searching),
	    cmocka_unit_test(reading), cmocka_unit_test(rights),
	    cmocka_unit_test(several_connections), cmocka_unit_test(schemas)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
