/* SPDX-License-Identifier: MIT */

/*
 * Identifiers that change hands: addresses, X500 names and aliases that are given on, exchanged by
 * two or in a ring, or left behind by objects that are gone, hidden, or made again. One cycle, full
 * or delta, ends in two directories that agree; a further one does nothing.
 */

#include "tests/support/handover_fixture.h"

static void
exchanged(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, i & 2 ? &cards : &three);
		set_primary(&l, "CN=A", "a", "b");
		set_primary(&l, "CN=B", "b", "a");
		settle_at_once(&l, i & 1);
		check_primary(&l, "CN=A", "b");
		check_primary(&l, "CN=B", "a");
		lab_close(&l);
	}
}

static void
ring_of_three(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, i & 2 ? &cards : &three);
		set_primary(&l, "CN=A", "a", "b");
		set_primary(&l, "CN=B", "b", "c");
		set_primary(&l, "CN=C", "c", "a");
		settle_at_once(&l, i & 1);
		check_primary(&l, "CN=A", "b");
		check_primary(&l, "CN=B", "c");
		check_primary(&l, "CN=C", "a");
		lab_close(&l);
	}
}

/* X500 names, by two and in a ring; at the end each has its own one and no other. */
static void
exchanged_names(void **state)
{
	static const char *const cn[] = {"CN=A", "CN=B", "CN=C"};
	static const char *const name[] = {
	    "X500:/o=Old/cn=a", "X500:/o=Old/cn=b", "X500:/o=Old/cn=c"};
	static const struct scenario sc = {.name = "names",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .source = {MAILBOX("A", "a", "proxyAddresses: X500:/o=Old/cn=a\n"),
		MAILBOX("B", "b", "proxyAddresses: X500:/o=Old/cn=b\n"),
		MAILBOX("C", "c", "proxyAddresses: X500:/o=Old/cn=c\n")}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		int n = i & 2 ? 3 : 2;
		struct lab l;

		start(&l, &sc);
		for (int j = 0; j < n; j++) {
			lab_delete_value(&l, SOURCE, cn[j], "proxyAddresses", name[j]);
			lab_add_value(&l, SOURCE, cn[j], "proxyAddresses", name[(j + 1) % n]);
		}
		l.delta = i & 1;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		settle_at_once(&l, i & 1);
		for (int j = 0; j < n; j++)
			for (int side = SOURCE; side < SIDES; side++) {
				assert_true(lab_has(&l, (enum side)side, cn[j], "proxyAddresses",
				    name[(j + 1) % n]));
				assert_false(
				    lab_has(&l, (enum side)side, cn[j], "proxyAddresses", name[j]));
			}
		lab_close(&l);
	}
}

/* Of a matched object too, where what galsync put there is known by its record alone. */
static void
exchanged_names_of_matched(void **state)
{
	static const struct scenario sc = {.name = "matched names",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .link = "match = [ \"mail\" ]; limits = { matches = 10; };",
	    .source = {MAILBOX("A", "a", "proxyAddresses: X500:/o=Old/cn=a\n"),
		MAILBOX("B", "b", "")},
	    .target = {THERE_OU, THERE("user", "A", "mail: a@acme.example\n")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &sc);
		lab_delete_value(&l, SOURCE, "CN=A", "proxyAddresses", "X500:/o=Old/cn=a");
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", "X500:/o=Old/cn=a");
		lab_set(&l, SOURCE, "CN=A", "title", "Without");
		l.delta = delta;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		settle_at_once(&l, delta);
		assert_true(lab_has(&l, TARGET, "CN=B", "proxyAddresses", "X500:/o=Old/cn=a"));
		assert_false(lab_has(&l, TARGET, "CN=A", "proxyAddresses", "X500:/o=Old/cn=a"));
		lab_close(&l);
	}
}

static void
given_on(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const char *from = i & 2 ? "CN=B" : "CN=A", *to = i & 2 ? "CN=A" : "CN=B";
		const char *v = i & 2 ? "smtp:b2@acme.example" : "smtp:a2@acme.example";
		struct lab l;

		start(&l, &three);
		lab_delete_value(&l, SOURCE, from, "proxyAddresses", v);
		lab_add_value(&l, SOURCE, to, "proxyAddresses", v);
		settle_at_once(&l, i & 1);
		assert_true(lab_has(&l, TARGET, to, "proxyAddresses", v));
		assert_false(lab_has(&l, TARGET, from, "proxyAddresses", v));
		lab_close(&l);
	}
}

/* To a successor: its counterpart is hidden and gives up what the source has given to another. */
static void
left_behind(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, &three);
		if (i & 2) {
			lab_delete(&l, SOURCE, "CN=A");
		} else {
			lab_set(&l, SOURCE, "CN=A", HIDES, "TRUE");
			lab_set(&l, SOURCE, "CN=A", "mail", "gone@acme.example");
			lab_set(&l, SOURCE, "CN=A", "proxyAddresses", "SMTP:gone@acme.example");
		}
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", "smtp:a@acme.example");
		settle_at_once(&l, i & 1);
		assert_true(lab_has(&l, TARGET, "CN=B", "proxyAddresses", "smtp:a@acme.example"));
		assert_false(lab_has(&l, TARGET, "CN=A", "proxyAddresses", "SMTP:a@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=A", HIDES, "TRUE"));
		lab_close(&l);
	}
}

/* Long after it left. */
static void
left_long_ago(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		lab_delete(&l, SOURCE, "CN=A");
		lab_run(&l);
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", "smtp:a@acme.example");
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", "X500:" ACME_LEGACY "a");
		settle_at_once(&l, delta);
		assert_true(lab_has(&l, TARGET, "CN=B", "proxyAddresses", "smtp:a@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=B", "proxyAddresses", "X500:" ACME_LEGACY "a"));
		lab_close(&l);
	}
}

/* It waited for that: both claimed it, and then the holder was deleted, in one way or another. */
static void
claimed_until_deleted(void **state)
{
	static const struct scenario gone = {.name = "gone",
	    .scope = "create = \"mailbox\"; on_leave = \"delete\";",
	    .source = {MAILBOX("A", "a", ""), MAILBOX("B", "b", "")}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const char *value = i & 2 ? "X500:" ACME_LEGACY "a" : "smtp:a@acme.example";
		struct lab l;

		start(&l, &gone);
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", value);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.conflicts, 1);
		lab_delete(&l, SOURCE, "CN=A");
		settle_at_once(&l, i & 1);
		assert_true(lab_has(&l, TARGET, "CN=B", "proxyAddresses", value));
		assert_false(lab_exists(&l, TARGET, "CN=A"));
		lab_close(&l);
	}
}

/* The same person with another GUID takes its former counterpart over, which is visible again. */
static void
made_again(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, &three);
		lab_delete(&l, SOURCE, "CN=A");
		if (i & 2) {
			lab_run(&l);
			assert_true(lab_has(&l, TARGET, "CN=A", HIDES, "TRUE"));
		}
		lab_add(&l, SOURCE,
		    ACCOUNT("A", "a") "mailNickname: a\nmail: a@acme.example\n"
				      "proxyAddresses: SMTP:a@acme.example\n"
				      "legacyExchangeDN: /o=Acme/cn=new\ntitle: Back\n"
				      "msExchHomeServerName: /o=Acme/cn=EX1\n\n");
		settle_at_once(&l, i & 1);
		assert_true(lab_has(&l, TARGET, "CN=A", "title", "Back"));
		assert_int_equal(lab_count(&l, TARGET, "CN=A", HIDES), 0);
		assert_true(lab_has(&l, TARGET, "CN=A", "proxyAddresses", "X500:" ACME_LEGACY "a"));
		lab_close(&l);
	}
}

static void
delete_successor(struct lab *l, const char *text)
{
	if (strstr(text, "matched for the first time") && lab_exists(l, SOURCE, "CN=N"))
		lab_delete(l, SOURCE, "CN=N");
}

/* The successor that was about to take the counterpart over is gone before it did: then it has left
 * like any other. */
static void
successor_vanishes(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		lab_delete(&l, SOURCE, "CN=A");
		lab_add(&l, SOURCE,
		    ACCOUNT("N", "n") "mailNickname: n\nmail: a@acme.example\n"
				      "proxyAddresses: SMTP:a@acme.example\n"
				      "legacyExchangeDN: " ACME_LEGACY "n\n"
				      "msExchHomeServerName: /o=Acme/cn=EX1\n\n");
		l.on_note = delete_successor;
		l.delta = delta;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		settle_at_once(&l, delta);
		assert_false(lab_exists(&l, SOURCE, "CN=N"));
		assert_true(lab_has(&l, TARGET, "CN=A", HIDES, "TRUE"));
		lab_close(&l);
	}
}

static void
contact_becomes_user(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &cards);
		lab_delete(&l, SOURCE, "CN=A");
		lab_add(&l, SOURCE, MAILBOX("A user", "a", ""));
		settle_at_once(&l, delta);
		assert_true(lab_has(&l, TARGET, "CN=A user", "objectClass", "user"));
		assert_false(lab_exists(&l, TARGET, "CN=A"));
		lab_close(&l);
	}
}

/* Made again as what the former counterpart cannot be: that one stays, hidden, and gives up what
 * the new one takes. A contact makes way altogether. */
static void
becomes_another_kind(void **state)
{
	static const struct scenario sc = {.name = "kinds",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .source = {MAILBOX("A", "a", ""), GROUP("B", "b", ""), CONTACT("C", "c", "")}};
	static const struct {
		const char *cn, *alias, *now, *at, *rest;
	} cases[] = {{"CN=A", "a", GROUP("A", "a", ""), "CN=A (2)", "CN=A"},
	    {"CN=A", "a", CONTACT("A", "a", ""), "CN=A (2)", "CN=A"},
	    {"CN=B", "b", MAILBOX("B", "b", ""), "CN=B (2)", "CN=B"},
	    {"CN=B", "b", CONTACT("B", "b", ""), "CN=B (2)", "CN=B"},
	    {"CN=C", "c", GROUP("C", "c", ""), "CN=C", NULL}};

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(cases); i++) {
		struct lab l;

		start(&l, &sc);
		lab_delete(&l, SOURCE, cases[i / 4].cn);
		if (i & 2)
			lab_run(&l);
		lab_add(&l, SOURCE, cases[i / 4].now);
		settle_at_once(&l, i & 1);
		check_primary(&l, cases[i / 4].at, cases[i / 4].alias);
		if (cases[i / 4].rest) {
			assert_true(lab_has(&l, TARGET, cases[i / 4].rest, HIDES, "TRUE"));
			assert_int_equal(lab_count(&l, TARGET, cases[i / 4].rest, "mail"), 0);
		}
		lab_close(&l);
	}
}

/* One that is new has the address, the name or the X500 name that another one had: what that one's
 * counterpart still has of it is no evidence. */
static void
new_successor(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct lab l;

		start(&l, &three);
		set_primary(&l, "CN=A", "a", "other");
		lab_set(&l, SOURCE, "CN=A", "sAMAccountName", "other");
		lab_set(&l, SOURCE, "CN=A", "userPrincipalName", "other@acme.example");
		if (i & 2)
			lab_set(&l, SOURCE, "CN=A", HIDES, "TRUE");
		lab_add(&l, SOURCE,
		    ACCOUNT("N", "a") "mailNickname: n\nmail: a@acme.example\n"
				      "proxyAddresses: SMTP:a@acme.example\n"
				      "legacyExchangeDN: " ACME_LEGACY "n\n"
				      "msExchHomeServerName: /o=Acme/cn=EX1\n\n");
		settle_at_once(&l, i & 1);
		check_primary(&l, "CN=N", "a");
		assert_false(lab_has(&l, TARGET, "CN=A", "proxyAddresses", "smtp:a@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=N", "proxyAddresses", "X500:" ACME_LEGACY "n"));
		lab_close(&l);
	}
}

/* The former owner's redirect address goes with its alias. */
static void
alias_given_on(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		lab_set(&l, SOURCE, "CN=A", "mailNickname", "other");
		l.delta = delta;
		lab_run(&l);
		assert_true(lab_has(
		    &l, SOURCE, "CN=A", "proxyAddresses", "smtp:other@redirect.acme.example"));
		assert_false(
		    lab_has(&l, SOURCE, "CN=A", "proxyAddresses", "smtp:a@redirect.acme.example"));
		assert_false(lab_has(
		    &l, TARGET, "CN=A", "proxyAddresses", "smtp:a@redirect.globex.example"));
		lab_set(&l, SOURCE, "CN=B", "mailNickname", "a");
		settle_at_once(&l, delta);
		assert_true(
		    lab_has(&l, SOURCE, "CN=B", "proxyAddresses", "smtp:a@redirect.acme.example"));
		assert_true(
		    lab_has(&l, TARGET, "CN=B", "targetAddress", "SMTP:a@redirect.acme.example"));
		lab_close(&l);
	}
}

/* The counterpart of one that left was moved: it goes from where it is referred to all the same. */
static void
moved_after_leaving(void **state)
{
	static const struct scenario sc = {.name = "moved",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .source = {MAILBOX("A", "a", ""), MAILBOX("B", "b", ""), GROUP("G", "g", MEMBER("A"))}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &sc);
		lab_set(&l, SOURCE, "CN=A", HIDES, "TRUE");
		lab_run(&l);
		lab_rename(&l, TARGET, "CN=A", "CN=Elsewhere");
		l.delta = true;
		lab_run(&l);
		assert_int_equal(lab_count(&l, TARGET, "CN=G", "member"), 1);
		lab_delete_value(&l, SOURCE, "CN=G", "member", lab_dn(SOURCE, "CN=A"));
		settle_at_once(&l, delta);
		assert_int_equal(lab_count(&l, TARGET, "CN=G", "member"), 0);
		lab_close(&l);
	}
}

/* The counterpart was deleted meanwhile. */
static void
alias_and_no_counterpart(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		lab_set(&l, SOURCE, "CN=A", "mailNickname", "other");
		lab_delete(&l, TARGET, "CN=A");
		settle_at_once(&l, delta);
		assert_true(lab_has(
		    &l, TARGET, "CN=A", "targetAddress", "SMTP:other@redirect.acme.example"));
		assert_false(
		    lab_has(&l, SOURCE, "CN=A", "proxyAddresses", "smtp:a@redirect.acme.example"));
		lab_close(&l);
	}
}

/* The name of what is finished and gone is another object's now: what concerns that is heard of. */
static void
name_of_finished(void **state)
{
	static const char *const who[] = {"CN=A", NULL};
	struct lab l;

	(void)state;
	start(&l, &three);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
	lab_delete(&l, SOURCE, "CN=A");
	lab_run(&l);
	lab_delete(&l, TARGET, "CN=A");
	lab_add(&l, SOURCE, GROUP("A", "g", MEMBER("B")));
	lab_set(&l, SOURCE, "CN=B", HIDES, "TRUE");
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=A", "member", lab_dn(TARGET, "CN=B")));
	lab_delete(&l, SOURCE, "CN=B");
	settle_at_once(&l, true);
	assert_int_equal(lab_count(&l, TARGET, "CN=A", "member"), 0);
	lab_close(&l);
}

/* Its counterpart is gone: nothing can refer to it. */
static void
reference_to_finished(void **state)
{
	static const char *const who[] = {"CN=A", NULL};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
		lab_set(&l, SOURCE, "CN=A", HIDES, "TRUE");
		lab_run(&l);
		lab_delete(&l, TARGET, "CN=A");
		l.delta = true;
		lab_run(&l);
		lab_set(&l, SOURCE, "CN=B", "manager", lab_dn(SOURCE, "CN=A"));
		settle_at_once(&l, delta);
		assert_int_equal(lab_count(&l, TARGET, "CN=B", "manager"), 0);
		lab_close(&l);
	}
}

/* A name that was an object's legacyExchangeDN is remembered for as long as it is no other's. */
static void
former_name_given_on(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		const char *name = "X500:" ACME_LEGACY "a";
		struct lab l;

		start(&l, &three);
		lab_set(&l, SOURCE, "CN=A", "legacyExchangeDN", "/o=Acme/cn=new");
		lab_run(&l);
		assert_true(lab_has(&l, SOURCE, "CN=A", "proxyAddresses", name));
		lab_delete_value(&l, SOURCE, "CN=A", "proxyAddresses", name);
		lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", name);
		l.delta = delta;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		settle_at_once(&l, delta);
		for (int side = SOURCE; side < SIDES; side++) {
			assert_true(lab_has(&l, (enum side)side, "CN=B", "proxyAddresses", name));
			assert_false(lab_has(&l, (enum side)side, "CN=A", "proxyAddresses", name));
		}
		lab_close(&l);
	}
}

/* And of one that is switched too: nothing leads there, and nothing else would ever take it away.
 */
static void
alias_of_switched(void **state)
{
	static const char *const who[] = {"CN=A", NULL};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
		lab_set(&l, SOURCE, "CN=A", "mailNickname", "other");
		l.delta = delta;
		lab_run(&l);
		settle_at_once(&l, delta);
		assert_true(lab_has(
		    &l, SOURCE, "CN=A", "targetAddress", "SMTP:other@redirect.globex.example"));
		assert_true(lab_has(
		    &l, SOURCE, "CN=A", "proxyAddresses", "smtp:other@redirect.acme.example"));
		assert_false(
		    lab_has(&l, SOURCE, "CN=A", "proxyAddresses", "smtp:a@redirect.acme.example"));
		assert_false(lab_has(
		    &l, TARGET, "CN=A", "proxyAddresses", "smtp:a@redirect.globex.example"));
		lab_close(&l);
	}
}

/* Another object of the target that nobody synchronizes keeps what it has. */
static void
natives_keep_theirs(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &three);
	lab_add(&l, TARGET, THERE("user", "Native", "proxyAddresses: smtp:n@acme.example\n"));
	lab_add_value(&l, SOURCE, "CN=B", "proxyAddresses", "smtp:n@acme.example");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.conflicts, 1);
	assert_true(lab_has(&l, TARGET, "CN=Native", "proxyAddresses", "smtp:n@acme.example"));
	assert_false(lab_has(&l, TARGET, "CN=B", "proxyAddresses", "smtp:n@acme.example"));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exchanged),
	    cmocka_unit_test(ring_of_three),
	    cmocka_unit_test(exchanged_names),
	    cmocka_unit_test(exchanged_names_of_matched),
	    cmocka_unit_test(given_on),
	    cmocka_unit_test(left_behind),
	    cmocka_unit_test(left_long_ago),
	    cmocka_unit_test(claimed_until_deleted),
	    cmocka_unit_test(made_again),
	    cmocka_unit_test(successor_vanishes),
	    cmocka_unit_test(contact_becomes_user),
	    cmocka_unit_test(becomes_another_kind),
	    cmocka_unit_test(new_successor),
	    cmocka_unit_test(alias_given_on),
	    cmocka_unit_test(moved_after_leaving),
	    cmocka_unit_test(alias_and_no_counterpart),
	    cmocka_unit_test(name_of_finished),
	    cmocka_unit_test(reference_to_finished),
	    cmocka_unit_test(former_name_given_on),
	    cmocka_unit_test(alias_of_switched),
	    cmocka_unit_test(natives_keep_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
