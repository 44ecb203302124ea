/* SPDX-License-Identifier: MIT */

/* What still depends on a source mailbox whose coexistence is to be ended, and what is taken away
 * when nothing does. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "redirect/finish.h"
#include "tests/support/given.h"

#define RS "SMTP:ann@redirect.acme.example"
#define RT "SMTP:ann@redirect.globex.example"
#define TO(address) "targetAddress: " address "\n"
#define HAS(address) "proxyAddresses: " address "\n"
#define GUARD "msExchCalendarRepairDisabled: TRUE\n"
#define MARKER "extensionAttribute14: galsync:switched:x:y:guard\n"
#define PLAIN_MARKER "extensionAttribute14: galsync:switched:x:y\n"
#define STAMP "extensionAttribute15: galsync:created:" GIVEN_GUID ":target\n"
#define NAME HAS("X500:" ACME_LEGACY "ann")

/* Both as a switch leaves them. */
#define ANN(extra)                                                                                 \
	MAILBOX(                                                                                   \
	    "Ann", "ann", HAS("smtp:ann@redirect.acme.example") HAS("X500:/o=Old/cn=a") extra "")
#define SOURCE_ANN ANN(TO(RT) GUARD MARKER)
#define MBX(extra)                                                                                 \
	THERE("user", "Ann",                                                                       \
	    "homeMDB: CN=DB1\n" HAS("SMTP:ann@acme.example")                                       \
		HAS("smtp:ann@redirect.globex.example") extra "")
#define TARGET_ANN MBX(NAME HAS("x500:/o=old/cn=a") STAMP)

static const struct finish_case {
	const char *name, *source, *target; /* NULL: it is gone */
	/* What blocks, a line each: S or T, the attribute, the value. Without it: what is taken
	 * away. */
	const char *blocks, *takes;
	const char *written, *legacy; /* of the record */
	const char *address;	      /* that the record remembers */
	enum record_state state;      /* 0: SYNCED; PENDING where it waits */
	enum kind kind;		      /* 0: KIND_USER */
	bool map_says_source;
	bool under_way, in_conflict, is_held, in_wave;
} cases[] = {
    {"switched", SOURCE_ANN, TARGET_ANN, .takes = "S-" MARKER "S-" GUARD "T-" STAMP},
    {"a guard of others stays", ANN(TO(RT) GUARD PLAIN_MARKER), TARGET_ANN,
	.takes = "S-" PLAIN_MARKER "T-" STAMP},
    {"a foreign marker and a foreign stamp stay", ANN(TO(RT) "extensionAttribute14: mine\n"),
	MBX(NAME HAS("x500:/o=old/cn=a") "extensionAttribute15: HR-1\n"), .takes = ""},
    {"the stamp of another correspondence stays", SOURCE_ANN,
	MBX(NAME HAS("x500:/o=old/cn=a") "extensionAttribute15: "
					 "galsync:created:22222222-1111-1111-1111-111111111111\n"),
	.takes = "S-" MARKER "S-" GUARD},
    {"a guard of galsync on the target", SOURCE_ANN, MBX(NAME HAS("x500:/o=old/cn=a") GUARD STAMP),
	.written = GUARD, .takes = "S-" MARKER "S-" GUARD "T-" STAMP "T-" GUARD},
    {"half of it is done", ANN(TO(RT)), TARGET_ANN, .takes = "T-" STAMP},
    {"all of it is done", ANN(TO(RT)), MBX(NAME HAS("x500:/o=old/cn=a")), .takes = ""},
    {"moved by Exchange", EXTERNAL("Ann", "ann", RT), MBX(NAME STAMP), .takes = "T-" STAMP},
    {"its name is the target's own", MAILBOX("Ann", "ann", TO(RT)),
	MBX("legacyExchangeDN: " ACME_LEGACY "ann\n" STAMP), .takes = "T-" STAMP},
    {"an old redirect address stays behind", ANN(TO(RT) HAS("smtp:old@redirect.acme.example")),
	TARGET_ANN, .takes = "T-" STAMP},
    {"a dummy address is none", ANN(TO(RT) HAS("smtp:ann@delete.me")), TARGET_ANN,
	.takes = "T-" STAMP},
    {"the source has left", NULL, TARGET_ANN, .state = RECORD_FINISHED, .takes = "T-" STAMP},
    {"the source is no recipient any more", ACCOUNT("Ann", "ann") "\n", TARGET_ANN,
	.takes = "T-" STAMP},

    {"a group", SOURCE_ANN, TARGET_ANN, .kind = KIND_GROUP, .blocks = "S - -"},
    {"the target is gone", SOURCE_ANN, NULL, .blocks = "T - -"},
    {"the source is gone", NULL, TARGET_ANN, .blocks = "S - -"},
    {"not switched", ANN(""), MBX(NAME TO(RS)), .map_says_source = true,
	.blocks = "S targetAddress -"},
    {"turned back, and the map says target", ANN(""), MBX(NAME TO(RS)),
	.blocks = "S targetAddress -"},
    {"the map does not know it", SOURCE_ANN, TARGET_ANN, .map_says_source = true,
	.blocks = "S - -"},
    {"a loop", SOURCE_ANN, MBX(NAME HAS("x500:/o=old/cn=a") TO(RS) STAMP),
	.blocks = "T targetAddress " RS},
    {"the target redirects to itself", SOURCE_ANN, MBX(NAME HAS("x500:/o=old/cn=a") TO(RT) STAMP),
	.blocks = "T targetAddress " RT},
    {"the target redirects to a third place", SOURCE_ANN,
	MBX(NAME HAS("x500:/o=old/cn=a") TO("SMTP:a@else.example") STAMP),
	.blocks = "T targetAddress SMTP:a@else.example"},
    {"half of a switch", ANN(""), TARGET_ANN, .blocks = "S targetAddress -"},
    {"the source redirects to a third place", ANN(TO("SMTP:a@else.example")), TARGET_ANN,
	.blocks = "S targetAddress SMTP:a@else.example"},
    {"it redirects to an address that is none", ANN(TO("SMTP:b@redirect.globex.example")),
	TARGET_ANN, .blocks = "S targetAddress SMTP:b@redirect.globex.example"},
    {"the target has no mailbox", SOURCE_ANN,
	THERE("user", "Ann", HAS("smtp:ann@redirect.globex.example")),
	.blocks = "S targetAddress " RT},
    {"names are not covered", SOURCE_ANN, MBX(STAMP),
	.blocks = "T proxyAddresses X500:" ACME_LEGACY "ann|T proxyAddresses X500:/o=Old/cn=a"},
    {"nor one that the map remembers", SOURCE_ANN, TARGET_ANN, .legacy = "/o=Older/cn=a",
	.blocks = "T proxyAddresses X500:/o=Older/cn=a"},
    {"an address is not covered", ANN(TO(RT) HAS("smtp:boss@acme.example")), TARGET_ANN,
	.blocks = "T proxyAddresses smtp:boss@acme.example"},
    {"it waits, for everything", SOURCE_ANN, TARGET_ANN, .state = RECORD_PENDING, .under_way = true,
	.in_conflict = true, .is_held = true, .in_wave = true,
	.blocks = "S - -|S - -|S - -|S - -|S - -"},
    {"its last change failed", SOURCE_ANN, TARGET_ANN, .state = RECORD_ERROR, .blocks = "S - -"},
    {"it left before it was switched", SOURCE_ANN, TARGET_ANN, .state = RECORD_LEFT,
	.blocks = "S - -"},
};

static struct turn_conf turn = {
    .redirect_domain = {"redirect.acme.example", "redirect.globex.example"},
    .stamp_attribute = "extensionAttribute15",
    .marker_attribute = "extensionAttribute14",
};
static const struct finish_conf conf = {.turn = &turn, .toggle_domain = "delete.me"};

static struct record *
record_of(const struct finish_case *x)
{
	struct record *r = given_record(x->written);

	r->kind = x->kind ? x->kind : KIND_USER;
	r->state = x->state ? x->state : RECORD_SYNCED;
	if (x->under_way)
		r->state = RECORD_PENDING;
	r->active = x->map_says_source ? SOURCE : TARGET;
	r->side[TARGET].guid.octets[0] = 7;
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, "CN=Ann" ACME), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, "CN=Ann" GLOBEX), 0);
	if (x->legacy)
		assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], x->legacy), 0);
	if (x->address)
		assert_int_equal(record_add_address(r, x->address), 0);
	return r;
}

static char *
text_of(const struct finish_blockers *b)
{
	_cleanup_(buf_done) struct buf t = {0};

	for (size_t i = 0; i < b->n; i++) {
		const struct finish_blocker *x = &b->v[i];
		bool target = strstr(x->dn, "globex") != NULL;

		assert_true(*x->dn && *x->why);
		buf_printf(&t, "%s%s %s %s", i ? "|" : "", target ? "T" : "S",
		    *x->attribute ? x->attribute : "-", *x->value ? x->value : "-");
	}
	buf_add_char(&t, '\0');
	assert_false(t.failed);
	return strdup((char *)t.data);
}

static char *
taken(const struct finish_facts *f)
{
	_cleanup_(buf_done) struct buf t = {0};
	struct change *of[SIDES];
	struct err err;

	assert_int_equal(finish_changes(&conf, f, of, &err), 0);
	for (int s = SOURCE; s < SIDES; s++) {
		_cleanup_(free) char *mods = of[s] ? given_mods(of[s]) : NULL;
		char *rest = mods;

		for (char *line; rest && (line = strsep(&rest, "\n"));)
			if (*line)
				buf_printf(&t, "%c%s\n", s == SOURCE ? 'S' : 'T', line);
		change_free(of[s]);
	}
	buf_add_char(&t, '\0');
	assert_false(t.failed);
	return strdup((char *)t.data);
}

static void
judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct finish_case *x = &cases[i];
		_cleanup_(entry_free) struct entry *source = given_entry(x->source);
		_cleanup_(entry_free) struct entry *target = given_entry(x->target);
		_cleanup_(record_free) struct record *r = record_of(x);
		_cleanup_(finish_blockers_done) struct finish_blockers b = {0};
		struct finish_facts f = {.record = r,
		    .side = {source, target},
		    .under_way = x->under_way,
		    .in_conflict = x->in_conflict,
		    .is_held = x->is_held,
		    .wave = x->in_wave ? 3 : 0};
		_cleanup_(free) char *got = NULL, *goes = NULL;
		struct err err;

		assert_int_equal(finish_judge(&conf, &f, &b, &err), 0);
		got = text_of(&b);
		given_same(i, x->name, got, x->blocks ? x->blocks : "");
		if (x->blocks)
			continue;
		goes = taken(&f);
		given_same(i, x->name, goes, x->takes);
	}
	given_all_same();
}

static void
references(void **state)
{
	static char group[] = "CN=G,DC=globex", contact[] = "CN=C,DC=globex", rs[] = RS,
		    room[] = "CN=R,DC=acme", ann[] = "CN=Ann" ACME;
	const struct finish_reference refs[] = {{TARGET, contact, "targetAddress", rs},
	    {TARGET, group, "member", contact}, {TARGET, group, "altRecipient", contact},
	    {SOURCE, room, "altRecipient", ann}};
	_cleanup_(entry_free) struct entry *source = given_entry(SOURCE_ANN);
	_cleanup_(entry_free) struct entry *target = given_entry(TARGET_ANN);
	_cleanup_(record_free) struct record *r = record_of(&cases[0]);
	_cleanup_(finish_blockers_done) struct finish_blockers b = {0};
	const struct finish_facts f = {.record = r,
	    .side = {source, target},
	    .references = refs,
	    .n_references = ARRAY_SIZE(refs)};
	struct err err;

	(void)state;
	assert_int_equal(finish_judge(&conf, &f, &b, &err), 0);
	assert_int_equal(b.n, ARRAY_SIZE(refs));
	for (size_t i = 0; i < b.n; i++) {
		assert_string_equal(b.v[i].dn, refs[i].dn);
		assert_string_equal(b.v[i].attribute, refs[i].attribute);
		assert_string_equal(b.v[i].value, refs[i].value);
	}
	assert_non_null(strstr(b.v[0].why, "only the source has"));
	assert_non_null(strstr(b.v[1].why, "has a member"));
	assert_non_null(strstr(b.v[2].why, "forwards to an object"));
	assert_non_null(strstr(b.v[3].why, "in use and forwards to the source"));
}

/* What leads to the source alone: its redirect address, one that it had, one that is not covered.
 */
static void
addresses(void **state)
{
	_cleanup_(entry_free) struct entry *source =
	    given_entry(ANN(TO(RT) HAS("SMTP:boss@acme.example")));
	_cleanup_(entry_free) struct entry *target = given_entry(TARGET_ANN);
	struct finish_case x = {.address = "old@redirect.acme.example"};
	_cleanup_(record_free) struct record *r = record_of(&x);
	_cleanup_(address_list_done) struct address_list l = {0};
	const struct finish_facts f = {.record = r, .side = {source, target}};
	struct err err;

	(void)state;
	assert_int_equal(record_add_address(r, "ann@acme.example"), 0);
	assert_int_equal(finish_addresses(&f, &conf, &l, &err), 0);
	assert_int_equal(l.n, 3);
	assert_true(address_list_find(&l, bytes_of("smtp:ann@redirect.acme.example")) >= 0);
	assert_true(address_list_find(&l, bytes_of("smtp:boss@acme.example")) >= 0);
	assert_true(address_list_find(&l, bytes_of("smtp:old@redirect.acme.example")) >= 0);
}

static void
notes(void **state)
{
	_cleanup_(record_free) struct record *r = record_of(&cases[4]);
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(record_free) struct record *again = NULL;
	struct err err;

	(void)state;
	r->source_guard = true;
	assert_false(finish_is_done(r));
	finish_note(r);
	assert_true(finish_is_done(r));
	assert_int_equal(r->state, RECORD_FINISHED);
	assert_false(r->source_guard);
	assert_false(record_was_written(
	    r, TARGET, record_written_hash("msExchCalendarRepairDisabled", bytes_of("TRUE"))));
	record_encode(r, &b);
	assert_int_equal(record_decode(buf_bytes(&b), 1, &again, &err), 0);
	assert_true(again->ended);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judges),
	    cmocka_unit_test(references),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
