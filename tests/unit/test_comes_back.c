/* SPDX-License-Identifier: MIT */

/*
 * Who comes back is again in whatever refers to it: groups, manager, managedBy, altRecipient and
 * publicDelegates of others; by whatever way it was gone, in a delta and in a full cycle, and
 * without a change of those that refer to it. And it is not without a primary address.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define HIDES "msExchHideFromAddressLists"
#define TO_ANN(attr) attr ": CN=Ann" ACME "\n"

static void
move_ann(struct lab *l, const char *from, const char *to)
{
	if (fakedir_rename(l->fd[SOURCE], from, "CN=Ann", to) < 0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
}

static void
hide(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
}

static void
show(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, NULL);
}

static void
move_out(struct lab *l)
{
	move_ann(l, "CN=Ann" ACME, "CN=Users,DC=acme,DC=example");
}

static void
move_in(struct lab *l)
{
	move_ann(l, "CN=Ann,CN=Users,DC=acme,DC=example", "OU=Staff,DC=acme,DC=example");
}

static void
filter_out(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "department", "Elsewhere");
}

static void
filter_in(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "department", "Sales");
}

static void
delete_counterpart(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Ann");
}

static void
nothing(struct lab *l)
{
	(void)l;
}

static const struct way {
	const char *name, *on_leave;
	void (*goes)(struct lab *l), (*comes)(struct lab *l);
} ways[] = {{"hidden", "hide", hide, show}, {"hidden, disabled", "disable", hide, show},
    {"moved", "hide", move_out, move_in}, {"moved, kept", "keep", move_out, move_in},
    {"filter", "hide", filter_out, filter_in},
    {"its counterpart is deleted", "hide", delete_counterpart, nothing},
    {"hidden, and its counterpart deleted", "hide", hide, show}};

static const struct {
	const char *who, *attr;
} refs[] = {{"CN=Sales", "member"}, {"CN=Sales", "managedBy"}, {"CN=Bea", "manager"},
    {"CN=Bea", "altRecipient"}, {"CN=Bea", "publicDelegates"}};

static void
check_refs(struct lab *l, const struct way *w, const char *when)
{
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++)
		if (!lab_has(l, TARGET, refs[i].who, refs[i].attr, "CN=Ann" GLOBEX))
			fail_msg("%s, %s: %s of %s lacks it\n%s", w->name, when, refs[i].attr,
			    refs[i].who, lab_notes(l));
}

static void
one_cycle(struct lab *l, const struct way *w, bool delta)
{
	l->delta = delta;
	if (lab_cycle(l, NULL) < 0 || l->res.failed || l->needs_full)
		fail_msg("%s: %s", w->name, lab_notes(l));
}

static void
goes_and_comes(const struct way *w, bool delta, bool in_between)
{
	char scope[200];
	const struct scenario sc = {.name = "comes back",
	    .scope = scope,
	    .source = {MAILBOX("Ann", "ann", "department: Sales\n"),
		MAILBOX("Bea", "bea",
		    TO_ANN("manager") TO_ANN("altRecipient")
			TO_ANN("publicDelegates") "department: Sales\n"),
		GROUP("Sales", "sales", TO_ANN("managedBy") TO_ANN("member"))}};
	struct lab l;

	(void)snprintf(scope, sizeof scope,
	    "create = \"mailbox\"; filter = \"(|(objectClass=group)(department=Sales))\"; on_leave "
	    "= \"%s\";",
	    w->on_leave);
	lab_open(&l, &sc);
	one_cycle(&l, w, false);
	check_refs(&l, w, "at first");
	w->goes(&l);
	if (in_between)
		one_cycle(&l, w, delta);
	if (w == &ways[6])
		delete_counterpart(&l);
	w->comes(&l);
	one_cycle(&l, w, delta);
	check_refs(&l, w, delta ? "after a delta" : "after a full cycle");
	l.delta = false;
	lab_run_silent(&l);
	lab_close(&l);
}

static void
refers_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		for (int how = 0; how < 4; how++)
			goes_and_comes(&ways[i], how & 1, how & 2);
}

/* The primary address of one that is away goes over to another object. It has another one when it
 * comes back, also where the target has the authority. */
static void
has_primary_again(void **state)
{
	static const struct way way = {.name = "its primary address went over"};

	(void)state;
	for (int how = 0; how < 4; how++) {
		const struct scenario sc = {.name = way.name,
		    .scope = how & 2 ? "create = \"mailbox\"; authority = \"target\";"
				     : "create = \"mailbox\";",
		    .source = {CONTACT("Ann", "ann", ""), CONTACT("Bea", "bea", "")}};
		struct lab l;

		lab_open(&l, &sc);
		one_cycle(&l, &way, false);
		hide(&l);
		one_cycle(&l, &way, how & 1);
		lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ash@acme.example");
		lab_set(&l, SOURCE, "CN=Ann", "mail", "ash@acme.example");
		lab_add_value(&l, SOURCE, "CN=Bea", "proxyAddresses", "smtp:ann@acme.example");
		one_cycle(&l, &way, how & 1);
		/* Where the source has the authority, galsync has taken it for Bea. */
		if (lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"))
			lab_delete_value(
			    &l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
		lab_set(&l, TARGET, "CN=Ann", "mail", NULL);
		show(&l);
		one_cycle(&l, &way, how & 1);
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ash@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "mail", "ash@acme.example"));
		l.delta = false;
		lab_run_silent(&l);
		lab_close(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refers_again), cmocka_unit_test(has_primary_again)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
