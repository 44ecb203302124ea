/* SPDX-License-Identifier: MIT */

/* Was a change made, and what is a failure of one? */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/digest.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/rules/settle.h"
#include "tests/support/given.h"

static const char *const verdicts[] = {[SETTLE_UNKNOWN] = "unknown",
    [SETTLE_UNSENT] = "unsent",
    [SETTLE_DRIFT] = "drift",
    [SETTLE_REFUSED] = "refused"};
_Static_assert(ARRAY_SIZE(verdicts) == SETTLE_MAX, "a name for each verdict");

/* ---- failures ---- */

static const struct failure_case {
	enum change_op op;
	int code; /* LDAP result, or SYSTEM: errno */
	bool system, again;
	enum settle want;
} failures[] = {
    {CHANGE_MODIFY, -1, .want = SETTLE_UNKNOWN}, /* server down */
    {CHANGE_MODIFY, -5, .want = SETTLE_UNKNOWN}, /* time-out */
    {CHANGE_MODIFY, 51, .want = SETTLE_UNKNOWN}, /* busy */
    {CHANGE_DELETE, 52, .want = SETTLE_UNKNOWN, .again = true},
    {CHANGE_MODIFY, ECANCELED, .system = true, .want = SETTLE_UNSENT},
    {CHANGE_ADD, ECANCELED, .system = true, .again = true, .want = SETTLE_UNSENT},
    {CHANGE_MODIFY, 125, .want = SETTLE_REFUSED}, /* as ECANCELED, but an LDAP result */
    {CHANGE_MODIFY, 16, .want = SETTLE_DRIFT},
    {CHANGE_MODIFY, 20, .want = SETTLE_DRIFT},
    {CHANGE_MODIFY, 32, .want = SETTLE_DRIFT, .again = true},
    {CHANGE_ADD, 68, .want = SETTLE_DRIFT},
    {CHANGE_DELETE, 66, .want = SETTLE_REFUSED},
    {CHANGE_RENAME, 66, .want = SETTLE_DRIFT},
    {CHANGE_DELETE, 32, .want = SETTLE_DRIFT, .again = true},
    {CHANGE_MODIFY, 19, .want = SETTLE_DRIFT},
    {CHANGE_MODIFY, 53, .want = SETTLE_DRIFT},
    {CHANGE_ADD, 19, .want = SETTLE_DRIFT},
    {CHANGE_RENAME, 53, .want = SETTLE_DRIFT},
    {CHANGE_DELETE, 53, .want = SETTLE_REFUSED},
    {CHANGE_DELETE, 19, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 19, .again = true, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 53, .again = true, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 19, .system = true, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 50, .want = SETTLE_REFUSED},
    {CHANGE_ADD, 65, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 21, .want = SETTLE_REFUSED},
    {CHANGE_MODIFY, 80, .want = SETTLE_REFUSED},
};

static void
failed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		const struct failure_case *c = &failures[i];
		struct err err;

		if (c->system)
			(void)err_set(&err, ERR_SYS, ERR_LINK, ERR_LATER, c->code, "x");
		else
			(void)err_ldap(&err, c->code, NULL, "x");
		given_same(i, change_op_name(c->op),
		    verdicts[settle_failure(&err, c->op, !c->again)], verdicts[c->want]);
	}
	given_all_same();
}

/* ---- modifications ---- */

#define OBJECT(extra) THERE("user", "Ann", extra)
#define PROXY(v) "proxyAddresses: " v "\n"

static const struct mods_case {
	const char *mods; /* "+attr: value\n-attr: value\n=attr: value\n", "-attr\n": all values */
	const char *now;  /* NULL: gone */
	bool want;
} mods[] = {
    {"+title: Boss\n", OBJECT("title: Boss\n"), .want = true},
    {"+title: Boss\n", OBJECT("TITLE: boss\n"), .want = true},
    {"+title: Boss\n", OBJECT("title: Chief\n"), .want = false},
    {"+title: Boss\n", OBJECT(""), .want = false},
    {"+title: Boss\n", NULL, .want = false},
    {"-title: Boss\n", OBJECT(""), .want = true},
    {"-title: Boss\n", OBJECT("title: Chief\n"), .want = true},
    {"-title: Boss\n", OBJECT("title: Boss\n"), .want = false},
    {"-title: Boss\n", NULL, .want = false},
    {"-title: Boss\n+title: Chief\n", OBJECT("title: Chief\n"), .want = true},
    {"-title: Boss\n+title: Chief\n", OBJECT("title: Boss\n"), .want = false},
    {"-title: Boss\n+title: Chief\n", OBJECT("title: Other\n"), .want = false},
    /* Another spelling. */
    {"-title: boss\n+title: Boss\n", OBJECT("title: Boss\n"), .want = true},
    {"-title: boss\n+title: Boss\n", OBJECT("title: boss\n"), .want = false},
    {"-proxyAddresses: SMTP:a@x\n+proxyAddresses: smtp:a@x\n", OBJECT(PROXY("smtp:a@x")),
	.want = true},
    {"-proxyAddresses: SMTP:a@x\n+proxyAddresses: smtp:a@x\n", OBJECT(PROXY("SMTP:a@x")),
	.want = false},
    {"-userCertificate: \x82"
     "a\n+userCertificate: \x82"
     "A\n",
	OBJECT("userCertificate:: gkE=\n"), .want = true},
    {"+userCertificate: \x82"
     "A\n",
	OBJECT("userCertificate:: gmE=\n"), .want = false},
    /* All or none; others do not matter. */
    {"+otherTelephone: 1\n+otherTelephone: 2\n",
	OBJECT("otherTelephone: 1\notherTelephone: 2\notherTelephone: 3\n"), .want = true},
    {"+otherTelephone: 1\n+otherTelephone: 2\n", OBJECT("otherTelephone: 2\n"), .want = false},
    {"+title: Boss\n-company: Acme\n", OBJECT("title: Boss\n"), .want = true},
    {"+title: Boss\n-company: Acme\n", OBJECT("title: Boss\ncompany: Acme\n"), .want = false},
    {"", OBJECT(""), .want = true},
    /* What no plan has. */
    {"=title: Boss\n", OBJECT("title: Boss\n"), .want = true},
    {"=title: Boss\n", OBJECT("title: boss\n"), .want = false},
    {"=title: Boss\n", OBJECT("title: Boss\ntitle: Chief\n"), .want = false},
    {"=title: Boss\n", OBJECT(""), .want = false},
    {"-title\n", OBJECT(""), .want = true},
    {"-title\n", OBJECT("title: Boss\n"), .want = false},
};

static void
add_mods(struct change *c, const char *text)
{
	while (*text) {
		size_t name = strcspn(text + 1, ":\n"), end = strcspn(text, "\n");
		enum mod_op op = *text == '+' ? MOD_ADD : *text == '-' ? MOD_DELETE : MOD_REPLACE;
		_cleanup_(free) char *attr = strndup(text + 1, name);
		const char *value = text + 1 + name + 2;

		assert_int_equal(
		    change_mod(c, op, attr,
			text[1 + name] == ':' ? (struct bytes){value, end - 1 - name - 2}
					      : bytes_of("")),
		    0);
		if (text[1 + name] != ':') {
			free((void *)(uintptr_t)c->mods[c->n_mods - 1].values[0].data);
			c->mods[c->n_mods - 1].n_values = 0;
		}
		text += end + 1;
	}
}

static void
modified(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mods); i++) {
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=Ann", NULL);
		_cleanup_(entry_free) struct entry *now = given_entry(mods[i].now);

		add_mods(c, mods[i].mods);
		given_same(i, mods[i].mods, settle_was_made(c, now) ? "made" : "not made",
		    mods[i].want ? "made" : "not made");
	}
	given_all_same();
}

/* The journal keeps large values by their digest. */
static void
modified_at_large(void **state)
{
	static const uint8_t old[5000] = {1}, new[5000] = {2}, third[5000] = {3};
	static const struct {
		const uint8_t *there;
		bool made;
	} looks[] = {{old, false}, {new, true}, {third, false}, {NULL, false}};
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=Ann", NULL);

	(void)state;
	assert_non_null(c);
	assert_int_equal(change_mod(c, MOD_DELETE, "photo", (struct bytes){old, sizeof old}), 0);
	assert_int_equal(change_mod(c, MOD_ADD, "photo", (struct bytes){new, sizeof new}), 0);
	assert_int_equal(digest_change(c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		_cleanup_(entry_free) struct entry *now = entry_new("CN=Ann");

		assert_non_null(now);
		if (looks[i].there)
			assert_int_equal(
			    entry_add(now, "photo", (struct bytes){looks[i].there, sizeof old}), 0);
		assert_int_equal(settle_was_made(c, now), looks[i].made);
	}
}

/* What brings an object back: it is there, under its name, with all that was to be put back. */
static void
brought_back(void **state)
{
	static const struct {
		const char *now;
		bool want;
	} looks[] = {
	    {NULL, false},
	    {OBJECT(""), false},
	    {OBJECT("title: Boss\n"), true},
	    {OBJECT("title: Boss\nisDeleted: TRUE\n"), false},
	    {THERE("user", "Bea", "title: Boss\n"), false},
	};
	_cleanup_(change_free) struct change *c = change_new(
	    CHANGE_MODIFY, "CN=Ann\\0ADEL:x,CN=Deleted Objects,DC=globex,DC=example", NULL);

	(void)state;
	assert_non_null(c);
	assert_null(change_brought_back(c));
	assert_int_equal(change_bring_back(c, "cn=ann" GLOBEX), 0);
	assert_int_equal(change_mod_str(c, MOD_ADD, "title", "Boss"), 0);
	assert_string_equal(change_brought_back(c), "cn=ann" GLOBEX);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		_cleanup_(entry_free) struct entry *now = given_entry(looks[i].now);

		given_same(i, "brought back", settle_was_made(c, now) ? "made" : "not made",
		    looks[i].want ? "made" : "not made");
	}
	given_all_same();
}

/* ---- whole objects ---- */

#define STAMPED(guid) "extensionAttribute15: galsync:created:" guid "\n"
#define OTHER_GUID "22222222-2222-2222-2222-222222222222"

static const struct object_case {
	enum change_op op;
	const char *added, *new_rdn, *new_parent;
	const char *now;
	bool want;
} objects[] = {
    {CHANGE_DELETE, .now = NULL, .want = true},
    {CHANGE_DELETE, .now = OBJECT(""), .want = false},

    {CHANGE_ADD, OBJECT("title: Boss\n" STAMPED(GIVEN_GUID)), .now = NULL, .want = false},
    {CHANGE_ADD, OBJECT(STAMPED(GIVEN_GUID)),
	.now = OBJECT("objectClass: top\n" STAMPED(GIVEN_GUID)), .want = true},
    {CHANGE_ADD, OBJECT("title: Boss\n" STAMPED(GIVEN_GUID)), .now = OBJECT(STAMPED(GIVEN_GUID)),
	.want = true},
    {CHANGE_ADD, OBJECT(STAMPED(GIVEN_GUID)), .now = OBJECT(""), .want = false},
    {CHANGE_ADD, OBJECT(STAMPED(GIVEN_GUID)), .now = OBJECT(STAMPED(OTHER_GUID)), .want = false},
    {CHANGE_ADD, OBJECT(STAMPED(GIVEN_GUID)), .now = THERE("contact", "Ann", STAMPED(GIVEN_GUID)),
	.want = false},
    {CHANGE_ADD, THERE("organizationalUnit", "A", ""), .now = THERE("ORGANIZATIONALUNIT", "A", ""),
	.want = true},
    {CHANGE_ADD, THERE("organizationalUnit", "A", ""), .now = THERE("container", "A", ""),
	.want = false},

    {CHANGE_RENAME, .new_rdn = "CN=Ann", .now = OBJECT(""), .want = true},
    /* In case alone: as it was written. */
    {CHANGE_RENAME, .new_rdn = "cn=ANN", .now = OBJECT(""), .want = false},
    {CHANGE_RENAME, .new_rdn = "cn=Ann", .now = OBJECT(""), .want = true},
    {CHANGE_RENAME, .new_rdn = "CN=Bea", .now = OBJECT(""), .want = false},
    {CHANGE_RENAME, .new_rdn = "CN=Ann", .now = NULL, .want = false},
    {CHANGE_RENAME, .new_rdn = "CN=Ash\\, Ann", .now = THERE("user", "Ash\\2C Ann", ""),
	.want = true},
    {CHANGE_RENAME, .new_rdn = "CN=Ann", .new_parent = "ou=acme,dc=globex,dc=example",
	.now = OBJECT(""), .want = true},
    {CHANGE_RENAME, .new_rdn = "CN=Ann", .new_parent = "OU=Other,DC=globex,DC=example",
	.now = OBJECT(""), .want = false},
};

static void
whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		const struct object_case *o = &objects[i];
		_cleanup_(change_free) struct change *c = change_new(o->op, "CN=Ann" GLOBEX, NULL);
		_cleanup_(entry_free) struct entry *now = given_entry(o->now);

		c->entry = given_entry(o->added);
		c->new_rdn = o->new_rdn ? strdup(o->new_rdn) : NULL;
		c->new_parent = o->new_parent ? strdup(o->new_parent) : NULL;
		given_same(i, change_op_name(o->op), settle_was_made(c, now) ? "made" : "not made",
		    o->want ? "made" : "not made");
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failed),
	    cmocka_unit_test(modified),
	    cmocka_unit_test(modified_at_large),
	    cmocka_unit_test(brought_back),
	    cmocka_unit_test(whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
