/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "redirect/audit.h"

#define RS "redirect.acme.example"
#define RT "redirect.globex.example"
#define STAMP "extensionAttribute15"
#define GUARD "msExchCalendarRepairDisabled"

struct pair {
	struct record *record;
	struct entry *side[SIDES];
	bool conflict, native;
	enum side authority;
	const char *tenant; /* its routing domain */
	enum side held_on;  /* another object holds HELD there */
	const char *held;
	struct buf found; /* "invariant side, ..." */
	char there[AUDIT_TEXT_SIZE], want[AUDIT_TEXT_SIZE];
	struct audit_replies replies;
};

static void
put(struct entry *e, const char *attr, const char *value)
{
	assert_int_equal(entry_add_str(e, attr, value), 0);
}

static void
put_address(struct pair *p, enum side side, const char *value)
{
	put(p->side[side], "proxyAddresses", value);
}

static void
set(struct pair *p, enum side side, const char *attr, const char *value)
{
	entry_remove(p->side[side], attr);
	if (value)
		put(p->side[side], attr, value);
}

static void
drop_address(struct pair *p, enum side side, const char *value)
{
	_cleanup_(entry_free) struct entry *old = entry_dup(p->side[side]);
	const struct attr *a = entry_find(old, "proxyAddresses");

	assert_true(attr_has(a, bytes_of(value), false));
	entry_remove(p->side[side], "proxyAddresses");
	for (size_t i = 0; i < a->n_values; i++)
		if (!bytes_equal(a->values[i], bytes_of(value)))
			assert_int_equal(
			    entry_add(p->side[side], "proxyAddresses", a->values[i]), 0);
}

static struct entry *
mailbox(enum side side)
{
	struct entry *e = entry_new(side == SOURCE ? "CN=Jo,DC=acme" : "CN=Jo,DC=globex");

	assert_non_null(e);
	put(e, "objectClass", "user");
	put(e, "homeMDB", "CN=DB1");
	put(e, "legacyExchangeDN", side == SOURCE ? "/o=Acme/cn=jo" : "/o=Globex/cn=jo");
	put(e, "mail", "jo@acme.example");
	put(e, "proxyAddresses", "SMTP:jo@acme.example");
	put(e, "proxyAddresses", "smtp:old@acme.example");
	put(e, "proxyAddresses", "sip:jo@acme.example");
	put(e, "proxyAddresses", side == SOURCE ? "smtp:jo@" RS : "smtp:jo@" RT);
	put(e, "proxyAddresses", side == SOURCE ? "X500:/o=Globex/cn=jo" : "X500:/o=Acme/cn=jo");
	put(e, "proxyAddresses", "x500:/o=Older/cn=jo");
	return e;
}

/* A mailbox that is not switched, as a cycle leaves it. */
static int
set_up(void **state)
{
	struct pair *p = calloc(1, sizeof *p);

	assert_non_null(p);
	p->record = record_new();
	p->record->kind = KIND_USER;
	p->record->created = true;
	p->record->state = RECORD_SYNCED;
	p->record->side[SOURCE].guid.octets[0] = 5;
	p->record->side[TARGET].guid.octets[0] = 7;
	assert_int_equal(record_set_str(&p->record->side[TARGET].dn, "CN=Jo,DC=globex"), 0);
	assert_int_equal(record_add_legacy_dn(&p->record->side[SOURCE], "/o=ACME/cn=jo"), 0);
	p->side[SOURCE] = mailbox(SOURCE);
	p->side[TARGET] = mailbox(TARGET);
	for (int s = SOURCE; s < SIDES; s++)
		p->side[s]->guid = p->record->side[s].guid;
	put(p->side[TARGET], "targetAddress", "SMTP:jo@" RS);
	put(p->side[TARGET], GUARD, "TRUE");
	put(p->side[TARGET], STAMP, "galsync:created:00000005-0000-0000-0000-000000000000:source");
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct pair *p = *state;

	record_free(p->record);
	entry_free(p->side[SOURCE]);
	entry_free(p->side[TARGET]);
	buf_done(&p->found);
	free(p);
	return 0;
}

static void
do_switch(struct pair *p)
{
	p->record->active = TARGET;
	set(p, TARGET, "targetAddress", NULL);
	set(p, SOURCE, "targetAddress", "SMTP:jo@" RT);
	set(p, SOURCE, GUARD, "TRUE");
	set(p, TARGET, GUARD, NULL);
	set(p, TARGET, STAMP, "galsync:created:00000005-0000-0000-0000-000000000000:target");
}

static int
holder(enum side side, struct bytes address, const struct entry *self, bool fresh, char **ret_dn,
    void *arg, struct err *err)
{
	const struct pair *p = arg;

	(void)fresh;
	(void)err;
	assert_ptr_equal(self, p->side[side]);
	if (p->held && side == p->held_on && bytes_equal_nocase(address, bytes_of(p->held)))
		assert_non_null(*ret_dn = strdup("CN=Other"));
	return 0;
}

static void
found(const struct audit_finding *f, void *arg)
{
	struct pair *p = arg;

	buf_printf(&p->found, "%s%s %s", p->found.len ? ", " : "", audit_invariant_name(f->what),
	    side_name(f->side));
	memcpy(p->there, f->there, sizeof p->there);
	memcpy(p->want, f->want, sizeof p->want);
	assert_true(*f->want && *f->there && *f->dn);
}

static void
finds(struct pair *p, const char *want)
{
	const struct audit_env env = {
	    .redirect_domain = {p->native ? NULL : RS, p->native ? NULL : RT},
	    .own_domain = {RS, RT},
	    .routing_domain = {NULL, p->tenant},
	    .toggle_domain = "delete.me",
	    .stamp_attribute = STAMP,
	    .marker_attribute = "extensionAttribute14",
	    .holder = holder,
	    .found = found,
	    .arg = p};
	const struct audit_pair pair = {
	    p->record, {p->side[SOURCE], p->side[TARGET]}, p->conflict, p->authority};
	struct err err;

	buf_reset(&p->found);
	buf_add_str(&p->found, "");
	p->replies = (struct audit_replies){0};
	assert_int_equal(audit_pair(&env, &pair, &p->replies, &err), 0);
	assert_string_equal((const char *)p->found.data, want);
}

static void
clean(void **state)
{
	struct pair *p = *state;

	finds(p, "");
	/* Of each side its own name, the other's and the older one. */
	assert_int_equal(p->replies.known, 6);
	assert_int_equal(p->replies.missing, 0);
	do_switch(p);
	finds(p, "");
}

/* A native that was a counterpart before has a redirect address still: its contact does not get it.
 */
static void
native(void **state)
{
	struct pair *p = *state;

	p->native = true;
	put_address(p, SOURCE, "smtp:former@" RS);
	finds(p, "");
	put_address(p, SOURCE, "smtp:other@acme.example");
	finds(p, "addresses target");
}

/* Of what has no mailbox the target may decide: what the source has beside that does not flow. */
static void
authority(void **state)
{
	struct pair *p = *state;

	put_address(p, SOURCE, "smtp:passive@acme.example");
	p->authority = TARGET;
	finds(p, "addresses target");
	for (int side = SOURCE; side < SIDES; side++) {
		set(p, (enum side)side, "homeMDB", NULL);
		set(p, (enum side)side, "msExchHomeServerName", NULL);
	}
	p->native = true;
	finds(p, "");
	p->authority = SOURCE;
	finds(p, "addresses target");
}

/* Of a mailbox in a tenant what leads there is no redirection, and is needed when it is active. */
static void
in_a_tenant(void **state)
{
	struct pair *p = *state;

	p->tenant = "tenant";
	set(p, TARGET, "homeMDB", NULL);
	set(p, TARGET, GUARD, NULL);
	set(p, TARGET, "msExchRecipientTypeDetails", "2147483648");
	put_address(p, TARGET, "smtp:jo@tenant");
	put_address(p, SOURCE, "smtp:josephine@tenant");
	finds(p, "");
	set(p, TARGET, "targetAddress", "SMTP:jo@tenant");
	finds(p, "redirection target");
	do_switch(p);
	set(p, TARGET, "targetAddress", "SMTP:jo@tenant");
	finds(p, "");
	set(p, TARGET, "targetAddress", NULL);
	finds(p, "redirection target");
	assert_string_equal(p->want, "targetAddress SMTP:jo@tenant, to the mailbox in the tenant");
	drop_address(p, TARGET, "smtp:jo@tenant");
	finds(p, "redirection target");
	assert_non_null(strstr(p->want, "SMTP:an address in tenant"));
	set(p, TARGET, "targetAddress", "SMTP:jo@else.example");
	finds(p, "redirection target");
	p->tenant = NULL;
	set(p, TARGET, "targetAddress", "SMTP:jo@tenant");
	drop_address(p, SOURCE, "smtp:josephine@tenant");
	finds(p, "");
}

static void
objects_are_gone(void **state)
{
	struct pair *p = *state;

	entry_free(TAKE(p->side[TARGET]));
	finds(p, "objects target");
	assert_non_null(strstr(p->want, "00000007-0000"));
	p->record->state = RECORD_LEFT;
	finds(p, "");
	p->record->state = RECORD_SYNCED;
	p->record->side[TARGET].guid = (struct guid){{0}};
	finds(p, "");
}

static void
loops(void **state)
{
	struct pair *p = *state;

	set(p, SOURCE, "targetAddress", "SMTP:jo@" RT);
	finds(p, "loop source");
	p->record->state = RECORD_LEFT;
	finds(p, "loop source");
	/* Others answer for where it leads, as long as mail does not come back. */
	set(p, SOURCE, "targetAddress", "SMTP:bea@" RT);
	finds(p, "");
	set(p, SOURCE, "targetAddress", "SMTP:jo@" RT);
	p->record->state = RECORD_FINISHED;
	finds(p, "loop target");
	entry_free(TAKE(p->side[SOURCE]));
	finds(p, "");
	set(p, TARGET, "targetAddress", "SMTP:jo@" RT);
	finds(p, "self target");
	set(p, TARGET, "targetAddress", "SMTP:jo@" RS);
	p->side[SOURCE] = mailbox(SOURCE);
	set(p, SOURCE, "targetAddress", "SMTP:jo@" RT);
	/* Without a mailbox it is one only if the two lead to each other. */
	p->record->state = RECORD_SYNCED;
	set(p, SOURCE, "homeMDB", NULL);
	finds(p, "loop target, map target, stamp target");
	set(p, SOURCE, "targetAddress", "SMTP:jo@partner.example");
	finds(p, "mailbox source");
}

static void
redirections(void **state)
{
	struct pair *p = *state;

	set(p, TARGET, "targetAddress", NULL);
	finds(p, "redirection target");
	assert_string_equal(p->there, "nothing");
	assert_string_equal(p->want, "targetAddress SMTP:jo@" RS);
	set(p, TARGET, "targetAddress", "SMTP:else@" RS);
	finds(p, "redirection target");
	assert_string_equal(p->there, "SMTP:else@" RS);
	/* Any of several redirect addresses will do. */
	put_address(p, SOURCE, "smtp:else@" RS);
	finds(p, "");
	set(p, TARGET, "targetAddress", NULL);
	set(p, SOURCE, "targetAddress", "SMTP:x@partner.example");
	finds(p, "redirection source, redirection target");
}

static void
after_the_switch(void **state)
{
	struct pair *p = *state;

	do_switch(p);
	set(p, SOURCE, "targetAddress", NULL);
	finds(p, "redirection source");
	do_switch(p);
	set(p, TARGET, "targetAddress", "SMTP:jo@" RS);
	finds(p, "loop target");
	do_switch(p);
	set(p, TARGET, "homeMDB", NULL);
	finds(p, "redirection source, redirection target, map source, stamp target");
	do_switch(p);
	set(p, TARGET, "homeMDB", "CN=DB1");
	set(p, SOURCE, GUARD, "FALSE");
	finds(p, "calendar-repair-guard source");
}

static void
redirect_addresses(void **state)
{
	struct pair *p = *state;

	drop_address(p, SOURCE, "smtp:jo@" RS);
	finds(p, "redirect-address source");
	put_address(p, SOURCE, "smtp:jo@" RS);
	drop_address(p, TARGET, "smtp:jo@" RT);
	finds(p, "redirect-address target");
	put_address(p, TARGET, "smtp:jo@" RT);
	put_address(p, SOURCE, "smtp:jo@" RT);
	finds(p, "foreign-redirect-address source");
	drop_address(p, SOURCE, "smtp:jo@" RT);
	put_address(p, TARGET, "smtp:x@" RS);
	finds(p, "foreign-redirect-address target");
}

static void
addresses(void **state)
{
	struct pair *p = *state;

	drop_address(p, TARGET, "smtp:old@acme.example");
	finds(p, "addresses target");
	assert_string_equal(p->want, "smtp:old@acme.example, which the source has");
	/* A conflict excuses what another object really holds. */
	p->conflict = true;
	finds(p, "addresses target");
	p->held = "SMTP:old@acme.example";
	p->held_on = TARGET;
	finds(p, "");
	p->conflict = false;
	finds(p, "addresses target");
	p->held = NULL;
	put_address(p, TARGET, "smtp:old@acme.example");
	put_address(p, TARGET, "smtp:more@globex.example");
	put_address(p, SOURCE, "sip:second@acme.example");
	put_address(p, SOURCE, "smtp:jo@delete.me");
	finds(p, "");
	put_address(p, SOURCE, "X400:C=US;S=Jo;");
	finds(p, "addresses target");
}

static void
replies(void **state)
{
	struct pair *p = *state;

	drop_address(p, SOURCE, "X500:/o=Globex/cn=jo");
	finds(p, "reply source");
	assert_int_equal(p->replies.missing, 1);
	put_address(p, SOURCE, "x500:/o=globex/CN=Jo");
	finds(p, "");
	drop_address(p, TARGET, "X500:/o=Acme/cn=jo");
	finds(p, "reply target");
	put_address(p, TARGET, "X500:/o=Acme/cn=jo");
	drop_address(p, TARGET, "x500:/o=Older/cn=jo");
	finds(p, "reply target");
	put_address(p, TARGET, "X500:/o=Older/cn=jo");
	/* The record remembers what nobody has any more. */
	assert_int_equal(record_add_legacy_dn(&p->record->side[TARGET], "/o=Forgotten"), 0);
	finds(p, "reply source");
	assert_string_equal(p->want, "X500:/o=Forgotten, which is a name of its counterpart");
	p->conflict = true;
	p->held = "X500:/o=Forgotten";
	p->held_on = SOURCE;
	finds(p, "");
	assert_int_equal(p->replies.missing, 1);
}

static void
primaries(void **state)
{
	struct pair *p = *state;

	set(p, TARGET, "mail", "other@acme.example");
	finds(p, "mail target");
	set(p, TARGET, "mail", "JO@acme.example");
	finds(p, "");
	set(p, SOURCE, "mail", NULL);
	finds(p, "mail source");
	set(p, SOURCE, "mail", "jo@acme.example");
	put_address(p, TARGET, "SMTP:second@globex.example");
	finds(p, "primary target");
	assert_string_equal(p->there, "SMTP:jo@acme.example, SMTP:second@globex.example");
	set(p, TARGET, "proxyAddresses", NULL);
	put_address(p, TARGET, "smtp:jo@acme.example");
	put_address(p, TARGET, "smtp:old@acme.example");
	put_address(p, TARGET, "sip:jo@acme.example");
	put_address(p, TARGET, "smtp:jo@" RT);
	put_address(p, TARGET, "X500:/o=Acme/cn=jo");
	put_address(p, TARGET, "X500:/o=Older/cn=jo");
	finds(p, "primary target");
	assert_string_equal(p->there, "nothing");
}

static void
stamps(void **state)
{
	struct pair *p = *state;

	set(p, TARGET, STAMP, NULL);
	finds(p, "stamp target");
	set(p, TARGET, STAMP, "galsync:created:00000006-0000-0000-0000-000000000000");
	finds(p, "stamp target");
	set(p, TARGET, STAMP, "galsync:matched:00000005-0000-0000-0000-000000000000");
	finds(p, "stamp target");
	p->record->created = false;
	finds(p, "stamp target");
	set(p, TARGET, STAMP, "galsync:matched:00000005-0000-0000-0000-000000000000:source");
	finds(p, "");
}

static void
active_sides(void **state)
{
	struct pair *p = *state;

	set(p, TARGET, "targetAddress", "SMTP:jo@" RT);
	finds(p, "redirection target, self target");
	do_switch(p);
	p->record->active = SOURCE;
	finds(p, "map target");
	/* Turned by another: the stamp is wrong until the next cycle. */
	set(p, TARGET, STAMP, "galsync:created:00000005-0000-0000-0000-000000000000:source");
	finds(p, "map target, stamp target");
	/* What an active target has is its own, but for names. */
	do_switch(p);
	drop_address(p, TARGET, "smtp:old@acme.example");
	finds(p, "");
	drop_address(p, TARGET, "X500:/o=Acme/cn=jo");
	finds(p, "reply target");
	p->record->state = RECORD_FINISHED;
	finds(p, "");
}

static void
refused(void **state)
{
	struct pair *p = *state;

	p->record->state = RECORD_ERROR;
	assert_int_equal(record_set_str(&p->record->last_error, "title: refused"), 0);
	finds(p, "written target");
	p->record->state = RECORD_WAITING;
	finds(p, "");
}

static void
guards(void **state)
{
	struct pair *p = *state;

	set(p, TARGET, GUARD, NULL);
	finds(p, "calendar-repair-guard target");
	/* A mail user has no calendar. */
	set(p, TARGET, "homeMDB", NULL);
	finds(p, "");
}

static void
held_twice(void **state)
{
	struct pair *p = *state;

	p->held = "smtp:jo@" RT;
	p->held_on = TARGET;
	finds(p, "unique target");
	assert_string_equal(p->want, "held by nobody else: 'CN=Other' has it too");
	p->held = "X500:/o=acme/cn=jo";
	p->held_on = SOURCE;
	finds(p, "unique source");
}

static void
dummies(void **state)
{
	struct pair *p = *state;
	const struct audit_env env = {.toggle_domain = "delete.me", .found = found, .arg = p};

	assert_false(audit_dummies(&env, SOURCE, p->side[SOURCE], NULL));
	put_address(p, SOURCE, "smtp:jo@DELETE.me");
	assert_true(audit_dummies(&env, SOURCE, p->side[SOURCE], NULL));
	assert_string_equal((const char *)p->found.data, "dummy source");
	assert_string_equal(p->there, "smtp:jo@DELETE.me");
}

/* Contacts and groups have no redirection, but addresses. */
static void
other_kinds(void **state)
{
	struct pair *p = *state;

	p->record->kind = KIND_CONTACT;
	for (int side = SOURCE; side < SIDES; side++) {
		set(p, (enum side)side, "objectClass", "contact");
		set(p, (enum side)side, "homeMDB", NULL);
		set(p, (enum side)side, "targetAddress", "SMTP:jo@partner.example");
		set(p, (enum side)side, GUARD, NULL);
	}
	drop_address(p, SOURCE, "smtp:jo@" RS);
	drop_address(p, TARGET, "smtp:jo@" RT);
	finds(p, "");
	drop_address(p, TARGET, "smtp:old@acme.example");
	finds(p, "addresses target");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(clean), T(native), T(authority), T(in_a_tenant),
	    T(objects_are_gone), T(loops), T(redirections), T(after_the_switch),
	    T(redirect_addresses), T(addresses), T(replies), T(primaries), T(stamps),
	    T(active_sides), T(refused), T(guards), T(held_twice), T(dummies), T(other_kinds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
