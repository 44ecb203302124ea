/* SPDX-License-Identifier: MIT */

/*
 * What flows back: after a switch the source object gets what the target object has, by a full
 * cycle and by a delta; after an undo it is the other way round again. Nothing that was written
 * comes back as a second write.
 */

#include "tests/support/limits_fixture.h"

#define HIDES "msExchHideFromAddressLists"
#define PRIMARY "SMTP:ann@acme.example"

static const char *const ann[] = {"CN=Ann", NULL};

static const struct scenario people = {.name = "people",
    .scope = KEPT,
    .source = {MAILBOX("Ann", "ann",
		   "title: Boss\ndepartment: Sales\nmanager: CN=Bea" ACME
		   "\npublicDelegates: CN=Bea" ACME "\n"),
	MAILBOX("Bea", "bea", ""), MAILBOX("Cleo", "cleo", ""),
	GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea"))}};

/* Both switched and settled; the next cycles are deltas if DELTA. */
static void
start_switched(struct lab *l, const struct scenario *sc, bool delta)
{
	start(l, sc, false);
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, ann), 0);
	lab_run_silent(l);
	lab_run_idle(l);
	l->delta = delta;
}

/* One cycle, which writes something; the one behind it does not. */
static void
settle(struct lab *l)
{
	lab_run(l);
	assert_true(l->res.applied > 0);
	lab_run_silent(l);
}

static bool
at_source(struct lab *l, const char *attr, const char *value)
{
	return value ? lab_has(l, SOURCE, "CN=Ann", attr, value)
		     : lab_count(l, SOURCE, "CN=Ann", attr) == 0;
}

/* The address book says the same at the source as at the target. */
static void
gal_attributes(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &people, delta);
		assert_true(at_source(&l, "title", "Boss"));
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		lab_set(&l, TARGET, "CN=Ann", "telephoneNumber", "12");
		settle(&l);
		assert_int_equal(l.told[RUN_REFUSED], 0);
		assert_true(at_source(&l, "title", "Chief"));
		assert_true(at_source(&l, "telephoneNumber", "12"));
		/* What galsync put goes with it, what the administrator of the source put stays. */
		lab_set(&l, TARGET, "CN=Ann", "telephoneNumber", NULL);
		lab_set(&l, TARGET, "CN=Ann", "department", NULL);
		settle(&l);
		assert_true(at_source(&l, "telephoneNumber", NULL));
		assert_true(at_source(&l, "department", "Sales"));
		end(&l);
	}
}

/* A change at the passive side gives way, and what was lost is said. */
static void
authority_wins(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &people, delta);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Old hand");
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		settle(&l);
		assert_true(at_source(&l, "title", "Chief"));
		lab_set(&l, SOURCE, "CN=Ann", "title", "Old hand");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_non_null(strstr(lab_notes(&l), "because the target has the authority"));
		assert_non_null(strstr(lab_notes(&l), "title 'Old hand'"));
		assert_true(at_source(&l, "title", "Chief"));
		/* What is changed on the active side alone is no loss. */
		lab_set(&l, TARGET, "CN=Ann", "title", "Head");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_null(strstr(lab_notes(&l), "has the authority"));
		assert_true(at_source(&l, "title", "Head"));
		end(&l);
	}
}

static void
addresses(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &people, delta);
		lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", PRIMARY);
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@new.example");
		lab_set(&l, TARGET, "CN=Ann", "mail", "ann@new.example");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:a.n@new.example");
		settle(&l);
		assert_true(at_source(&l, "proxyAddresses", "SMTP:ann@new.example"));
		assert_true(at_source(&l, "proxyAddresses", "smtp:ann@acme.example"));
		assert_true(at_source(&l, "proxyAddresses", "smtp:a.n@new.example"));
		assert_true(at_source(&l, "proxyAddresses", "smtp:ann@redirect.acme.example"));
		assert_false(at_source(&l, "proxyAddresses", "smtp:ann@redirect.globex.example"));
		assert_true(at_source(&l, "mail", "ann@new.example"));
		/* The passive side's own address stays there and does not flow. */
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:own@acme.example");
		lab_run_silent(&l);
		assert_false(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:own@acme.example"));
		/* What came back goes back. */
		lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:a.n@new.example");
		settle(&l);
		assert_false(at_source(&l, "proxyAddresses", "smtp:a.n@new.example"));
		assert_true(at_source(&l, "proxyAddresses", "smtp:own@acme.example"));
		end(&l);
	}
}

/* An address that another object of the source has is in conflict; all else flows. */
static void
address_is_taken(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &people, delta);
		lab_add_value(&l, SOURCE, "CN=Cleo", "proxyAddresses", "smtp:both@else.example");
		l.delta = false;
		settle(&l);
		l.delta = delta;
		lab_delete_value(&l, TARGET, "CN=Cleo", "proxyAddresses", "smtp:both@else.example");
		lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", PRIMARY);
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:both@else.example");
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.failed, 0);
		assert_true(l.res.conflicts > 0);
		assert_true(at_source(&l, "proxyAddresses", PRIMARY));
		assert_false(at_source(&l, "proxyAddresses", "SMTP:both@else.example"));
		assert_true(at_source(&l, "mail", "ann@acme.example"));
		assert_true(at_source(&l, "title", "Chief"));
		/* When the other one lets go of it, it comes. */
		lab_delete_value(&l, SOURCE, "CN=Cleo", "proxyAddresses", "smtp:both@else.example");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_true(at_source(&l, "proxyAddresses", "SMTP:both@else.example"));
		assert_true(at_source(&l, "mail", "both@else.example"));
		end(&l);
	}
}

/* The name of an office in the source's own domain is the source's to give. */
static void
office(void **state)
{
	struct lab l;

	(void)state;
	start_switched(&l, &people, true);
	lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:postmaster@acme.example");
	lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:plain@acme.example");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(at_source(&l, "proxyAddresses", "smtp:plain@acme.example"));
	assert_false(at_source(&l, "proxyAddresses", "smtp:postmaster@acme.example"));
	assert_int_equal(l.res.conflicts, 1);
	lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:postmaster@acme.example");
	end(&l);
}

/* A return contact as its flow records it. */
static void
record_contact(struct lab *l, const char *native, const char *contact)
{
	const struct entry *e[SIDES] = {
	    fakedir_find(l->fd[TARGET], native), fakedir_find(l->fd[SOURCE], contact)};
	_cleanup_(record_free) struct record *r = record_new();
	struct store_txn *t;
	struct err err;

	assert_non_null(r);
	r->state = RECORD_SYNCED;
	r->synced_at = 1;
	for (int side = SOURCE; side < SIDES; side++) {
		assert_non_null(e[side]);
		r->side[side].guid = e[side]->guid;
	}
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, native), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, contact), 0);
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_link_id(t, l->link->back->name, &r->link, &err), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

static void
references(void **state)
{
	static const char native[] = "CN=Nat" GLOBEX,
			  contact[] = "CN=Nat,OU=GAL,DC=acme,DC=example";
	struct scenario sc = people;

	(void)state;
	sc.link = "return_contacts_ou = \"OU=GAL,DC=acme,DC=example\";";
	sc.target[0] = THERE_OU;
	sc.target[1] = THERE("user", "Nat", "sAMAccountName: nat\nuserAccountControl: 512\n");
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &sc, delta);
		lab_add(&l, SOURCE,
		    "dn: OU=GAL,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"
		    "dn: CN=Nat,OU=GAL,DC=acme,DC=example\nobjectClass: contact\n\n");
		lab_set(&l, TARGET, "CN=Ann", "manager", lab_dn(TARGET, "CN=Cleo"));
		lab_add_value(&l, TARGET, "CN=Ann", "publicDelegates", lab_dn(TARGET, "CN=Cleo"));
		settle(&l);
		assert_true(at_source(&l, "manager", lab_dn(SOURCE, "CN=Cleo")));
		assert_true(at_source(&l, "publicDelegates", lab_dn(SOURCE, "CN=Cleo")));
		assert_true(at_source(&l, "publicDelegates", lab_dn(SOURCE, "CN=Bea")));
		/* One that both had goes, one that only the source has stays. */
		lab_add_value(&l, SOURCE, "CN=Bea", "proxyAddresses", "smtp:x@acme.example");
		lab_delete_value(&l, TARGET, "CN=Ann", "publicDelegates", lab_dn(TARGET, "CN=Bea"));
		settle(&l);
		assert_false(at_source(&l, "publicDelegates", lab_dn(SOURCE, "CN=Bea")));
		lab_add_value(&l, SOURCE, "CN=Ann", "publicDelegates", lab_dn(SOURCE, "CN=Bea"));
		lab_run_silent(&l);
		assert_true(at_source(&l, "publicDelegates", lab_dn(SOURCE, "CN=Bea")));
		/* A native has nothing to stand for it at first. */
		lab_set(&l, TARGET, "CN=Ann", "manager", native);
		settle(&l);
		assert_true(at_source(&l, "manager", NULL));
		record_contact(&l, native, contact);
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		settle(&l);
		assert_true(at_source(&l, "manager", contact));
		end(&l);
	}
}

/* What has the name of one that has left is what is meant by it. */
static void
reference_by_a_name_again(void **state)
{
	static const struct scenario named = {.name = "a name again",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Zoe", "zoe", "")}};
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		start_switched(&l, &named, delta);
		lab_delete(&l, SOURCE, "CN=Zoe");
		lab_add(&l, SOURCE, CONTACT("Zoe", "zoe2", ""));
		lab_run(&l);
		lab_run_silent(&l);
		assert_true(lab_exists(&l, TARGET, "CN=Zoe (2)"));
		lab_add_value(
		    &l, TARGET, "CN=Ann", "publicDelegates", lab_dn(TARGET, "CN=Zoe (2)"));
		settle(&l);
		assert_true(at_source(&l, "publicDelegates", lab_dn(SOURCE, "CN=Zoe")));
		l.delta = false;
		lab_run_silent(&l);
		lab_close(&l);
	}
}

/* After an undo the source decides again, and the turn itself writes nothing of all that. */
static void
undone(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, &people, delta);
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:a@new.example");
		settle(&l);
		assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
		lab_run_silent(&l);
		assert_true(at_source(&l, "title", "Chief"));
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		settle(&l);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:a@new.example"));
		end(&l);
	}
}

/* Nothing is lost with the map but what galsync put: nothing is taken away, and nothing written. */
static void
map_is_lost(void **state)
{
	struct lab l;

	(void)state;
	start_switched(&l, &people, false);
	lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
	lab_set(&l, TARGET, "CN=Ann", "telephoneNumber", "12");
	settle(&l);
	lab_lose_map(&l);
	lab_run_silent(&l);
	lab_set(&l, TARGET, "CN=Ann", "telephoneNumber", NULL);
	lab_run_silent(&l);
	assert_true(at_source(&l, "telephoneNumber", "12"));
	lab_set(&l, TARGET, "CN=Ann", "title", "Head");
	settle(&l);
	assert_true(at_source(&l, "title", "Head"));
	end(&l);
}

/* Rows that say so flow from one side, whichever mailbox is in use. */
static void
rows_of_the_site(void **state)
{
	struct scenario sc = people;

	(void)state;
	sc.link =
	    "attributes = ( { attribute = \"title\"; authority = \"source\"; },"
	    " { attribute = \"company\"; authority = \"target\"; },"
	    " { attribute = \"department\"; how = \"template\"; value = \"x %{department}\"; });";
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &sc, delta);
		lab_set(&l, TARGET, "CN=Ann", "company", "Globex");
		lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
		settle(&l);
		assert_true(at_source(&l, "company", "Globex"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
		lab_run_silent(&l);
		lab_set(&l, TARGET, "CN=Ann", "department", "y");
		lab_set(&l, TARGET, "CN=Ann", "title", "Head");
		settle(&l);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
		assert_true(at_source(&l, "title", "Chief"));
		assert_true(at_source(&l, "department", "Sales"));
		end(&l);
	}
}

/* A group is the source's until its scope says otherwise. */
static void
groups(void **state)
{
	struct scenario sc = people;

	(void)state;
	for (int target = 0; target < 2; target++) {
		enum side from = target ? TARGET : SOURCE, to = target ? SOURCE : TARGET;
		struct lab l;

		sc.scope = target ? KEPT " authority = \"target\";" : KEPT;
		lab_open(&l, &sc);
		lab_run(&l);
		lab_run_silent(&l);
		lab_run_idle(&l);
		l.delta = true;
		lab_delete_value(&l, from, "CN=Team", "member", lab_dn(from, "CN=Bea"));
		lab_add_value(&l, from, "CN=Team", "member", lab_dn(from, "CN=Cleo"));
		lab_add_value(&l, from, "CN=Team", "proxyAddresses", "smtp:t@new.example");
		lab_set(&l, from, "CN=Team", "displayName", "The team");
		settle(&l);
		assert_false(lab_has(&l, to, "CN=Team", "member", lab_dn(to, "CN=Bea")));
		assert_true(lab_has(&l, to, "CN=Team", "member", lab_dn(to, "CN=Cleo")));
		assert_true(lab_has(&l, to, "CN=Team", "member", lab_dn(to, "CN=Ann")));
		assert_true(lab_has(&l, to, "CN=Team", "proxyAddresses", "smtp:t@new.example"));
		assert_true(lab_has(&l, to, "CN=Team", "displayName", "The team"));
		/* Mailboxes are the active side's in any scope. */
		lab_set(&l, SOURCE, "CN=Bea", "title", "B");
		settle(&l);
		assert_true(lab_has(&l, TARGET, "CN=Bea", "title", "B"));
		end(&l);
	}
}

/* Hidden after the switch: it has left, and gets nothing more; or the flag flows. */
static void
hidden(void **state)
{
	struct scenario sc = people;

	(void)state;
	for (int flows = 0; flows < 2; flows++) {
		struct lab l;

		sc.scope = flows ? KEPT " hidden = \"sync\";" : KEPT;
		start_switched(&l, &sc, true);
		lab_set(&l, TARGET, "CN=Ann", HIDES, "TRUE");
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		settle(&l);
		assert_true(at_source(&l, HIDES, flows ? "TRUE" : NULL));
		assert_true(at_source(&l, "title", "Chief"));
		lab_set(&l, TARGET, "CN=Ann", HIDES, NULL);
		if (!flows)
			lab_set(&l, SOURCE, "CN=Ann", HIDES, "TRUE");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_true(at_source(&l, HIDES, flows ? NULL : "TRUE"));
		lab_set(&l, TARGET, "CN=Ann", "title", "Head");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_true(at_source(&l, "title", flows ? "Head" : "Chief"));
		end(&l);
	}
}

/* ---- what may not be written ---- */

/* Without the right to write at all, or one attribute, all else goes on, and nothing failed. */
static void
denied(void **state)
{
	static const char *const whats[] = {"title", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whats); i++) {
		struct lab l;

		start_switched(&l, &people, true);
		if (whats[i])
			assert_int_equal(fakedir_deny(l.fd[SOURCE], whats[i]), 0);
		else
			assert_int_equal(
			    fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), 50), 0);
		lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
		lab_set(&l, TARGET, "CN=Ann", "company", "Globex");
		lab_set(&l, SOURCE, "CN=Cleo", "title", "Third");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.failed, 0);
		assert_true(l.res.denied > 0);
		assert_true(at_source(&l, "title", "Boss"));
		assert_true(at_source(&l, "company", whats[i] ? "Globex" : NULL));
		assert_true(lab_has(&l, TARGET, "CN=Cleo", "title", "Third"));
		assert_int_equal(fakedir_deny(l.fd[SOURCE], NULL), 0);
		assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
		/* What was not written is not galsync's. */
		lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		lab_set(&l, TARGET, "CN=Ann", "title", NULL);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_true(at_source(&l, "title", "Chief"));
		lab_close(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gal_attributes),
	    cmocka_unit_test(authority_wins),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(address_is_taken),
	    cmocka_unit_test(office),
	    cmocka_unit_test(references),
	    cmocka_unit_test(reference_by_a_name_again),
	    cmocka_unit_test(undone),
	    cmocka_unit_test(map_is_lost),
	    cmocka_unit_test(rows_of_the_site),
	    cmocka_unit_test(groups),
	    cmocka_unit_test(hidden),
	    cmocka_unit_test(denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
