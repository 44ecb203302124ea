/* SPDX-License-Identifier: MIT */

/* Why an object is, or is not, in the other address list: what is said, before and after what was
 * said comes true, on two fake forests. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/daemon/inspect.h"
#include "dsa/view/view_explain.h"
#include "tests/support/limits_fixture.h"

static const struct scenario some = {.name = "some",
    .link = "match = [ \"mail\" ]; limits = { deletes = 0; delete_percent = 100; };",
    .source = {MAILBOX("Ann", "ann", "displayName: Ann Ash\ntitle: Boss\n"),
	MAILBOX("Bea", "bea", "msExchHideFromAddressLists: TRUE\n"),
	MAILBOX("Cleo", "cleo", "displayName: Same\n"),
	MAILBOX("Dora", "dora", "displayName: Same\n"), MAILBOX("Eve", "eve", "")},
    .target = {THERE_OU, THERE("user", "One", "mail: eve@acme.example\n"),
	THERE("user", "Two", "mail: eve@acme.example\n")}};

struct question {
	const char *who, *attribute;
	json_t *answer;
};

static int
ask_run(struct lab *l, struct run *run, void *arg)
{
	_cleanup_(explaining_done) struct explaining e = {.n_hits = 0};
	struct question *q = arg;

	if (explaining_run(run, q->who, &e, &l->err) < 0)
		return -1;
	q->answer = view_explain(run->link, q->who, q->attribute, &e, &l->err);
	return q->answer ? 0 : -1;
}

static json_t *
ask(struct lab *l, const char *who, const char *attribute)
{
	struct question q = {who, attribute, NULL};

	if (lab_act(l, NULL, ask_run, &q) < 0)
		fail_msg("%s", l->err.text);
	return q.answer;
}

static const char *
text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

/* The answer about WHO has this verdict, and its sentence begins so. */
static void
answers(struct lab *l, const char *who, const char *verdict, const char *sentence)
{
	_cleanup_(json_release) json_t *a = ask(l, who, NULL);

	assert_string_equal(text(a, "verdict"), verdict);
	if (!str_starts_nocase(text(a, "sentence"), sentence))
		fail_msg("'%s' is no '%s'", text(a, "sentence"), sentence);
}

/* Before the map knows the link, too. */
static void
before_and_after(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	answers(&l, "ann", "create",
	    "Ann Ash is not in globex yet: no rule finds a counterpart, and the next cycle creates "
	    "the mailbox 'CN=Ann,");
	answers(&l, "bea@acme.example", "out", "Bea is not in globex: hidden from address lists");
	answers(&l, "CN=Eve,OU=Staff,DC=acme,DC=example", "conflict",
	    "Eve is not in globex: in conflict (ambiguous): mail=eve@acme.example: 'CN=One,");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	answers(&l, "Ann Ash", "synchronized", "Ann Ash is in globex as 'CN=Ann,");
	answers(&l, "smtp:ann@redirect.globex.example", "synchronized", "Ann Ash is in globex");
	answers(
	    &l, "One", "no-flow", "One is in globex alone: link 'acme-globex' makes no contacts");
	lab_close(&l);
}

static void
nobody_or_several(void **state)
{
	struct lab l;
	json_t *a;

	(void)state;
	lab_open(&l, &some);
	answers(&l, "nobody", "", "'nobody' names nobody in acme and nobody in globex");
	answers(&l, "a*", "", "'a*' names nobody");
	a = ask(&l, "Same", NULL);
	assert_int_equal(json_array_size(json_object_get(a, "hits")), 2);
	assert_null(json_object_get(a, "verdict"));
	json_decref(a);
	lab_close(&l);
}

static int
find_run(struct lab *l, struct run *run, void *arg)
{
	struct question *q = arg;

	return inspect_find(run, q->who, &q->answer, &l->err);
}

/* Those who are called TEXT, in any order: their names in brackets. */
static void
called(struct lab *l, const char *who, const char *names, bool more)
{
	struct question q = {.who = who};
	const json_t *hits;
	size_t len = 0;

	if (lab_act(l, NULL, find_run, &q) < 0)
		fail_msg("%s", l->err.text);
	assert_non_null(json_string_value(json_object_get(q.answer, "at")));
	assert_int_equal(json_is_true(json_object_get(q.answer, "more")), more);
	hits = json_object_get(q.answer, "hits");
	for (size_t i = 0; i < json_array_size(hits); i++) {
		char name[128];

		(void)snprintf(name, sizeof name, "[%s]", text(json_array_get(hits, i), "name"));
		if (!strstr(names, name))
			fail_msg("'%s' is called %s, not one of %s", who, name, names);
		len += strlen(name);
	}
	assert_int_equal(len, strlen(names));
	json_decref(q.answer);
}

/* The counterpart is no second one, in the map or not. */
static void
called_so(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	lab_set(&l, SOURCE, "CN=Bea", "sn", "Ashton");
	lab_set(&l, SOURCE, "CN=Eve", "givenName", "ASHLEY");
	for (int again = 0; again < 2; again++) {
		called(&l, "ann a", "[Ann Ash]", false);
		called(&l, "Ash", "[Bea][Eve]", false);
		called(&l, "Same", "[Same][Same]", false);
		called(&l, "nn Ash", "", false);
		called(&l, "A*", "", false);
		assert_int_equal(lab_cycle(&l, NULL), 0);
	}
	lab_close(&l);
}

/* Only the first of many. */
static void
many_are_called_so(void **state)
{
	static const struct scenario nobody = {.name = "nobody", .source = {NULL}};
	char names[EXPLAINING_HITS * 16] = "";
	struct lab l;

	(void)state;
	lab_open(&l, &nobody);
	for (int i = 0; i < EXPLAINING_HITS; i++) {
		char ldif[512];

		(void)snprintf(ldif, sizeof ldif,
		    "dn: CN=P%d" ACME "\nobjectClass: top\nobjectClass: person\n"
		    "objectClass: organizationalPerson\nobjectClass: user\nsAMAccountName: p%d\n"
		    "mailNickname: p%d\ndisplayName: Same\n\n",
		    i, i, i);
		lab_add(&l, SOURCE, ldif);
		(void)strcat(names, "[Same]");
		if (i == EXPLAINING_HITS - 2)
			called(&l, "Sa", names, false);
	}
	called(&l, "Sa", names, true);
	lab_close(&l);
}

/* The row of ATTRIBUTE in the answer about WHO. */
static void
row_is(struct lab *l, const char *who, const char *attribute, const char *says, const char *after)
{
	_cleanup_(json_release) json_t *a = ask(l, who, attribute);
	const json_t *rows = json_object_get(a, "attributes"), *row = json_array_get(rows, 0);
	const json_t *first = json_array_get(json_object_get(row, "after"), 0);

	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text(row, "text"), says);
	assert_string_equal(first ? json_string_value(first) : "", after);
}

/* The account may read more than who asks: what no cycle reads is not shown. */
static void
no_secrets(void **state)
{
	struct lab l;
	json_t *a;
	char *all;

	(void)state;
	lab_open(&l, &some);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	for (int side = SOURCE; side < SIDES; side++)
		lab_set(&l, (enum side)side, "CN=Ann", "description", "SECRET");
	a = ask(&l, "ann", "description");
	all = json_dumps(a, 0);
	assert_non_null(all);
	assert_non_null(strstr(all, "\"description\""));
	assert_null(strstr(all, "SECRET"));
	free(all);
	json_decref(a);
	lab_close(&l);
}

static void
attributes(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	row_is(&l, "ann", "title", "the next cycle writes it", "Boss");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	row_is(&l, "ann", "title", "it is as it should be", "Boss");
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	row_is(&l, "ann", "TITLE", "the next cycle writes it", "Chief");
	l.delta = true;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	lab_set(&l, TARGET, "CN=Ann", "title", "Others");
	row_is(&l, "ann", "title", "the next cycle writes it", "Chief");
	row_is(&l, "ann", "description",
	    "no row of the projection table is about it: galsync leaves it alone", "");
	row_is(&l, "bea", "title", "nothing is written of what is not in scope", "");
	row_is(&l, "eve", "title", "nothing is written of what is in conflict", "");
	lab_close(&l);
}

/* It is held as in a cycle that nobody asked for it, and nothing is written down by the answer. */
static void
leaving(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	lab_set(&l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
	for (int again = 0; again < 2; again++)
		answers(&l, "ann", "out",
		    "Ann Ash is not in globex: hidden from address lists "
		    "(msExchHideFromAddressLists is TRUE); it is to leave, which a limit holds");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_false(lab_has(&l, TARGET, "CN=Ann", "msExchHideFromAddressLists", "TRUE"));
	answers(&l, "ann", "out", "Ann Ash is not in globex: hidden");
	lab_delete(&l, SOURCE, "CN=Cleo");
	answers(&l, "cleo", "gone", "Same is gone from acme; it is to leave, which a limit holds");
	lab_close(&l);
}

/* A native of the target, and its contact in the source, are one answer. */
static void
return_flow(void **state)
{
	static const struct scenario both = {.name = "both ways",
	    .link = "return_contacts_ou = \"OU=GAL,DC=acme,DC=example\";",
	    .source = {"dn: OU=GAL,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n",
		CONTACT("Ann", "ann", "")},
	    .target = {
		THERE_OU, THERE("user", "Nat",
			      "displayName: Nat Native\nmailNickname: nat\n"
			      "mail: nat@globex.example\ntargetAddress: SMTP:nat@else.example\n"
			      "legacyExchangeDN: /o=Globex/cn=nat\n"
			      "proxyAddresses: SMTP:nat@globex.example\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	answers(&l, "nat", "create", "Nat Native is not in acme yet: no rule finds a counterpart");
	lab_close(&l);
}

/* ---- limits ---- */

static void
says(struct lab *l, const char *who, const char *attribute, const char *what)
{
	json_t *o = ask(l, who, attribute);
	const json_t *row = json_array_get(json_object_get(o, "attributes"), 0);

	if (!strstr(text(row, "text"), what))
		fail_msg("%s of %s: '%s', not '%s'", attribute, who, text(row, "text"), what);
	json_decref(o);
}

/* Of what a limit holds, or an operator rejected, the rest is as it should be, and that is not. */
static void
a_part_is_held(void **state)
{
	static const struct scenario team = {.name = "team",
	    .link = "limits = { member_removals = 0; primary_changes = 0; };",
	    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
		GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea"))}};
	struct lab l;

	(void)state;
	lab_open(&l, &team);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	says(&l, "team", "member", "it is as it should be");
	lab_delete_value(&l, SOURCE, "CN=Team", "member", lab_dn(SOURCE, "CN=Ann"));
	lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann.ash@acme.example");
	lab_set(&l, SOURCE, "CN=Ann", "mail", "ann.ash@acme.example");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	for (int rejected = 0; rejected < 2; rejected++) {
		const char *who = rejected ? "an operator has rejected that" : "a limit holds that";

		says(&l, "team", "member", who);
		says(&l, "ann", "proxyAddresses", who);
		says(&l, "ann", "mail", who);
		says(&l, "ann", "title", "it is as it should be");
		if (!rejected)
			assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 2);
	}
	lab_close(&l);
}

/* What it found is in conflict, or was skipped, while it was planned, and there is no record yet.
 */
static void
found_and_not_recorded(void **state)
{
	static const enum decision_state states[] = {DECIDE_CONFLICT, DECIDE_NOTHING};
	char dn[] = "CN=Ann" ACME, name[] = "Ann";
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct explaining_hit hit = {.dn = dn, .name = name};
		struct explaining e = {
		    .hits = &hit, .n_hits = 1, .x = {.link = l.link, .read = true}};
		_cleanup_(entry_free) struct entry *target = entry_new("CN=Ann" GLOBEX);
		json_t *o;

		e.x.d.state = states[i];
		e.x.d.verdict = SCOPE_IN;
		e.x.d.in_conflict = states[i] == DECIDE_CONFLICT;
		e.x.object[TARGET] = target;
		o = view_explain(l.link, "Ann", NULL, &e, &l.err);
		assert_non_null(o);
		assert_string_equal(text(json_object_get(o, "counterpart"), "dn"), "CN=Ann" GLOBEX);
		assert_true(
		    json_is_false(json_object_get(json_object_get(o, "counterpart"), "created")));
		json_decref(o);
	}
	lab_close(&l);
}

/* Every name that there could be for Ann is taken. */
static void
no_free_name(void **state)
{
	_cleanup_(buf_done) struct buf all = {0};
	struct lab l;

	(void)state;
	lab_open(&l, &some);
	buf_add_str(&all, THERE("contact", "Ann", ""));
	for (int i = 2; i < 10000; i++)
		buf_printf(&all, "dn: CN=Ann (%d)" GLOBEX "\nobjectClass: contact\n\n", i);
	assert_false(all.failed);
	lab_add(&l, TARGET, (const char *)all.data);
	answers(&l, "ann@acme.example", "conflict",
	    "Ann Ash is not in globex: in conflict (name): no free name");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	answers(&l, "ann@acme.example", "conflict",
	    "Ann Ash is not in globex: in conflict (name): no free name");
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_and_after),
	    cmocka_unit_test(nobody_or_several),
	    cmocka_unit_test(called_so),
	    cmocka_unit_test(many_are_called_so),
	    cmocka_unit_test(attributes),
	    cmocka_unit_test(no_secrets),
	    cmocka_unit_test(leaving),
	    cmocka_unit_test(return_flow),
	    cmocka_unit_test(a_part_is_held),
	    cmocka_unit_test(found_and_not_recorded),
	    cmocka_unit_test(no_free_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
