/* SPDX-License-Identifier: MIT */

/*
 * What one round of a cycle cannot do: names and redirect addresses that are exchanged by two or in
 * a ring, and more takeovers than a step has room for. The rounds behind it do the rest.
 */

#include "tests/support/handover_fixture.h"

/* Another one is made with the primary address that another one has just given up. */
static void
taken_by_a_new_one(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		set_primary(&l, "CN=A", "a", "married");
		lab_add(&l, SOURCE,
		    ACCOUNT("N", "n") "mailNickname: n\nmail: a@acme.example\n"
				      "proxyAddresses: SMTP:a@acme.example\n"
				      "legacyExchangeDN: /o=Acme/cn=n\n"
				      "msExchHomeServerName: /o=Acme/cn=EX1\n\n");
		settle_at_once(&l, delta);
		check_primary(&l, "CN=A", "married");
		check_primary(&l, "CN=N", "a");
		lab_close(&l);
	}
}

/* By two, and in a ring: the names of the counterparts are those of their sources. */
static void
names_exchanged(void **state)
{
	static const char *const names[] = {"CN=A", "CN=B", "CN=C"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned n = i & 2 ? 3 : 2;
		struct lab l;

		start(&l, &three);
		for (unsigned j = 0; j < n; j++)
			lab_set(&l, SOURCE, names[j], "title", names[j]);
		lab_run(&l);
		lab_rename(&l, SOURCE, names[n - 1], "CN=Between");
		for (unsigned j = n - 1; j > 0; j--)
			lab_rename(&l, SOURCE, names[j - 1], names[j]);
		lab_rename(&l, SOURCE, "CN=Between", names[0]);
		settle_at_once(&l, i & 1);
		for (unsigned j = 0; j < n; j++)
			assert_true(lab_has(&l, TARGET, names[j], "title", names[(j + n - 1) % n]));
		lab_close(&l);
	}
}

/* By two, and in a ring: each gets the redirect addresses of its alias, on both sides. */
static void
aliases_exchanged(void **state)
{
	static const char *const names[] = {"CN=A", "CN=B", "CN=C"};
	static const char *const aliases[] = {"a", "b", "c"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned n = i & 2 ? 3 : 2;
		struct lab l;

		start(&l, &three);
		for (unsigned j = 0; j < n; j++)
			lab_set(&l, SOURCE, names[j], "mailNickname", aliases[(j + 1) % n]);
		settle_at_once(&l, i & 1);
		for (unsigned j = 0; j < n; j++) {
			_cleanup_(free) char *at_source =
			    str_printf("smtp:%s@redirect.acme.example", aliases[(j + 1) % n]);
			_cleanup_(free) char *at_target =
			    str_printf("smtp:%s@redirect.globex.example", aliases[(j + 1) % n]);

			assert_true(lab_has(&l, SOURCE, names[j], "proxyAddresses", at_source));
			assert_true(lab_has(&l, TARGET, names[j], "proxyAddresses", at_target));
		}
		lab_close(&l);
	}
}

/* An X500 name that the source gives to another goes over; one that it only takes away stays, so
 * that old mail can be answered. */
static void
x500_name_given_on(void **state)
{
	const char *v = "X500:/o=Acme/cn=info";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, &three);
		lab_add_value(&l, SOURCE, "CN=A", "proxyAddresses", v);
		lab_run(&l);
		assert_true(lab_has(&l, TARGET, "CN=A", "proxyAddresses", v));
		lab_delete_value(&l, SOURCE, "CN=A", "proxyAddresses", v);
		if (i & 2)
			lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", v);
		settle_at_once(&l, i & 1);
		assert_int_equal(lab_has(&l, TARGET, "CN=A", "proxyAddresses", v), !(i & 2));
		assert_int_equal(lab_has(&l, SOURCE, "CN=A", "proxyAddresses", v), !(i & 2));
		assert_int_equal(lab_has(&l, TARGET, "CN=B", "proxyAddresses", v), i & 2 ? 1 : 0);
		lab_close(&l);
	}
}

/* By two, and in a ring. */
static void
legacy_names_exchanged(void **state)
{
	static const char *const names[] = {"CN=A", "CN=B", "CN=C"};
	static const char *const legacies[] = {ACME_LEGACY "a", ACME_LEGACY "b", ACME_LEGACY "c"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned n = i & 2 ? 3 : 2;
		struct lab l;

		start(&l, &three);
		for (unsigned j = 0; j < n; j++)
			lab_set(&l, SOURCE, names[j], "legacyExchangeDN", legacies[(j + 1) % n]);
		settle_at_once(&l, i & 1);
		for (unsigned j = 0; j < n; j++) {
			_cleanup_(free) char *own = str_printf("X500:%s", legacies[(j + 1) % n]);
			_cleanup_(free) char *former = str_printf("X500:%s", legacies[j]);

			assert_true(lab_has(&l, TARGET, names[j], "proxyAddresses", own));
			assert_false(lab_has(&l, TARGET, names[j], "proxyAddresses", former));
		}
		lab_close(&l);
	}
}

static const char *
numbered(const char *format, int i)
{
	static char names[4][64];
	static unsigned next;
	char *name = names[next++ % ARRAY_SIZE(names)];
	const char *at = strchr(format, '#');

	(void)snprintf(name, sizeof names[0], "%.*s%d%s", (int)(at - format), format, i, at + 1);
	return name;
}

/* Account names and logon names, where a row of the configuration keeps them. */
static void
account_names_exchanged(void **state)
{
	static const struct scenario sc = {.name = "account names",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .link = "attributes = ( { attribute = \"sAMAccountName\"; source = \"sAMAccountName\"; "
		    "}, { attribute = \"userPrincipalName\"; how = \"template\"; value = "
		    "\"%{sAMAccountName}@globex.example\"; } );",
	    .source = {MAILBOX("A", "a", ""), MAILBOX("B", "b", ""), MAILBOX("C", "c", "")}};
	static const char *const names[] = {"CN=A", "CN=B", "CN=C"};
	static const char *const sams[] = {"a", "b", "c"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned n = i & 2 ? 3 : 2;
		struct lab l;

		start(&l, &sc);
		for (unsigned j = 0; j < n; j++)
			lab_set(&l, SOURCE, names[j], "sAMAccountName", numbered("was#", (int)j));
		for (unsigned j = 0; j < n; j++)
			lab_set(&l, SOURCE, names[j], "sAMAccountName", sams[(j + 1) % n]);
		settle_at_once(&l, i & 1);
		for (unsigned j = 0; j < n; j++)
			assert_true(
			    lab_has(&l, TARGET, names[j], "sAMAccountName", sams[(j + 1) % n]));
		lab_close(&l);
	}
}

#define MANY 9

/* A successor of MANY, who have two addresses each. */
static void
start_many(struct lab *l)
{
	start(l, &three);
	for (int i = 0; i < MANY; i++) {
		_cleanup_(free) char *ldif =
		    str_printf("dn: CN=M%d" ACME "\nobjectClass: contact\nmailNickname: m%d\n"
			       "mail: m%d@acme.example\nproxyAddresses: SMTP:m%d@acme.example\n"
			       "proxyAddresses: smtp:m%d-2@acme.example\ntargetAddress: "
			       "SMTP:m%d@else.example\n"
			       "legacyExchangeDN: " ACME_LEGACY "m%d\n\n",
			i, i, i, i, i, i, i);

		assert_non_null(ldif);
		lab_add(l, SOURCE, ldif);
	}
	lab_run(l);
	lab_run_idle(l);
}

/* More than fit into one step: from those that left, and from those that are there. */
static void
from_many(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start_many(&l);
		for (int j = 0; j < MANY; j++) {
			const char *who = numbered("CN=M#", j);

			if (i & 2)
				lab_delete(&l, SOURCE, who);
			else
				lab_delete_value(&l, SOURCE, who, "proxyAddresses",
				    numbered("smtp:m#-2@acme.example", j));
			lab_add_value(&l, SOURCE, "CN=A", "proxyAddresses",
			    numbered("smtp:m#-2@acme.example", j));
			if (i & 2)
				lab_add_value(&l, SOURCE, "CN=A", "proxyAddresses",
				    numbered("smtp:m#@acme.example", j));
		}
		settle_at_once(&l, i & 1);
		for (int j = 0; j < MANY; j++) {
			assert_true(lab_has(&l, TARGET, "CN=A", "proxyAddresses",
			    numbered("smtp:m#-2@acme.example", j)));
			assert_false(lab_has(&l, TARGET, numbered("CN=M#", j), "proxyAddresses",
			    numbered("smtp:m#-2@acme.example", j)));
		}
		lab_close(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken_by_a_new_one),
	    cmocka_unit_test(names_exchanged),
	    cmocka_unit_test(aliases_exchanged),
	    cmocka_unit_test(x500_name_given_on),
	    cmocka_unit_test(legacy_names_exchanged),
	    cmocka_unit_test(account_names_exchanged),
	    cmocka_unit_test(from_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
