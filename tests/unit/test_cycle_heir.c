/* SPDX-License-Identifier: MIT */

/* Contacts that give way to real objects, with both flows, write by write. */

#include "tests/support/limits_fixture.h"

#include "tests/support/heir_fixture.h"

#define STAMP "extensionAttribute15"

static void
play(void **state)
{
	const struct heir_case *h = *state;
	struct lab l;

	heir_prepare(&l, h);
	heir_must(&l, h->sc.name);
	assert_int_equal(l.res.gave_way, h->gave_way);
	assert_int_equal(l.res.conflicts, 0);
	heir_check(&l, h->sc.name);
	lab_close(&l);
}

/* ---- a plan shows what will move ---- */

static int
plan_both(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = true, .plan_to = arg};
	struct cycle_result ret[SIDES];

	return sync_link(run, true, &opt, ret, &l->err);
}

static char *
plan_of(struct lab *l)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	if (lab_act(l, NULL, plan_both, to) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(fclose(to), 0);
	return text;
}

/* The change that is commented out at AT, as it is written. */
static char *
uncommented(const char *at)
{
	_cleanup_(buf_done) struct buf b = {0};

	while (str_starts_nocase(at, "# ")) {
		size_t n = strcspn(at, "\n");

		buf_add(&b, at + 2, n - 2);
		buf_add_char(&b, '\n');
		at += n + 1;
	}
	return buf_take_str(&b);
}

/* Of a contact that makes room first, and an heir that is made first, a plan knows that they move,
 * but not yet from where to where. */
static void
is_shown(void **state)
{
	const struct heir_case *h = *state;
	bool same = h != &heir_cases[HEIR_PROMOTED_CONTACT];
	_cleanup_(free) char *plan = NULL;
	struct tap tap = {.stop_at = 0};
	unsigned n = 0;
	struct lab l;

	heir_prepare(&l, h);
	plan = plan_of(&l);
	assert_int_equal(lab_act(&l, &tap, heir_sync, NULL), 0);
	assert_int_equal(l.res.gave_way, h->gave_way);
	buf_add_char(&tap.text, '\0');
	for (const char *at = plan; (at = strstr(at, "\n# later, ")); n++) {
		_cleanup_(free) char *change = NULL;

		assert_true(str_starts_nocase(strstr(at, "), ") + 3, "give way\n"));
		at = strchr(at + 1, '\n') + 1;
		change = uncommented(at);
		assert_non_null(change);
		if (same && !strstr((const char *)tap.text.data, change))
			fail_msg("not made:\n%s\nbut:\n%s", change, (const char *)tap.text.data);
	}
	/* The addresses, the names, and the end, off and on. */
	assert_true(n >= 4);
	tap_done(&tap);
	free(TAKE(plan));
	plan = plan_of(&l);
	assert_null(strstr(plan, "# later"));
	lab_close(&l);
}

/* ---- an operator decides ---- */

/* CASE, in which nobody has allowed a match yet. */
static void
prepare_waiting(struct lab *l, size_t number, const char *link, struct heir_case *h)
{
	*h = heir_cases[number];
	h->sc.link = link;
	heir_prepare(l, h);
	l->on_written = NULL;
	heir_must(l, h->sc.name);
	assert_int_equal(l->res.conflicts, 1);
	assert_int_equal(l->res.gave_way, 0);
}

#define RULES "match = [ \"stamp\", \"x500-on-target\" ];"
#define RULES_AND_RETURN RULES "return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";"

/* Who may make a source object does not get what a return contact has. */
static void
return_contact_waits(void **state)
{
	struct heir_case h;
	struct lab l;

	(void)state;
	prepare_waiting(&l, HEIR_RETURN_CONTACT, RULES_AND_RETURN, &h);
	assert_true(
	    lab_has(&l, SOURCE, "CN=Ida Native" GAL, "proxyAddresses", "SMTP:ida@globex.example"));
	assert_true(lab_has(&l, SOURCE, "CN=Team", "member", "CN=Ida Native" GAL));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ida", "proxyAddresses"), 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ida Native" PEOPLE, STAMP), 0);
	assert_int_equal(decide(&l, HELD_MATCHES, "CN=Ida", HELD_APPROVED), 1);
	heir_must(&l, h.sc.name);
	assert_int_equal(l.res.gave_way, 1);
	heir_check(&l, h.sc.name);
	lab_close(&l);
}

/* The contact goes on as before, with a conflict beside it. */
static void
forward_contact_waits(void **state)
{
	struct heir_case h;
	struct lab l;

	(void)state;
	for (int rejected = 0; rejected < 2; rejected++) {
		prepare_waiting(&l, HEIR_FORWARD_CONTACT, RULES, &h);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		heir_must(&l, h.sc.name);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann" PEOPLE, STAMP), 0);
		assert_int_equal(
		    decide(&l, HELD_MATCHES, "CN=Ann", rejected ? HELD_REJECTED : HELD_APPROVED),
		    1);
		heir_must(&l, h.sc.name);
		if (l.res.conflicts)
			fail_msg("%d: %s", rejected, lab_notes(&l));
		assert_int_equal(l.res.gave_way, !rejected);
		if (!rejected)
			heir_check(&l, h.sc.name);
		assert_int_equal(lab_exists(&l, TARGET, "CN=Ann"), rejected);
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann" PEOPLE, STAMP), !rejected);
		lab_close(&l);
	}
}

/* ---- what is refused ---- */

static void
check_whole(struct lab *l, const struct heir_case *h)
{
	assert_int_equal(l->res.failed, 1);
	assert_int_equal(lab_count(l, SOURCE, h->contact, HEIR_MEMO), 0);
	assert_true(lab_has(l, SOURCE, h->contact, "proxyAddresses", "SMTP:ida@globex.example"));
	assert_true(lab_has(l, SOURCE, h->contact, "mail", "ida@globex.example"));
	assert_true(lab_has(l, SOURCE, h->contact, "proxyAddresses", "X500:" IDA_LEGACY));
}

/* Once more, and nothing is refused. */
static void
finish_whole(struct lab *l, const struct heir_case *h)
{
	*l->why = '\0';
	heir_must(l, h->sc.name);
	assert_int_equal(l->res.gave_way, 1);
	heir_check(l, h->sc.name);
	lab_close(l);
}

/* A group that may not be written keeps the contact as it is. */
static void
refused_reference(void **state)
{
	const struct heir_case *h = &heir_cases[HEIR_RETURN_CONTACT];
	struct lab l;

	(void)state;
	heir_prepare(&l, h);
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Bob"), 50), 0);
	lab_set(&l, SOURCE, "CN=Team", "member", NULL);
	lab_add_value(&l, SOURCE, "CN=Team", "member", "CN=Ida Native" GAL);
	assert_int_equal(heir_cycle(&l, NULL), 0);
	check_whole(&l, h);
	assert_non_null(strstr(lab_notes(&l), "cannot give way"));
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	lab_set(&l, SOURCE, "CN=Bob", "title", "Boss");
	finish_whole(&l, h);
}

/* The second write of a pair is refused: the contact has what the first one took. */
static void
refuse_heir(void *arg, unsigned number, const struct change *c)
{
	struct lab *l = arg;

	(void)number;
	for (size_t i = 0; i < c->n_mods; i++)
		if (strcmp(c->mods[i].attr, HEIR_MEMO) == 0 && c->mods[i].op == MOD_ADD)
			assert_int_equal(
			    fakedir_refuse(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ida"), 50), 0);
}

static void
refused_heir(void **state)
{
	const struct heir_case *h = &heir_cases[HEIR_RETURN_CONTACT];
	struct tap tap = {.hook = refuse_heir};
	struct lab l;

	(void)state;
	heir_prepare(&l, h);
	l.on_written = NULL;
	tap.hook_arg = &l;
	assert_int_equal(heir_cycle(&l, &tap), 0);
	tap_done(&tap);
	check_whole(&l, h);
	assert_false(lab_has(&l, SOURCE, "CN=Ida", "proxyAddresses", "smtp:ida@globex.example"));
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	l.on_written = heir_look;
	finish_whole(&l, h);
}

/* ---- and back ---- */

/* Ida's mailbox in acme is no more, the one in globex lives on: that gets a contact again, with
 * every address and name that acme knew, and the contact leads there. */
static void
ends(void **state)
{
	const struct heir_case *h = &heir_cases[HEIR_RETURN_CONTACT];
	const char *const ida[] = {"CN=Ida", NULL};
	static const char *const known[] = {"smtp:ida@acme.example", "smtp:ida@globex.example",
	    "smtp:ida.gal@acme.example", ("X500:" ACME_LEGACY "ida"), ("X500:" IDA_LEGACY)};

	(void)state;
	for (int form = 0; form < 4; form++) {
		bool switched = form & 1;
		struct lab l;

		heir_prepare(&l, h);
		heir_must(&l, h->sc.name);
		heir_must(&l, h->sc.name);
		l.on_written = NULL;
		if (switched)
			assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ida), 0);
		lab_delete(&l, SOURCE, "CN=Ida");
		l.delta = form & 2;
		heir_must(&l, "the end");
		assert_int_equal(lab_count(&l, TARGET, "CN=Ida Native" PEOPLE, STAMP), 0);
		assert_int_equal(lab_count(&l, TARGET, "CN=Ida Native" PEOPLE, "targetAddress"), 0);
		if (!switched) {
			assert_true(
			    lab_has(&l, TARGET, "CN=Ida Native" PEOPLE, HEIR_HIDES, "TRUE"));
			assert_false(lab_exists(&l, SOURCE, h->contact));
			lab_set(&l, TARGET, "CN=Ida Native" PEOPLE, HEIR_HIDES, NULL);
			heir_must(&l, "shown again");
		}
		if (!lab_exists(&l, SOURCE, h->contact))
			fail_msg("%d: no contact\n%s", form, lab_notes(&l));
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			struct heir_holders who;

			heir_count(&l, SOURCE, known[i], &who);
			if (who.n != 1 || !dn_equal(who.dn, lab_dn(SOURCE, h->contact)))
				fail_msg("%d: %s: %zu\n%s", form, known[i], who.n, lab_notes(&l));
		}
		assert_true(lab_has(
		    &l, SOURCE, h->contact, "targetAddress", "SMTP:ida@redirect.globex.example"));
		heir_must(&l, "once more");
		assert_int_equal(l.res.applied, 0);
		l.delta = false;
		heir_must(&l, "once more");
		assert_int_equal(l.res.applied, 0);
		lab_close(&l);
	}
}

static void
nothing_comes(struct lab *l)
{
	(void)l;
}

/* A delta finds what the contact gives way to by what that says of the source object: at once, or
 * when it says so later; where an operator has to decide, it is a conflict. */
static void
by_delta(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		const struct heir_case *of = &heir_cases[HEIR_FORWARD_CONTACT];
		struct heir_case h = *of;
		struct lab l;
		bool waits = form & 2;

		h.between = nothing_comes;
		if (waits)
			h.sc.link = RULES;
		heir_prepare(&l, &h);
		heir_must(&l, "begin");
		l.delta = true;
		heir_must(&l, "the first delta");
		l.on_written = NULL;
		of->between(&l);
		if (form & 1) {
			lab_delete_value(&l, TARGET, "CN=Ann" PEOPLE, "proxyAddresses",
			    "X500:" ACME_LEGACY "ann");
			heir_must(&l, "it names nobody");
			assert_int_equal(l.res.gave_way, 0);
			lab_add_value(&l, TARGET, "CN=Ann" PEOPLE, "proxyAddresses",
			    "X500:" ACME_LEGACY "ann");
		}
		heir_must(&l, "it is named");
		assert_int_equal(l.res.conflicts, waits);
		assert_int_equal(l.res.gave_way, !waits);
		if (waits) {
			assert_int_equal(decide(&l, HELD_MATCHES, "CN=Ann", HELD_APPROVED), 1);
			heir_must(&l, "it is approved");
			assert_int_equal(l.res.gave_way, 1);
		}
		heir_must(&l, "all say so");
		heir_check(&l, "by delta");
		l.delta = false;
		heir_check(&l, "in full");
		lab_close(&l);
	}
}

#define N_CASES ARRAY_SIZE(heir_cases)

int
main(void)
{
	struct CMUnitTest tests[2 * N_CASES + 6] = {
	    [2 * N_CASES] = cmocka_unit_test(return_contact_waits),
	    cmocka_unit_test(forward_contact_waits),
	    cmocka_unit_test(refused_reference),
	    cmocka_unit_test(refused_heir),
	    cmocka_unit_test(ends),
	    cmocka_unit_test(by_delta)};

	for (size_t i = 0; i < 2 * N_CASES; i++)
		tests[i] = (struct CMUnitTest){.name = heir_cases[i / 2].sc.name,
		    .test_func = i % 2 ? is_shown : play,
		    .initial_state = (void *)(uintptr_t)&heir_cases[i / 2]};
	return _cmocka_run_group_tests("heir", tests, ARRAY_SIZE(tests), NULL, NULL);
}
