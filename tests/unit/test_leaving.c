/* SPDX-License-Identifier: MIT */

/* What happens to a counterpart whose source left. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/rules/leaving.h"
#include "tests/support/given.h"

#define HIDDEN(v) "msExchHideFromAddressLists: " v "\n"
#define UAC(v) "userAccountControl: " v "\n"
#define PERSON(extra) THERE("user", "Ann", extra)
#define CARD(extra) THERE("contact", "Ann", extra)
#define HIDES "+msExchHideFromAddressLists: TRUE\n"
#define PUT "msExchHideFromAddressLists: TRUE\n"

static const struct leaving_case {
	enum leave_action action;
	const char *target; /* NULL: none */
	enum leaving want;
	const char *mods;    /* NULL: no change; "delete": the object goes */
	const char *written; /* remembered afterwards; NULL: nothing */
	bool gone, matched, missed, may_come, foreign;
	bool used; /* the owner uses it */
} cases[] = {
    /* Where nothing is certain nothing is done, whatever is configured. */
    {LEAVE_DELETE, PERSON(UAC("512")), .missed = true, .want = LEAVING_MISSED},
    {LEAVE_DELETE, NULL, .missed = true, .want = LEAVING_MISSED},
    {LEAVE_DELETE, NULL, .may_come = true, .want = LEAVING_LATER},
    {LEAVE_KEEP, NULL, .may_come = true, .want = LEAVING_LATER},
    {LEAVE_DELETE, NULL, .want = LEAVING_FORGET},
    {LEAVE_KEEP, NULL, .want = LEAVING_FORGET},
    {LEAVE_HIDE, NULL, .matched = true, .want = LEAVING_FORGET},
    /* What is here did not stay elsewhere. */
    {LEAVE_HIDE, PERSON(""), .may_come = true, .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},

    {LEAVE_KEEP, PERSON(UAC("512")), .want = LEAVING_KEEP},
    {LEAVE_KEEP, PERSON(HIDDEN("TRUE")), .want = LEAVING_KEEP},

    /* The mailbox in use, whatever is configured. */
    {LEAVE_DELETE, PERSON(UAC("512")), .used = true, .want = LEAVING_FINISH},
    {LEAVE_DISABLE, PERSON(UAC("512")), .used = true, .want = LEAVING_FINISH},
    {LEAVE_HIDE, PERSON(UAC("512")), .used = true, .matched = true, .want = LEAVING_FINISH},
    {LEAVE_HIDE, NULL, .used = false, .want = LEAVING_FORGET},

    {LEAVE_HIDE, PERSON(UAC("512")), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_HIDE, PERSON(UAC("512")), .matched = true, .gone = true, .want = LEAVING_HIDE,
	.mods = HIDES, .written = PUT},
    {LEAVE_HIDE, CARD(""), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_HIDE, PERSON(HIDDEN("FALSE")), .want = LEAVING_HIDE,
	.mods = "-msExchHideFromAddressLists: FALSE\n" HIDES, .written = PUT},
    {LEAVE_HIDE, PERSON(HIDDEN("true")), .want = LEAVING_HIDE, .mods = NULL, .written = PUT},
    {LEAVE_HIDE, PERSON(HIDDEN("TRUE")), .want = LEAVING_HIDE, .mods = NULL, .written = PUT},
    {LEAVE_HIDE, PERSON(HIDDEN("TRUE")), .matched = true, .want = LEAVING_HIDE, .mods = NULL},
    {LEAVE_HIDE, PERSON(HIDDEN("FALSE")), .matched = true, .want = LEAVING_HIDE,
	.mods = "-msExchHideFromAddressLists: FALSE\n" HIDES, .written = PUT},

    /* Others have a use for the stamp's attribute. */
    {LEAVE_DELETE, PERSON(UAC("512")), .foreign = true, .want = LEAVING_FOREIGN},
    {LEAVE_DISABLE, PERSON(UAC("512")), .foreign = true, .want = LEAVING_FOREIGN},
    {LEAVE_HIDE, PERSON(UAC("512")), .foreign = true, .matched = true, .want = LEAVING_FOREIGN},
    {LEAVE_KEEP, PERSON(UAC("512")), .foreign = true, .want = LEAVING_KEEP},
    {LEAVE_DELETE, PERSON(UAC("512")), .foreign = true, .used = true, .want = LEAVING_FINISH},
    {LEAVE_DELETE, PERSON(UAC("512")), .foreign = true, .missed = true, .want = LEAVING_MISSED},

    {LEAVE_DISABLE, PERSON(UAC("512")), .want = LEAVING_DISABLE, .written = PUT,
	.mods = HIDES "-userAccountControl: 512\n+userAccountControl: 514\n"},
    {LEAVE_DISABLE, PERSON(UAC("66048") HIDDEN("TRUE")), .want = LEAVING_DISABLE, .written = PUT,
	.mods = "-userAccountControl: 66048\n+userAccountControl: 66050\n"},
    {LEAVE_DISABLE, PERSON(UAC("514")), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_DISABLE, PERSON(UAC("many")), .want = LEAVING_DISABLE, .written = PUT,
	.mods = HIDES "-userAccountControl: many\n+userAccountControl: 2\n"},
    {LEAVE_DISABLE, PERSON(""), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_DISABLE, CARD(""), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_DISABLE, PERSON(UAC("512")), .matched = true, .want = LEAVING_HIDE, .mods = HIDES,
	.written = PUT},

    {LEAVE_DELETE, PERSON(UAC("512")), .gone = true, .want = LEAVING_DELETE, .mods = "delete"},
    {LEAVE_DELETE, CARD(HIDDEN("TRUE")), .gone = true, .want = LEAVING_DELETE, .mods = "delete"},
    /* It is there, though out of scope. */
    {LEAVE_DELETE, PERSON(UAC("512")), .want = LEAVING_HIDE, .mods = HIDES, .written = PUT},
    {LEAVE_DELETE, PERSON(UAC("512")), .matched = true, .want = LEAVING_HIDE, .mods = HIDES,
	.written = PUT},
};

static void
check_record(size_t i, const struct leaving_case *c, const struct entry *target, struct record *r)
{
	uint64_t hidden = record_written_hash("msExchHideFromAddressLists", bytes_of("TRUE"));
	struct err err = {0};

	given_ended(i, "note", leaving_note(c->want, target, r, &err), &err, NULL);
	given_same(i, "record", record_state_name(r->state),
	    c->want == LEAVING_FINISH ? "finished" : "left");
	given_same(i, "put", record_was_written(r, TARGET, hidden) ? PUT : NULL, c->written);
	assert_true(guid_is_zero(&r->side[TARGET].guid) == !target);
}

static void
judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct leaving_case *c = &cases[i];
		_cleanup_(entry_free) struct entry *target = given_entry(c->target);
		_cleanup_(record_free) struct record *r = given_record("title: Boss\n");
		_cleanup_(change_free) struct change *change = NULL;
		_cleanup_(free) char *mods = NULL;
		struct leaving_facts f = {.action = c->action,
		    .gone = c->gone,
		    .missed = c->missed,
		    .may_come = c->may_come,
		    .foreign = c->foreign,
		    .record = r,
		    .target = target,
		    .active = {
			.side = c->used ? TARGET : SOURCE, .facts.mailbox[TARGET] = c->used}};
		struct err err = {0};

		r->created = !c->matched;
		given_same(i, "verdict", leaving_text(leaving_judge(&f)), leaving_text(c->want));
		if (c->want < LEAVING_FORGET)
			continue;
		given_ended(
		    i, "change", leaving_change(c->want, target, &change, &err), &err, NULL);
		mods = change && change->op == CHANGE_MODIFY ? given_mods(change) : NULL;
		given_same(i, "change", change && !mods ? "delete" : mods, c->mods);
		check_record(i, c, target, r);
		assert_int_equal(r->written[TARGET].n, 1 + (c->written != NULL));
	}
	given_all_same();
}

/* As its source ends, one witness is enough to keep a mailbox. */
static void
in_use(void **state)
{
	static const struct {
		struct active_side a;
		bool want;
	} rows[] = {
	    {{.side = TARGET, .facts = {.mailbox[TARGET] = true}}, true},
	    {{.side = TARGET}, false},
	    {{.side = SOURCE, .facts = {.mailbox[TARGET] = true}}, false},
	    {{.side = SOURCE, .facts = {.mailbox[TARGET] = true, .stamp = WITNESS_SOURCE}}, false},
	    {{.side = SOURCE, .facts = {.mailbox[TARGET] = true, .stamp = WITNESS_TARGET}}, true},
	    {{.side = SOURCE, .facts = {.mailbox[TARGET] = true, .marker = WITNESS_TARGET}}, true},
	    {{.side = SOURCE, .facts = {.mailbox[TARGET] = true, .map = WITNESS_TARGET}}, true},
	    {{.side = SOURCE, .facts = {.stamp = WITNESS_TARGET}}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(leaving_is_in_use(&rows[i].a), rows[i].want);
}

/* ---- what lives on ---- */

#define MATCHED_STAMP "extensionAttribute15: galsync:matched:" GIVEN_GUID ":source\n"
#define BOX "msExchHomeServerName: /o=Globex/cn=EX1\n"
#define TO(domain) "targetAddress: SMTP:ann@" domain "\n"

static const struct {
	enum leaving l;
	bool gone, created, shared, foreign, ended, without_return;
	bool want;
} living[] = {
    {LEAVING_FINISH, .gone = true, .want = true},
    {LEAVING_FINISH, .gone = true, .created = true, .want = true},
    {LEAVING_HIDE, .gone = true, .want = true},
    {LEAVING_KEEP, .gone = true, .want = true},
    /* It may come back. */
    {LEAVING_FINISH, .gone = false},
    {LEAVING_HIDE, .gone = false},
    /* What galsync alone has to do with. */
    {LEAVING_HIDE, .gone = true, .created = true},
    {LEAVING_DISABLE, .gone = true, .created = true},
    {LEAVING_DELETE, .gone = true, .created = true},
    /* Others have a say. */
    {LEAVING_KEEP, .gone = true, .shared = true},
    {LEAVING_KEEP, .gone = true, .foreign = true},
    {LEAVING_FINISH, .gone = true, .ended = true},
    /* There are no natives. */
    {LEAVING_FINISH, .gone = true, .without_return = true},
};

static void
lives_on(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(living); i++) {
		_cleanup_(record_free) struct record *r = given_record(NULL);
		struct leaving_facts f = {.gone = living[i].gone,
		    .shared = living[i].shared,
		    .foreign = living[i].foreign,
		    .record = r};

		r->created = living[i].created;
		r->ended = living[i].ended;
		g.link.back = living[i].without_return ? NULL : &g.link;
		given_same(i, "lets go", leaving_lets_go(&g.link, living[i].l, &f) ? "yes" : "no",
		    living[i].want ? "yes" : "no");
	}
	given_all_same();
}

static const struct {
	const char *target, *mods;
	enum leaving l;
	const char *put; /* what galsync has written */
} let_go[] = {
    {PERSON(""), "", LEAVING_FINISH, NULL},
    {PERSON(MATCHED_STAMP BOX TO("redirect.acme.example")),
	"-" MATCHED_STAMP "-" TO("redirect.acme.example"), LEAVING_FINISH, NULL},
    /* A redirection that is not galsync's, or all that there is of a mail user. */
    {PERSON(MATCHED_STAMP BOX TO("else.example")), "-" MATCHED_STAMP, LEAVING_HIDE, NULL},
    {PERSON(MATCHED_STAMP TO("redirect.acme.example")), "-" MATCHED_STAMP, LEAVING_HIDE, NULL},
    {PERSON("extensionAttribute15: 7\n"), "", LEAVING_HIDE, NULL},
    /* What is in use shows, unless others have hidden it. */
    {PERSON(MATCHED_STAMP HIDDEN("TRUE")), "-" MATCHED_STAMP "-" HIDDEN("TRUE"), LEAVING_FINISH,
	HIDDEN("TRUE")},
    {PERSON(MATCHED_STAMP HIDDEN("TRUE")), "-" MATCHED_STAMP, LEAVING_FINISH, NULL},
    {PERSON(MATCHED_STAMP HIDDEN("TRUE")), "-" MATCHED_STAMP, LEAVING_KEEP, HIDDEN("TRUE")},
};

static void
lets_go(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(let_go); i++) {
		_cleanup_(entry_free) struct entry *target = given_entry(let_go[i].target);
		_cleanup_(change_free) struct change *c =
		    change_new(CHANGE_MODIFY, target->dn, &target->guid);
		_cleanup_(record_free) struct record *r = given_record(let_go[i].put);
		const struct leaving_facts f = {.target = target, .record = r};
		_cleanup_(free) char *mods = NULL;
		struct err err = {0};

		given_ended(
		    i, "let go", leaving_let_go(&g.link, let_go[i].l, &f, c, &err), &err, NULL);
		mods = given_mods(c);
		given_same(i, "let go", mods, let_go[i].mods);
	}
	given_all_same();
}

/* ---- the scope's word ---- */

static const struct {
	const char *dn; /* of the source, as last seen */
	enum kind kind;
	enum leave_action want;
} places[] = {
    {"CN=Ann,OU=Staff,DC=acme,DC=example", KIND_USER, .want = LEAVE_HIDE},
    {"CN=Ann,OU=Staff,DC=acme,DC=example", KIND_CONTACT, .want = LEAVE_DELETE},
    {"cn=ANN, ou=STAFF,dc=acme,dc=example", KIND_CONTACT, .want = LEAVE_DELETE},
    {"CN=Ann,OU=Other,DC=acme,DC=example", KIND_USER, .want = LEAVE_DISABLE},
    /* No scope is configured for it any more. */
    {"CN=Ann,OU=Staff,DC=acme,DC=example", KIND_GROUP, .want = LEAVE_HIDE},
    {"CN=Ann,OU=Gone,DC=acme,DC=example", KIND_USER, .want = LEAVE_HIDE},
    {"nonsense", KIND_USER, .want = LEAVE_HIDE},
    {"", KIND_CONTACT, .want = LEAVE_HIDE},
};

static void
configured(void **state)
{
	static char staff[] = "ou=staff,dc=acme,dc=example",
		    other[] = "ou=other,dc=acme,dc=example";
	struct conf_scope scopes[] = {
	    {.base_norm = staff, .kinds = KIND_BIT(KIND_CONTACT), .on_leave = LEAVE_DELETE},
	    {.base_norm = staff, .kinds = KIND_BIT(KIND_USER), .on_leave = LEAVE_HIDE},
	    {.base_norm = other, .kinds = KIND_BIT(KIND_USER), .on_leave = LEAVE_DISABLE}};
	_cleanup_(record_free) struct record *r = given_record(NULL);
	struct given g;

	(void)state;
	given_init(&g);
	g.link.scopes = scopes;
	g.link.n_scopes = ARRAY_SIZE(scopes);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(record_set_str(&r->side[SOURCE].dn, places[i].dn), 0);
		r->kind = places[i].kind;
		assert_int_equal(leaving_action(&g.link, r, SCOPE_HIDDEN), places[i].want);
		/* It is the counterpart of another link, and so did not leave. */
		assert_int_equal(leaving_action(&g.link, r, SCOPE_OURS), LEAVE_KEEP);
		assert_int_equal(leaving_action(&g.link, r, SCOPE_COUNTERPART), LEAVE_KEEP);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judged),
	    cmocka_unit_test(in_use),
	    cmocka_unit_test(lives_on),
	    cmocka_unit_test(lets_go),
	    cmocka_unit_test(configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
