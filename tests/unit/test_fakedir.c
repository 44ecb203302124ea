/* SPDX-License-Identifier: MIT */

/* The manners of the fake directory, each proved once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/schema.h"
#include "dsa/directory/sid.h"
#include "tests/support/apply.h"
#include "tests/support/fakedir.h"

#define DOMAIN "DC=acme,DC=example"
#define STAFF "OU=Staff," DOMAIN
#define ANN "CN=Ann," STAFF
#define BOB "CN=Bob," STAFF
#define TEAM "CN=Team," STAFF

static const char base_ldif[] =
    "dn: " STAFF "\nobjectClass: organizationalUnit\n\n"
    "dn: " TEAM "\nobjectClass: group\nmember: " ANN "\nsAMAccountName: team\n\n"
    "# a comment\n"
    "dn: " ANN "\nobjectClass: user\nsAMAccountName: ann\n"
    "displayName: Ann\n  Archer\nmanager: " BOB "\n"
    "proxyAddresses: SMTP:ann@acme.example\n"
    "description:: Q2Fmw6k=\n\n"
    "dn: " BOB "\r\nobjectClass: user\r\nsAMAccountName: bob\r\n";

static struct fakedir *
new_server(void)
{
	struct fakedir *fd = fakedir_new("acme", DOMAIN);

	assert_non_null(fd);
	assert_int_equal(fakedir_add_ldif(fd, base_ldif), 0);
	return fd;
}

static struct dir *
new_dir(struct fakedir *fd)
{
	struct dir *d = fakedir_connect(fd);
	struct err err;

	assert_non_null(d);
	assert_int_equal(dir_open(d, &err), 0);
	return d;
}

/* The LDAP result of one modification; VALUE NULL: without value. */
static int
mod(struct dir *d, const char *dn, enum mod_op op, const char *attr, const char *value)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, dn, NULL);
	struct err err;

	assert_int_equal(change_mod_str(c, op, attr, value ? value : ""), 0);
	if (!value) {
		free((void *)(uintptr_t)c->mods[0].values[0].data);
		c->mods[0].n_values = 0;
	}
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

/* The LDAP result of an add; ATTRS are "name=value". */
static int
add(struct dir *d, const char *dn, const char *const *attrs)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_ADD, dn, NULL);
	struct err err;

	c->entry = entry_new(dn);
	for (; *attrs; attrs++) {
		_cleanup_(free) char *name = strndup(*attrs, strcspn(*attrs, "="));

		assert_int_equal(entry_add_str(c->entry, name, *attrs + strlen(name) + 1), 0);
	}
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

#define ADD(d, dn, ...) add(d, dn, (const char *const[]){__VA_ARGS__, NULL})

static int
rename_to(struct dir *d, const char *dn, const char *rdn, const char *parent)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_RENAME, dn, NULL);
	struct err err;

	c->new_rdn = strdup(rdn);
	c->new_parent = parent ? strdup(parent) : NULL;
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

static int
delete_it(struct dir *d, const char *dn)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, dn, NULL);
	struct err err;

	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

static const char *
value_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);

	return e ? entry_get_str(e, attr) : NULL;
}

static size_t
count_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);
	const struct attr *a = e ? entry_find(e, attr) : NULL;

	return a ? a->n_values : 0;
}

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

static int
collect(struct entry *e, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%s;", e->dn);
	entry_free(e);
	return 0;
}

/* The DNs that a search gives, each followed by a semicolon; NULL with the code in *RC. */
static char *
search(struct dir *d, const struct dir_query *q, int *rc)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	*rc = 0;
	if (d->ops->search(d, q, collect, &b, &err) == 0)
		return buf_take_str(&b);
	*rc = err.code;
	return NULL;
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
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outages),
	    cmocka_unit_test(outage_of_some_requests),
	    cmocka_unit_test(seeding),
	    cmocka_unit_test(dump),
	    cmocka_unit_test(bad_ldif),
	    cmocka_unit_test(values),
	    cmocka_unit_test(references),
	    cmocka_unit_test(atomic_modify),
	    cmocka_unit_test(adding),
	    cmocka_unit_test(renaming),
	    cmocka_unit_test(deleting),
	    cmocka_unit_test(searching),
	    cmocka_unit_test(reading),
	    cmocka_unit_test(rights),
	    cmocka_unit_test(several_connections),
	    cmocka_unit_test(schemas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
