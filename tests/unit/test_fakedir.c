/* SPDX-License-Identifier: MIT */

/* The manners of the fake directory, each proved once: what it takes and what it makes of it. */

#include "tests/unit/fakedir_fixture.h"

static void
seeding(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server(), *twin = new_server();
	const struct entry *e = fakedir_find(fd, "cn=ANN, ou=staff,dc=acme,dc=example");
	_cleanup_(buf_done) struct buf x = {0}, y = {0};

	(void)state;
	assert_non_null(e);
	assert_string_equal(e->dn, ANN);
	assert_false(guid_is_zero(&e->guid));
	assert_true(sid_valid(entry_get(e, "objectSid")));
	assert_string_equal(entry_get_str(e, "cn"), "Ann");
	assert_string_equal(entry_get_str(e, "displayName"), "Ann Archer");
	assert_string_equal(entry_get_str(e, "description"), "Caf\xc3\xa9");
	assert_string_equal(entry_get_str(e, "manager"), BOB);
	assert_string_equal(entry_get_str(e, "userAccountControl"), "546");
	assert_string_equal(entry_get_str(e, "distinguishedName"), ANN);
	assert_true(entry_has_class(e, "organizationalPerson"));
	fakedir_dump(fd, &x, FAKEDIR_DUMP_DELETED);
	fakedir_dump(twin, &y, FAKEDIR_DUMP_DELETED);
	assert_string_equal((char *)x.data, (char *)y.data);
	assert_int_equal(fakedir_set(twin, ANN, "title", "Boss"), 0);
	buf_reset(&y);
	fakedir_dump(twin, &y, FAKEDIR_DUMP_DELETED);
	assert_string_not_equal((char *)x.data, (char *)y.data);
}

static void
dump(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(buf_done) struct buf b = {0};
	const char *text;

	(void)state;
	fakedir_dump(fd, &b, FAKEDIR_DUMP_STABLE);
	text = (char *)b.data;
	assert_non_null(strstr(text,
	    "\ndn: " BOB "\ncn: Bob\ndistinguishedname: " BOB "\ninstancetype: 4\nname: Bob\n"
	    "objectclass: organizationalPerson\nobjectclass: person\n"
	    "objectclass: top\nobjectclass: user\n"
	    "samaccountname: bob\nuseraccountcontrol: 546\n\n"));
	assert_null(strstr(text, "objectguid"));
	assert_null(strstr(text, "Deleted Objects"));
	fakedir_dump(fd, &b, FAKEDIR_DUMP_DELETED);
	assert_non_null(strstr((char *)b.data, "objectguid:x "));
	assert_non_null(strstr((char *)b.data, "dn: CN=Deleted Objects"));
}

static void
bad_ldif(void **state)
{
	static const char *const texts[] = {"objectClass: user\n",
	    "dn: CN=x," DOMAIN "\nno colon\n", "dn: CN=x," DOMAIN "\nobjectClass:: !!!!\n",
	    "dn: CN=x," DOMAIN "\ntitle: x\n",
	    "dn: CN=x,OU=Nowhere," DOMAIN "\nobjectClass: user\n",
	    "dn: CN=x," DOMAIN "\nobjectClass: user\nmanager: CN=Nobody," DOMAIN "\n"};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(fakedir_add_ldif(fd, texts[i]), -1);
		assert_true(fakedir_error(fd)[0]);
	}
}

/* One modification each: its result, and what it leaves in Ann's attribute. */
static void
values(void **state)
{
	static const struct {
		enum mod_op op;
		const char *attr, *value;
		int rc;
		const char *left;
	} rows[] = {
	    {MOD_ADD, "title", "Boss", 0, "Boss"},
	    {MOD_ADD, "TITLE", "boss", LDAP_TYPE_OR_VALUE_EXISTS, "Boss"},
	    {MOD_ADD, "title", "Chief", LDAP_CONSTRAINT_VIOLATION, "Boss"},
	    {MOD_DELETE, "title", "Chief", LDAP_NO_SUCH_ATTRIBUTE, "Boss"},
	    {MOD_DELETE, "title", "BOSS", 0, NULL},
	    {MOD_DELETE, "title", "Boss", LDAP_NO_SUCH_ATTRIBUTE, NULL},
	    {MOD_DELETE, "title", NULL, LDAP_NO_SUCH_ATTRIBUTE, NULL},
	    {MOD_REPLACE, "title", NULL, 0, NULL},
	    {MOD_REPLACE, "title", "Boss", 0, "Boss"},
	    {MOD_DELETE, "title", NULL, 0, NULL},
	    {MOD_ADD, "title", "", LDAP_INVALID_SYNTAX, NULL},
	    {MOD_ADD, "title", NULL, LDAP_CONSTRAINT_VIOLATION, NULL},
	    {MOD_ADD, "noSuchThing", "x", LDAP_NO_SUCH_ATTRIBUTE, NULL},
	    {MOD_ADD, "c", "LONG", LDAP_CONSTRAINT_VIOLATION, NULL},
	    {MOD_ADD, "extensionAttribute1", "\xc3", LDAP_INVALID_SYNTAX, NULL},
	    {MOD_ADD, "countryCode", "x", LDAP_INVALID_SYNTAX, NULL},
	    {MOD_ADD, "msExchHideFromAddressLists", "true", LDAP_INVALID_SYNTAX, NULL},
	    {MOD_ADD, "msExchHideFromAddressLists", "TRUE", 0, "TRUE"},
	    {MOD_ADD, "msExchMailboxGuid", "short", LDAP_CONSTRAINT_VIOLATION, NULL},
	    {MOD_REPLACE, "objectSid", "S", LDAP_CONSTRAINT_VIOLATION, "-"},
	    {MOD_ADD, "sIDHistory", "S", LDAP_UNWILLING_TO_PERFORM, NULL},
	    {MOD_ADD, "memberOf", TEAM, LDAP_UNWILLING_TO_PERFORM, NULL},
	    {MOD_REPLACE, "cn", "Anna", LDAP_NOT_ALLOWED_ON_RDN, "Ann"},
	    {MOD_REPLACE, "objectClass", "contact", LDAP_NO_OBJECT_CLASS_MODS, "top"},
	    {MOD_REPLACE, "sAMAccountName",
		"B\xc3\xb3"
		"b",
		LDAP_ALREADY_EXISTS, "ann"},
	    {MOD_REPLACE, "sAMAccountName", "a23456789012345678901", LDAP_CONSTRAINT_VIOLATION,
		"ann"},
	    {MOD_REPLACE, "sAMAccountName", "a+b", LDAP_CONSTRAINT_VIOLATION, "ann"},
	    {MOD_REPLACE, "sAMAccountName", "ANN", 0, "ANN"},
	};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *left;
		int rc = mod(d, ANN, rows[i].op, rows[i].attr, rows[i].value);

		left = value_of(fd, ANN, rows[i].attr);
		if (rc != rows[i].rc)
			fail_msg("row %zu: %d, not %d", i, rc, rows[i].rc);
		if (rows[i].left && *rows[i].left == '-')
			continue;
		if (!left != !rows[i].left || (left && strcmp(left, rows[i].left) != 0))
			fail_msg("row %zu: left '%s'", i, left ? left : "");
	}
}

static void
references(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	char guid[GUID_TEXT_SIZE], by_guid[GUID_TEXT_SIZE + 8];

	(void)state;
	assert_int_equal(mod(d, TEAM, MOD_ADD, "member", ANN), LDAP_ALREADY_EXISTS);
	assert_int_equal(mod(d, TEAM, MOD_DELETE, "member", BOB), LDAP_UNWILLING_TO_PERFORM);
	assert_int_equal(mod(d, TEAM, MOD_ADD, "member", "CN=No," DOMAIN), LDAP_NO_SUCH_OBJECT);
	assert_int_equal(
	    mod(d, BOB, MOD_ADD, "manager", "CN=No," DOMAIN), LDAP_CONSTRAINT_VIOLATION);
	assert_int_equal(mod(d, BOB, MOD_ADD, "manager", "no name"), LDAP_INVALID_DN_SYNTAX);
	assert_int_equal(mod(d, BOB, MOD_ADD, "authOrig", TEAM), 0);
	assert_int_equal(mod(d, BOB, MOD_ADD, "authOrig", TEAM), LDAP_TYPE_OR_VALUE_EXISTS);
	assert_int_equal(mod(d, BOB, MOD_DELETE, "authOrig", ANN), LDAP_NO_SUCH_ATTRIBUTE);
	guid_format(&fakedir_find(fd, BOB)->guid, guid);
	(void)snprintf(by_guid, sizeof by_guid, "<GUID=%s>", guid);
	assert_int_equal(mod(d, TEAM, MOD_ADD, "member", by_guid), 0);
	assert_int_equal(mod(d, TEAM, MOD_ADD, "member", "cn=bob," STAFF), LDAP_ALREADY_EXISTS);
	assert_int_equal(count_of(fd, TEAM, "member"), 2);

	/* A rename shows in the referrers, a subtree's too. */
	assert_int_equal(rename_to(d, BOB, "CN=Robert", NULL), 0);
	assert_string_equal(value_of(fd, ANN, "manager"), "CN=Robert," STAFF);
	assert_int_equal(rename_to(d, STAFF, "OU=People", NULL), 0);
	assert_string_equal(
	    value_of(fd, "CN=Ann,OU=People," DOMAIN, "manager"), "CN=Robert,OU=People," DOMAIN);
	assert_null(fakedir_find(fd, ANN));

	/* A deletion removes linked values; an unlinked one shows the tombstone. */
	assert_int_equal(mod(d, "CN=Ann,OU=People," DOMAIN, MOD_ADD, "assistant", by_guid), 0);
	assert_int_equal(delete_it(d, "CN=Robert,OU=People," DOMAIN), 0);
	assert_int_equal(count_of(fd, "CN=Ann,OU=People," DOMAIN, "manager"), 0);
	assert_int_equal(count_of(fd, "CN=Team,OU=People," DOMAIN, "member"), 1);
	assert_non_null(strstr(value_of(fd, "CN=Ann,OU=People," DOMAIN, "assistant"), "\\0ADEL:"));
}

static void
atomic_modify(void **state)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, ANN, NULL);
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	uint64_t before = fakedir_usn(fd);
	struct err err;

	(void)state;
	assert_int_equal(change_mod_str(c, MOD_DELETE, "displayName", "ann archer"), 0);
	assert_int_equal(change_mod_str(c, MOD_ADD, "displayName", "Ann B."), 0);
	assert_int_equal(change_mod_str(c, MOD_DELETE, "title", "Boss"), 0);
	assert_int_equal(apply_change(d, c, &err), -1);
	assert_int_equal(err.code, LDAP_NO_SUCH_ATTRIBUTE);
	assert_int_equal(err.scope, ERR_ENTRY);
	assert_int_equal(err.retry, ERR_REREAD);
	assert_int_equal(err.src, ERR_LDAP);
	assert_string_equal(value_of(fd, ANN, "displayName"), "Ann Archer");
	assert_int_equal(fakedir_usn(fd), before);

	assert_int_equal(fakedir_set(fd, ANN, "title", "Boss"), 0);
	assert_int_equal(apply_change(d, c, &err), 0);
	assert_string_equal(value_of(fd, ANN, "displayName"), "Ann B.");
	assert_int_equal(fakedir_usn(fd), before + 2);
	assert_int_equal(entry_get_i64(fakedir_find(fd, ANN), "uSNChanged", 0), before + 2);
	assert_true(entry_get_i64(fakedir_find(fd, ANN), "uSNCreated", 0) < (int64_t)before);
}

static void
adding(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	char long_dn[200];

	(void)state;
	(void)snprintf(long_dn, sizeof long_dn, "CN=%065d," STAFF, 0);
	assert_int_equal(ADD(d, "cn=ann," STAFF, "objectClass=user"), LDAP_ALREADY_EXISTS);
	assert_int_equal(ADD(d, "CN=\xc3\x84nn," STAFF, "objectClass=user"), LDAP_ALREADY_EXISTS);
	assert_int_equal(
	    ADD(d, "CN=X,OU=Nowhere," DOMAIN, "objectClass=user"), LDAP_NO_SUCH_OBJECT);
	assert_int_equal(ADD(d, "CN=X," STAFF, "title=x"), LDAP_OBJECT_CLASS_VIOLATION);
	assert_int_equal(ADD(d, "CN=X," STAFF, "objectClass=user", "objectClass=x"),
	    LDAP_OBJECT_CLASS_VIOLATION);
	assert_int_equal(ADD(d, "OU=X," STAFF, "objectClass=user"), LDAP_NAMING_VIOLATION);
	assert_int_equal(ADD(d, "CN=X," STAFF, "objectClass=user", "cn=Y"), LDAP_NAMING_VIOLATION);
	assert_int_equal(ADD(d, "no name", "objectClass=user"), LDAP_INVALID_DN_SYNTAX);
	assert_int_equal(ADD(d, long_dn, "objectClass=contact"), LDAP_CONSTRAINT_VIOLATION);
	assert_int_equal(
	    ADD(d, "CN=X," STAFF, "objectClass=user", "sAMAccountName=BOB"), LDAP_ALREADY_EXISTS);
	assert_int_equal(ADD(d, "CN=X," STAFF, "objectClass=user", "title=a", "title=b"),
	    LDAP_CONSTRAINT_VIOLATION);
	assert_int_equal(
	    ADD(d, "CN=X," STAFF, "objectClass=user", "objectSid=S"), LDAP_CONSTRAINT_VIOLATION);
	assert_int_equal(ADD(d, "CN=Smith\\, X, ou=STAFF," DOMAIN, "objectClass=user",
			     "cn=Smith, X", "userPrincipalName=x@acme.example", "manager=" ANN),
	    0);
	assert_string_equal(fakedir_find(fd, "CN=Smith\\2C X," STAFF)->dn, "CN=Smith\\, X," STAFF);
	assert_int_equal(
	    ADD(d, "CN=Z," STAFF, "objectClass=user", "userPrincipalName=X@acme.example"),
	    LDAP_CONSTRAINT_VIOLATION);
	assert_int_equal(
	    ADD(d, "CN=Ann,OU=Sub," STAFF, "objectClass=contact"), LDAP_NO_SUCH_OBJECT);
	assert_int_equal(ADD(d, "OU=Sub," STAFF, "objectClass=organizationalUnit"), 0);
	assert_int_equal(ADD(d, "CN=Ann,OU=Sub," STAFF, "objectClass=contact"), 0);
	assert_null(value_of(fd, "CN=Ann,OU=Sub," STAFF, "objectSid"));
}

static void
renaming(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);

	(void)state;
	assert_int_equal(rename_to(d, ANN,
			     "CN=B\xc3\xb3"
			     "b",
			     NULL),
	    LDAP_ALREADY_EXISTS);
	assert_int_equal(rename_to(d, ANN, "OU=Ann", NULL), LDAP_NAMING_VIOLATION);
	assert_int_equal(rename_to(d, ANN, "Ann", NULL), LDAP_INVALID_DN_SYNTAX);
	assert_int_equal(rename_to(d, ANN, "CN=Ann", "OU=No," DOMAIN), LDAP_NO_SUCH_OBJECT);
	assert_int_equal(rename_to(d, "CN=No," STAFF, "CN=Ann", NULL), LDAP_NO_SUCH_OBJECT);
	assert_int_equal(rename_to(d, STAFF, "OU=Staff", STAFF), LDAP_UNWILLING_TO_PERFORM);
	assert_int_equal(
	    rename_to(d, ANN, "CN=Ann", "CN=Configuration," DOMAIN), LDAP_AFFECTS_MULTIPLE_DSAS);
	assert_int_equal(rename_to(d, ANN, "CN=ANN", NULL), 0);
	assert_string_equal(value_of(fd, ANN, "name"), "ANN");
	assert_int_equal(rename_to(d, ANN, "CN=Archer\\, Ann", "CN=Users," DOMAIN), 0);
	assert_string_equal(value_of(fd, "CN=Archer\\, Ann,CN=Users," DOMAIN, "cn"), "Archer, Ann");
	assert_string_equal(value_of(fd, TEAM, "member"), "CN=Archer\\, Ann,CN=Users," DOMAIN);
}

static void
deleting(void **state)
{
	static const char *const all[] = {"*", NULL};
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	struct dir_query q = {.base = DOMAIN,
	    .scope = DIR_SUBTREE,
	    .filter = "(&(objectClass=user)(isDeleted=TRUE))",
	    .deleted = true};
	_cleanup_(entry_free) struct entry *e = NULL;
	struct guid g = fakedir_find(fd, ANN)->guid;
	char guid[GUID_TEXT_SIZE], by_guid[GUID_TEXT_SIZE + 8];
	_cleanup_(free) char *hits = NULL, *none = NULL;
	const struct entry *dead;
	struct err err;
	int rc;

	(void)state;
	guid_format(&g, guid);
	(void)snprintf(by_guid, sizeof by_guid, "<GUID=%s>", guid);
	assert_int_equal(delete_it(d, STAFF), LDAP_NOT_ALLOWED_ON_NONLEAF);
	assert_int_equal(delete_it(d, "CN=Users," DOMAIN), LDAP_UNWILLING_TO_PERFORM);
	assert_int_equal(fakedir_set(fd, ANN, "legacyExchangeDN", "/o=Acme/cn=ann"), 0);
	assert_int_equal(delete_it(d, ANN), 0);
	assert_int_equal(delete_it(d, ANN), LDAP_NO_SUCH_OBJECT);

	dead = fakedir_find(fd, by_guid);
	assert_non_null(dead);
	assert_true(entry_get_bool(dead, "isDeleted"));
	assert_non_null(strstr(dead->dn, "\\0ADEL:"));
	assert_non_null(strstr(dead->dn, guid));
	assert_string_equal(entry_get_str(dead, "sAMAccountName"), "ann");
	assert_string_equal(entry_get_str(dead, "lastKnownParent"), STAFF);
	assert_string_equal(entry_get_str(dead, "legacyExchangeDN"), "/o=Acme/cn=ann");
	assert_true(sid_valid(entry_get(dead, "objectSid")));
	assert_null(entry_find(dead, "displayName"));
	assert_null(entry_find(dead, "manager"));
	assert_int_equal(count_of(fd, TEAM, "member"), 0);

	/* Only who asks for tombstones sees it. */
	hits = search(d, &q, &rc);
	assert_non_null(strstr(hits, guid));
	q.deleted = false;
	none = search(d, &q, &rc);
	assert_string_equal(none, "");
	assert_int_equal(dir_read_guid(d, &g, all, &e, &err), 0);
	assert_null(e);
	/* Its account name is free again, and so is its name. */
	assert_int_equal(ADD(d, ANN, "objectClass=user", "sAMAccountName=ann"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(seeding), cmocka_unit_test(dump),
	    cmocka_unit_test(bad_ldif), cmocka_unit_test(values), cmocka_unit_test(references),
	    cmocka_unit_test(atomic_modify), cmocka_unit_test(adding), cmocka_unit_test(renaming),
	    cmocka_unit_test(deleting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
