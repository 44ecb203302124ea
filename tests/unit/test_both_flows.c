/* SPDX-License-Identifier: MIT */

/* Both flows of a link, one behind the other: what the one leaves for the other. */

#include "tests/support/limits_fixture.h"

#include "tests/support/heir_fixture.h"
#include "tests/support/retries.h"

#define IDA "CN=Ida Native" PEOPLE
#define NEW_IDA "CN=Ida New" PEOPLE
#define IDA_CONTACT "CN=Ida Native" GAL
#define JON "CN=Jon Native" PEOPLE
#define JON_CONTACT "CN=Jon Native" GAL
#define AWAY "CN=Ida Native,DC=globex,DC=example"

static const char *const bob[] = {"CN=Bob", NULL};

static const struct scenario both = {.name = "both flows",
    .link = HEIR_RETURN,
    .source = {GAL_OU, MAILBOX("Bob", "bob", ""), MAILBOX("Cid", "cid", ""),
	GROUP("Team", "team", MEMBER("Bob"))},
    .target = {PEOPLE_OU, NATIVE("Ida Native", "ida", ""), NATIVE("Jon Native", "jon", "")}};

static const struct scenario of_people = {.name = "with a return scope",
    .link = HEIR_RETURN "return_scopes = ( { base = \"OU=People,DC=globex,DC=example\"; } );",
    .source = {GAL_OU},
    .target = {PEOPLE_OU, NATIVE("Ida Native", "ida", ""), NATIVE("Jon Native", "jon", "")}};

/* Both are synchronized; the next cycles are deltas if DELTA. */
static void
begin_with(struct lab *l, const struct scenario *sc, bool delta)
{
	lab_open(l, sc);
	heir_must(l, "begin");
	heir_must(l, "begin again");
	assert_int_equal(l->res.applied, 0);
	l->delta = delta;
}

static void
begin(struct lab *l, bool delta)
{
	begin_with(l, &both, delta);
}

/* One that writes, and one that does not. */
static void
go(struct lab *l, const char *what)
{
	heir_must(l, what);
	heir_must(l, "once more");
	if (l->res.applied)
		fail_msg("%s: one more wrote\n%s", what, lab_notes(l));
}

static void
finish(struct lab *l)
{
	l->delta = false;
	heir_must(l, "in the end");
	assert_int_equal(l->res.applied, 0);
	lab_close(l);
}

/* That a native is named otherwise meanwhile, even at the same moment, changes nothing: what named
 * it because the source did names it no more. */
static void
reference_to_a_renamed_native(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		bool at_once = form & 2;
		struct lab l;

		begin(&l, form & 1);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		lab_add_value(&l, SOURCE, "CN=Team", "member", IDA_CONTACT);
		lab_add_value(&l, TARGET, "CN=Team", "member", "CN=Jon Native" PEOPLE);
		go(&l, "it is named");
		assert_true(lab_has(&l, TARGET, "CN=Bob", "manager", IDA));
		assert_true(lab_has(&l, TARGET, "CN=Team", "member", IDA));
		lab_rename(&l, TARGET, IDA, "CN=Ida New");
		if (!at_once)
			go(&l, "it is renamed");
		lab_set(&l, SOURCE, "CN=Bob", "manager", NULL);
		lab_set(&l, SOURCE, "CN=Team", "member", NULL);
		go(&l, "it is not named");
		if (lab_count(&l, TARGET, "CN=Bob", "manager") ||
		    lab_has(&l, TARGET, "CN=Team", "member", NEW_IDA))
			fail_msg("%d: it is still named\n%s", form, lab_notes(&l));
		assert_true(lab_has(&l, TARGET, "CN=Team", "member", "CN=Jon Native" PEOPLE));
		finish(&l);
	}
}

/* A delta writes the name that an object has now, not the one that the map remembers. */
static void
reference_while_it_is_renamed(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		lab_rename(&l, TARGET, IDA, "CN=Ida New");
		go(&l, "it is named and renamed");
		assert_true(lab_has(&l, TARGET, "CN=Bob", "manager", NEW_IDA));
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		lab_set(&l, TARGET, "CN=Bob", "manager", lab_dn(TARGET, "CN=Cid"));
		lab_rename(&l, SOURCE, "CN=Cid", "CN=Cid New");
		go(&l, "another one is named and renamed");
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", "CN=Cid New" ACME));
		finish(&l);
	}
}

/* What galsync put there before a switch is known as that after the undo. */
static void
reference_across_a_turn(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		go(&l, "it is named");
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		lab_set(&l, TARGET, "CN=Bob", "title", "Chief");
		go(&l, "the target has the authority");
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "title", "Chief"));
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT));
		assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, bob), 0);
		go(&l, "it is undone");
		lab_set(&l, SOURCE, "CN=Bob", "manager", NULL);
		go(&l, "it is not named");
		assert_int_equal(lab_count(&l, TARGET, "CN=Bob", "manager"), 0);
		finish(&l);
	}
}

/* The same of what flows back. */
static void
reference_back_to_a_renamed_one(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		bool at_once = form & 2;
		struct lab l;

		begin(&l, form & 1);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		lab_set(&l, TARGET, "CN=Bob", "manager", lab_dn(TARGET, "CN=Cid"));
		lab_add_value(&l, TARGET, "CN=Bob", "publicDelegates", IDA);
		go(&l, "they are named");
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", lab_dn(SOURCE, "CN=Cid")));
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "publicDelegates", IDA_CONTACT));
		lab_rename(&l, SOURCE, "CN=Cid", "CN=Cid New");
		lab_rename(&l, TARGET, IDA, "CN=Ida New");
		if (!at_once)
			go(&l, "they are renamed");
		lab_set(&l, TARGET, "CN=Bob", "manager", NULL);
		lab_set(&l, TARGET, "CN=Bob", "publicDelegates", NULL);
		go(&l, "they are not named");
		if (lab_count(&l, SOURCE, "CN=Bob", "manager") ||
		    lab_count(&l, SOURCE, "CN=Bob", "publicDelegates"))
			fail_msg("%d: they are still named\n%s", form, lab_notes(&l));
		finish(&l);
	}
}

/* Who named a native by hand does so no more when that has become a counterpart: from now on the
 * source says who names it. */
static void
native_becomes_a_counterpart(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_add_value(&l, TARGET, "CN=Bob", "publicDelegates", IDA);
		lab_add_value(&l, TARGET, "CN=Team", "member", IDA);
		heir_must(&l, "a delegate");
		assert_true(lab_has(&l, TARGET, "CN=Bob", "publicDelegates", IDA));
		lab_add_value(&l, TARGET, IDA, "proxyAddresses", "X500:" ACME_LEGACY "ida");
		lab_add(&l, SOURCE, MAILBOX("Ida", "ida", ""));
		go(&l, "it is a counterpart");
		assert_int_equal(lab_count(&l, TARGET, "CN=Bob", "publicDelegates"), 0);
		assert_false(lab_has(&l, TARGET, "CN=Team", "member", IDA));
		finish(&l);
	}
}

/* What named a contact, because its native's original does, names the heir until that ends. */
static void
reference_to_an_heir(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_set(&l, TARGET, "CN=Jon Native" PEOPLE, "manager", IDA);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		lab_set(&l, TARGET, "CN=Bob", "manager", IDA);
		go(&l, "it is named");
		assert_true(lab_has(&l, SOURCE, "CN=Jon Native" GAL, "manager", IDA_CONTACT));
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT));
		lab_add_value(&l, TARGET, IDA, "proxyAddresses", "X500:" ACME_LEGACY "ida");
		lab_add(&l, SOURCE, MAILBOX("Ida", "ida", ""));
		go(&l, "it is a counterpart");
		assert_true(lab_has(&l, SOURCE, "CN=Jon Native" GAL, "manager", "CN=Ida" ACME));
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", "CN=Ida" ACME));
		lab_set(&l, TARGET, "CN=Jon Native" PEOPLE, "manager", NULL);
		lab_set(&l, TARGET, "CN=Bob", "manager", NULL);
		go(&l, "it is not named");
		assert_int_equal(lab_count(&l, SOURCE, "CN=Jon Native" GAL, "manager"), 0);
		assert_int_equal(lab_count(&l, SOURCE, "CN=Bob", "manager"), 0);
		finish(&l);
	}
}

/* A contact whose native has left, and which an administrator has taken from galsync, is not named
 * when the native has become a counterpart: its original is. */
static void
reference_beside_a_former_contact(void **state)
{
	static const char *const gone[] = {"proxyAddresses", "mailNickname", "targetAddress",
	    "legacyExchangeDN", "extensionAttribute15"};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin_with(&l, &of_people, delta);
		assert_int_equal(
		    fakedir_rename(l.fd[TARGET], IDA, "CN=Ida Native", "DC=globex,DC=example"), 0);
		go(&l, "it leaves");
		assert_true(lab_has(&l, SOURCE, IDA_CONTACT, "msExchHideFromAddressLists", "TRUE"));
		for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
			lab_set(&l, SOURCE, IDA_CONTACT, gone[i], NULL);
		go(&l, "its contact stands for nothing");
		lab_add_value(&l, TARGET, AWAY, "proxyAddresses", "X500:" ACME_LEGACY "ida");
		lab_add(&l, SOURCE, MAILBOX("Ida", "ida", ""));
		go(&l, "it is a counterpart");
		lab_set(&l, TARGET, JON, "manager", AWAY);
		go(&l, "it is named");
		if (!lab_has(&l, SOURCE, JON_CONTACT, "manager", "CN=Ida" ACME))
			fail_msg("%s", lab_notes(&l));
		finish(&l);
	}
}

/* A native is made again, and has the contact of the former one: what named that is about the new
 * one. */
static void
native_is_made_again(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_add_value(&l, SOURCE, "CN=Team", "member", IDA_CONTACT);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		go(&l, "it is named");
		lab_delete(&l, TARGET, IDA);
		lab_add(&l, TARGET, NATIVE("Ida Again", "ida", ""));
		heir_must(&l, "it is made again");
		go(&l, "and named");
		assert_true(lab_has(&l, TARGET, "CN=Team", "member", "CN=Ida Again" PEOPLE));
		assert_true(lab_has(&l, TARGET, "CN=Bob", "manager", "CN=Ida Again" PEOPLE));
		finish(&l);
	}
}

/* Who is made again takes its counterpart over, and names nobody: neither does that. */
static void
who_named_is_made_again(void **state)
{
	(void)state;
	for (int form = 0; form < 8; form++) {
		struct lab l;

		begin(&l, form & 1);
		lab_set(&l, SOURCE, "CN=Team", "managedBy", IDA_CONTACT);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		go(&l, "it is named");
		if (form & 2) {
			/* Another one of that name; until its contact is that one's, nobody names
			 * it. */
			lab_delete(&l, TARGET, IDA);
			lab_add(&l, TARGET, NATIVE("Ida Native", "ida", ""));
			lab_set(&l, SOURCE, "CN=Team", "displayName", "Team 2");
			lab_set(&l, SOURCE, "CN=Bob", "title", "Chief");
			heir_must(&l, "the native is made again");
			go(&l, "and named");
		}
		assert_true(lab_has(&l, TARGET, "CN=Team", "managedBy", IDA));
		assert_true(lab_has(&l, TARGET, "CN=Bob", "manager", IDA));
		lab_delete(&l, SOURCE, "CN=Team");
		lab_delete(&l, SOURCE, "CN=Bob");
		if (form & 4)
			heir_must(&l, "they are gone");
		lab_add(&l, SOURCE, GROUP("Team", "team", ""));
		lab_add(&l, SOURCE, MAILBOX("Bob", "bob", ""));
		heir_must(&l, "they are made again");
		go(&l, "and name nobody");
		if (lab_count(&l, TARGET, "CN=Team", "managedBy") ||
		    lab_count(&l, TARGET, "CN=Bob", "manager"))
			fail_msg("%d: the native is named\n%s", form, lab_notes(&l));
		finish(&l);
	}
}

/* Nothing is to be looked at again, in either flow. */
static void
nothing_waits(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t flows[SIDES];
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_flow_ids(t, "acme-globex", flows, &err), 0);
	for (int side = SOURCE; side < SIDES; side++)
		assert_int_equal(retry_count(t, flows[side]), 0);
}

/* A directory ends the references to what is deleted, and says nothing of who had one: who named a
 * contact, or a counterpart, that went is not named so on the other side either. */
static void
what_is_named_goes(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		bool by_hand = form & 2;
		struct lab l;

		begin(&l, form & 1);
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		lab_add_value(&l, SOURCE, "CN=Team", "member", IDA_CONTACT);
		lab_set(&l, TARGET, "CN=Jon Native" PEOPLE, "manager", lab_dn(TARGET, "CN=Cid"));
		go(&l, "they are named");
		assert_true(lab_has(&l, TARGET, "CN=Bob", "manager", IDA));
		assert_true(lab_has(&l, SOURCE, "CN=Jon Native" GAL, "manager", "CN=Cid" ACME));
		if (by_hand) {
			lab_delete(&l, SOURCE, IDA_CONTACT);
			lab_delete(&l, TARGET, "CN=Cid");
		} else {
			lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", "TRUE");
		}
		heir_must(&l, "what they name goes");
		go(&l, "and all say so");
		if (lab_count(&l, TARGET, "CN=Bob", "manager") ||
		    lab_has(&l, TARGET, "CN=Team", "member", IDA))
			fail_msg("%d: the native is named\n%s", form, lab_notes(&l));
		assert_int_equal(
		    lab_count(&l, SOURCE, "CN=Jon Native" GAL, "manager"), by_hand ? 0 : 1);
		nothing_waits(&l);
		finish(&l);
	}
}

/* Who names a counterpart names the original on the other side: also when that has left, and is
 * there again. */
static void
what_is_named_comes_back(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_set(&l, TARGET, "CN=Jon Native" PEOPLE, "manager", lab_dn(TARGET, "CN=Cid"));
		lab_set(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT);
		go(&l, "they are named");
		lab_set(&l, SOURCE, "CN=Cid", "msExchHideFromAddressLists", "TRUE");
		lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", "TRUE");
		heir_must(&l, "they are hidden");
		heir_must(&l, "all say so");
		go(&l, "and that is all");
		lab_set(&l, SOURCE, "CN=Cid", "msExchHideFromAddressLists", NULL);
		lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", NULL);
		heir_must(&l, "they are there again");
		heir_must(&l, "all say so");
		go(&l, "and that is all");
		assert_true(lab_has(&l, SOURCE, "CN=Jon Native" GAL, "manager", "CN=Cid" ACME));
		nothing_waits(&l);
		finish(&l);
	}
}

/* Two that name each other, one of each flow, whose end is held: neither tells the other for ever,
 * and nothing is looked at again and again. */
static void
what_is_named_is_held(void **state)
{
	struct scenario held = both;
	struct lab l;

	(void)state;
	held.link = "return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";"
		    "limits = { matches = 10; deletes = 0; };";
	lab_open(&l, &held);
	heir_must(&l, "begin");
	l.delta = true;
	lab_set(&l, TARGET, IDA, "manager", lab_dn(TARGET, "CN=Cid"));
	lab_set(&l, SOURCE, "CN=Cid", "manager", IDA_CONTACT);
	go(&l, "they name each other");
	lab_set(&l, SOURCE, "CN=Cid", "msExchHideFromAddressLists", "TRUE");
	lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", "TRUE");
	for (int i = 0; i < 3; i++)
		heir_must(&l, "they are hidden");
	assert_true(lab_exists(&l, SOURCE, IDA_CONTACT));
	nothing_waits(&l);
	assert_int_equal(decide(&l, HELD_DELETES, "CN=Cid", HELD_APPROVED), 1);
	go(&l, "one is approved");
	assert_true(lab_has(&l, TARGET, "CN=Cid", HEIR_HIDES, "TRUE"));
	nothing_waits(&l);
	finish(&l);
}

/* What flows back names a native that has no return contact yet: when it gets one, that is named,
 * and it is forgotten when it is not. */
static void
what_is_named_comes_later(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", "TRUE");
		go(&l, "there is no contact of it");
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		lab_set(&l, TARGET, "CN=Bob", "manager", IDA);
		go(&l, "it names what has no contact");
		assert_int_equal(lab_count(&l, SOURCE, "CN=Bob", "manager"), 0);
		lab_set(&l, TARGET, IDA, "msExchHideFromAddressLists", NULL);
		heir_must(&l, "there is one");
		go(&l, "and all say so");
		assert_true(lab_has(&l, SOURCE, "CN=Bob", "manager", IDA_CONTACT));
		nothing_waits(&l);
		finish(&l);
	}
}

/* A switched mailbox whose source object left the scope, and was deleted later, is a native. */
static void
ends_in_two_steps(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		struct lab l;

		begin(&l, form & 1);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		if (form & 2)
			lab_set(&l, SOURCE, "CN=Bob", "mailNickname", NULL);
		else
			assert_int_equal(fakedir_rename(l.fd[SOURCE], lab_dn(SOURCE, "CN=Bob"),
					     "CN=Bob", "DC=acme,DC=example"),
			    0);
		go(&l, "it has left");
		lab_delete(&l, SOURCE, form & 2 ? "CN=Bob" : "CN=Bob,DC=acme,DC=example");
		heir_must(&l, "it is gone");
		go(&l, "and that is all");
		assert_int_equal(lab_count(&l, TARGET, "CN=Bob", "extensionAttribute15"), 0);
		if (!lab_exists(&l, SOURCE, "CN=Bob" GAL))
			fail_msg("%d: no contact\n%s", form, lab_notes(&l));
		finish(&l);
	}
}

/* A mailbox in use was purged, its source object was deleted, and then it was connected again: it
 * lives on by itself, is seen again, and gets a return contact. */
static void
in_use_again(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		begin(&l, delta);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		go(&l, "it is switched");
		lab_set(&l, TARGET, "CN=Bob", "msExchHomeServerName", NULL);
		lab_set(&l, TARGET, "CN=Bob", "homeMDB", NULL);
		lab_delete(&l, SOURCE, "CN=Bob");
		heir_must(&l, "it has ended");
		go(&l, "and it is hidden");
		assert_true(lab_has(&l, TARGET, "CN=Bob", HEIR_HIDES, "TRUE"));
		lab_set(&l, TARGET, "CN=Bob", "msExchHomeServerName", "/o=Globex/cn=EX1");
		heir_must(&l, "it is connected again");
		go(&l, "and that is all");
		assert_int_equal(lab_count(&l, TARGET, "CN=Bob", HEIR_HIDES), 0);
		assert_int_equal(lab_count(&l, TARGET, "CN=Bob", "extensionAttribute15"), 0);
		assert_true(lab_exists(&l, SOURCE, "CN=Bob" GAL));
		finish(&l);
	}
}

/* ---- addresses ---- */

#define MOVES "smtp:moves@else.example"

/* Who has MOVES on its own side at first, and who later. */
struct moving {
	enum side from_side, to_side;
	const char *from, *to;
	bool switched; /* Bob's mailbox */
};

static const struct moving moving[] = {
    {SOURCE, TARGET, "CN=Bob", JON, false},
    {TARGET, SOURCE, JON, "CN=Bob", false},
    {TARGET, TARGET, "CN=Bob", JON, true},
    {TARGET, TARGET, JON, "CN=Bob", true},
    {TARGET, TARGET, JON, IDA, false},
};

static const char *
contact_or_self(enum side side, const char *name)
{
	if (side == TARGET || strcmp(name, "CN=Bob") == 0)
		return name;
	return strcmp(name, JON) == 0 ? JON_CONTACT : IDA_CONTACT;
}

/* An address that goes from one to another is held by that one alone, in both forests. */
static void
address_moves(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(moving); i++) {
		const struct moving *m = &moving[i / 2];
		struct heir_holders h;
		struct lab l;

		begin(&l, i % 2);
		if (m->switched)
			assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bob), 0);
		lab_add_value(&l, m->from_side, m->from, "proxyAddresses", MOVES);
		go(&l, "one has it");
		lab_delete_value(&l, m->from_side, m->from, "proxyAddresses", MOVES);
		lab_add_value(&l, m->to_side, m->to, "proxyAddresses", MOVES);
		heir_must(&l, "another one has it");
		go(&l, "and all say so");
		for (int side = SOURCE; side < SIDES; side++) {
			heir_count(&l, (enum side)side, MOVES, &h);
			if (h.n != 1 ||
			    !dn_equal(h.dn,
				lab_dn((enum side)side, contact_or_self((enum side)side, m->to))))
				fail_msg("%zu: %zu hold it in the %s, the last one '%s'\n%s", i,
				    h.n, side_name((enum side)side), h.dn, lab_notes(&l));
		}
		finish(&l);
	}
}

/* A contact gives its heir no address that its native has given away at that moment. */
static void
bygone_address(void **state)
{
	static const char old[] = "smtp:ida.old@globex.example";

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct heir_holders h;
		struct lab l;

		begin(&l, delta);
		lab_add_value(&l, TARGET, IDA, "proxyAddresses", "X500:" ACME_LEGACY "ida");
		lab_add(&l, SOURCE, MAILBOX("Ida", "ida", ""));
		lab_delete_value(&l, TARGET, IDA, "proxyAddresses", old);
		lab_add_value(&l, TARGET, JON, "proxyAddresses", old);
		heir_must(&l, "it comes");
		go(&l, "it is there");
		heir_count(&l, SOURCE, old, &h);
		if (h.n != 1 || !dn_equal(h.dn, JON_CONTACT))
			fail_msg("%zu, the last one '%s'\n%s", h.n, h.dn, lab_notes(&l));
		heir_count(&l, SOURCE, "smtp:ida@globex.example", &h);
		assert_int_equal(h.n, 1);
		assert_string_equal(h.dn, lab_dn(SOURCE, "CN=Ida"));
		finish(&l);
	}
}

/* What a contact gave its heir is the native's: when the mailbox is switched, and the native gives
 * it away, the heir has it no more. */
static void
address_of_an_heir(void **state)
{
	static const char old[] = "smtp:ida.old@globex.example";
	static const char *const ida[] = {"CN=Ida", NULL};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct heir_holders h;
		struct lab l;

		begin(&l, delta);
		lab_add_value(&l, TARGET, IDA, "proxyAddresses", "X500:" ACME_LEGACY "ida");
		lab_add(&l, SOURCE, MAILBOX("Ida", "ida", ""));
		go(&l, "it comes");
		assert_true(lab_has(&l, SOURCE, "CN=Ida", "proxyAddresses", old));
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ida), 0);
		go(&l, "it is switched");
		lab_delete_value(&l, TARGET, IDA, "proxyAddresses", old);
		lab_add_value(&l, TARGET, JON, "proxyAddresses", old);
		heir_must(&l, "it moves");
		go(&l, "it has moved");
		heir_count(&l, SOURCE, old, &h);
		if (h.n != 1 || !dn_equal(h.dn, JON_CONTACT))
			fail_msg("%zu, the last one '%s'\n%s", h.n, h.dn, lab_notes(&l));
		finish(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reference_to_a_renamed_native),
	    cmocka_unit_test(reference_while_it_is_renamed),
	    cmocka_unit_test(reference_across_a_turn),
	    cmocka_unit_test(reference_back_to_a_renamed_one),
	    cmocka_unit_test(native_becomes_a_counterpart),
	    cmocka_unit_test(reference_to_an_heir),
	    cmocka_unit_test(reference_beside_a_former_contact),
	    cmocka_unit_test(native_is_made_again),
	    cmocka_unit_test(what_is_named_goes),
	    cmocka_unit_test(what_is_named_comes_back),
	    cmocka_unit_test(what_is_named_is_held),
	    cmocka_unit_test(what_is_named_comes_later),
	    cmocka_unit_test(ends_in_two_steps),
	    cmocka_unit_test(in_use_again),
	    cmocka_unit_test(who_named_is_made_again),
	    cmocka_unit_test(address_moves),
	    cmocka_unit_test(bygone_address),
	    cmocka_unit_test(address_of_an_heir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
