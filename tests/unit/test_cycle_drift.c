/* SPDX-License-Identifier: MIT */

/* Another client writes at the same time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n" MANAGER("Cid")),
	MAILBOX("Cid", "cid", "otherTelephone: 1\n"), CONTACT("Carl", "carl", ""),
	GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))}};

static void
another_title(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "title", "Another's");
}

static void
the_same_title(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "title", "Chief");
}

static void
another_address(struct lab *l)
{
	lab_add_value(l, TARGET, "CN=Ann", "proxyAddresses", "smtp:mine@globex.example");
	lab_add_value(l, TARGET, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:chief@else.example");
}

static void
renamed(struct lab *l)
{
	lab_rename(l, TARGET, "CN=Ann", "CN=Ann Other");
}

static void
deleted(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Ann");
}

static void
source_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
member_joins(struct lab *l)
{
	lab_add(l, TARGET, THERE("user", "Native", ""));
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Native" GLOBEX);
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX);
}

static void
member_is_deleted(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Cid");
}

struct drift {
	const char *name;
	void (*other)(struct lab *l);
	struct expect expect[4];
	bool next; /* it may take the next cycle to see it */
};

/* In each of them Ann becomes Chief, with an address more, and Cid joins the group. */
static const struct drift drifts[] = {
    {.name = "another value",
	.other = another_title,
	.expect = {{TARGET, "CN=Ann", "title", "Chief"},
	    {TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX}}},
    {.name = "the same value",
	.other = the_same_title,
	.expect = {{TARGET, "CN=Ann", "title", "Chief"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example"}}},
    {.name = "addresses",
	.other = another_address,
	.expect = {{TARGET, "CN=Ann", "title", "Chief"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:mine@globex.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:chief@else.example"}}},
    {.name = "a rename",
	.other = renamed,
	.expect = {{TARGET, "CN=Ann Other", "mailNickname", NULL},
	    {TARGET, "CN=Ann", "title", "Chief"}}},
    {.name = "a deletion",
	.other = deleted,
	.expect = {{TARGET, "CN=Ann", "title", "Chief"},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "the source is deleted",
	.other = source_deleted,
	.expect = {{TARGET, "CN=Ann", "msExchHideFromAddressLists", "TRUE"}}},
    {.name = "a member",
	.other = member_joins,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Native" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "the member is deleted",
	.other = member_is_deleted,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX},
	    {TARGET, "CN=Cid", "title", NULL}},
	.next = true},
};

struct meddling {
	struct lab *l;
	void (*other)(struct lab *l);
};

static void
meddle(void *arg, unsigned number, const struct change *c)
{
	struct meddling *m = arg;

	(void)number;
	(void)c;
	m->other(m->l);
}

static void
check_drift(struct lab *l, const struct drift *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->expect) && d->expect[i].dn; i++) {
		const struct expect *x = &d->expect[i];
		bool ok = x->value ? lab_has(l, x->side, x->dn, x->attr, x->value)
				   : lab_count(l, x->side, x->dn, x->attr) == 0;

		if (!ok)
			fail_msg("%s: %s of %s is not %s\n%.*s", d->name, x->attr, x->dn,
			    x->value ? x->value : "absent", (int)l->notes.len,
			    l->notes.len ? (const char *)l->notes.data : "");
	}
}

/* Another client changes the directory right before write number WRITE. */
static unsigned
drift_at(const struct drift *d, unsigned write)
{
	struct meddling m = {.other = d->other};
	struct tap tap = {.hook = meddle, .hook_arg = &m, .hook_at = write};
	struct lab l;
	unsigned writes;

	lab_open(&l, &people);
	m.l = &l;
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example");
	lab_add_value(&l, SOURCE, "CN=Sales", "member", "CN=Cid" ACME);
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("%s: %s", d->name, l.err.text);
	if ((l.res.failed && !d->next) || *l.why)
		fail_msg("%s at %u: %s\n%.*s", d->name, write, l.why, (int)l.notes.len,
		    (const char *)l.notes.data);
	writes = tap.writes;
	tap_done(&tap);
	lab_run(&l);
	check_drift(&l, d);
	lab_run_silent(&l);
	lab_run_idle(&l);
	lab_close(&l);
	return writes;
}

static void
drift(void **state)
{
	const struct drift *d = *state;
	unsigned n = 2;

	for (unsigned write = 1; write <= n; write++)
		assert_true(drift_at(d, write) >= n);
}

/* Another client is quicker to put the new member into the group. */
static void
group_is_quicker(void *arg, unsigned number, const struct change *c)
{
	struct lab *l = arg;

	(void)number;
	(void)lab_check_mail(l);
	if (strcmp(c->dn, lab_dn(TARGET, "CN=Sales")) == 0 &&
	    !lab_has(l, TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX))
		lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Cid" GLOBEX);
}

/* A group is planned again after one of its members has got another name in the same cycle. */
static void
member_renamed_before(void **state)
{
	for (int delta = 0; delta < 2; delta++) {
		struct tap tap = {.hook = group_is_quicker};
		struct lab l;

		(void)state;
		lab_open(&l, &people);
		tap.hook_arg = &l;
		lab_run(&l);
		lab_rename(&l, SOURCE, "CN=Ann", "CN=Ann Oak");
		lab_add_value(&l, SOURCE, "CN=Sales", "member", "CN=Cid" ACME);
		lab_delete_value(&l, SOURCE, "CN=Sales", "member", "CN=Carl" ACME);
		l.delta = delta;
		assert_int_equal(lab_cycle(&l, &tap), 0);
		tap_done(&tap);
		assert_int_equal(l.res.drift, 1);
		if (l.res.failed || *l.why)
			fail_msg("%s\n%.*s", l.why, (int)l.notes.len, (const char *)l.notes.data);
		assert_true(lab_has(&l, TARGET, "CN=Sales", "member", "CN=Ann Oak" GLOBEX));
		assert_int_equal(lab_count(&l, TARGET, "CN=Sales", "member"), 2);
		l.delta = false;
		lab_run_silent(&l);
		lab_close(&l);
	}
}

/* The name is free when it is chosen, and taken when it is used. */
static void
take_rdn(struct lab *l)
{
	lab_add(l, TARGET, THERE("contact", "Cid", ""));
}

static void
take_account_name(struct lab *l)
{
	lab_add(l, TARGET,
	    "dn: CN=Other,CN=Users,DC=globex,DC=example\nobjectClass: user\n"
	    "sAMAccountName: cid\n");
}

static void
rdn_is_taken(void **state)
{
	struct meddling m = {.other = take_rdn};
	struct tap tap = {.hook = meddle, .hook_arg = &m, .hook_at = 2};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	m.l = &l;
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("%s", l.err.text);
	tap_done(&tap);
	assert_true(l.res.drift > 0);
	assert_true(lab_has(&l, TARGET, "CN=Cid (2)", "mailNickname", "cid"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Cid", "mailNickname"), 0);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "manager", "CN=Cid (2)" GLOBEX));
	lab_run_silent(&l);
	lab_run_idle(&l);
	lab_close(&l);
}

/* Its holder is not known before the next complete read. */
static void
account_name_is_taken(void **state)
{
	struct meddling m = {.other = take_account_name};
	struct tap tap = {.hook = meddle, .hook_arg = &m, .hook_at = 2};
	struct scenario sc = people;
	struct lab l;

	(void)state;
	sc.link = "match = [ \"stamp\" ];";
	lab_open(&l, &sc);
	m.l = &l;
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("%s", l.err.text);
	tap_done(&tap);
	assert_int_not_equal(l.res.failed, 0);
	assert_false(lab_exists(&l, TARGET, "CN=Cid"));
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Cid", "sAMAccountName", "cid-2"));
	assert_true(lab_has(&l, TARGET, "CN=Ann", "manager", "CN=Cid" GLOBEX));
	lab_run_silent(&l);
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[3 + ARRAY_SIZE(drifts)] = {cmocka_unit_test(rdn_is_taken),
	    cmocka_unit_test(account_name_is_taken), cmocka_unit_test(member_renamed_before)};

	for (size_t i = 0; i < ARRAY_SIZE(drifts); i++)
		tests[3 + i] = (struct CMUnitTest){.name = drifts[i].name,
		    .test_func = drift,
		    .initial_state = (void *)(uintptr_t)&drifts[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
