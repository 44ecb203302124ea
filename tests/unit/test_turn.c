/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "redirect/address.h"
#include "redirect/turn.h"

#define GUARD "msExchCalendarRepairDisabled"
#define MARKER "extensionAttribute14"
#define STAMP "extensionAttribute15"
#define OURS "galsync:created:00000005-0000-0000-0000-000000000000"
#define RS "SMTP:jo@redirect.acme.example"
#define RT "SMTP:jo@redirect.globex.example"

static const struct turn_conf conf = {
    .redirect_domain = {"redirect.acme.example", "redirect.globex.example"},
    .stamp_attribute = STAMP,
    .marker_attribute = MARKER,
};

struct pair {
	struct record *record;
	struct entry *side[SIDES];
};

static struct entry *
mailbox(enum side side)
{
	static const char *const own[] = {
	    "smtp:jo@redirect.acme.example", "smtp:jo@redirect.globex.example"};
	static const char *const x500[] = {"X500:/o=Globex/cn=jo", "X500:/o=Acme/cn=jo"};
	static const char *const legacy[] = {"/o=Acme/cn=jo", "/o=Globex/cn=jo"};
	struct entry *e = entry_new(side == SOURCE ? "CN=Jo,DC=acme" : "CN=Jo,DC=globex");

	assert_non_null(e);
	e->guid.octets[0] = side == SOURCE ? 5 : 7;
	assert_int_equal(entry_add_str(e, "objectClass", "user"), 0);
	assert_int_equal(entry_add_str(e, "homeMDB", "CN=DB1"), 0);
	assert_int_equal(entry_add_str(e, "legacyExchangeDN", legacy[side]), 0);
	assert_int_equal(entry_add_str(e, "proxyAddresses", "SMTP:jo@acme.example"), 0);
	assert_int_equal(entry_add_str(e, "proxyAddresses", own[side]), 0);
	assert_int_equal(entry_add_str(e, "proxyAddresses", x500[side]), 0);
	return e;
}

/* Not switched, as a cycle leaves it. */
static int
set_up(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	uint64_t put = record_written_hash(GUARD, bytes_of("TRUE"));

	assert_non_null(p);
	p->record = record_new();
	p->record->kind = KIND_USER;
	p->record->state = RECORD_SYNCED;
	p->record->created = true;
	p->record->side[SOURCE].guid.octets[0] = 5;
	p->record->side[TARGET].guid.octets[0] = 7;
	assert_int_equal(record_set_written(p->record, TARGET, &put, 1), 0);
	p->side[SOURCE] = mailbox(SOURCE);
	p->side[TARGET] = mailbox(TARGET);
	assert_int_equal(entry_add_str(p->side[TARGET], "targetAddress", RS), 0);
	assert_int_equal(entry_add_str(p->side[TARGET], GUARD, "TRUE"), 0);
	assert_int_equal(entry_add_str(p->side[TARGET], STAMP, OURS ":source"), 0);
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
	free(p);
	return 0;
}

static struct turn_facts
facts(const struct pair *p)
{
	return (struct turn_facts){
	    .record = p->record, .side = {p->side[SOURCE], p->side[TARGET]}, .holders = {1, 1}};
}

/* What a server does with the modify C. */
static void
apply(struct entry *e, const struct change *c)
{
	for (size_t i = 0; c && i < c->n_mods; i++)
		for (size_t j = 0; j < c->mods[i].n_values; j++) {
			const struct attr *a = entry_find(e, c->mods[i].attr);

			if (c->mods[i].op == MOD_ADD) {
				assert_false(attr_has(a, c->mods[i].values[j], true));
				assert_int_equal(
				    entry_add(e, c->mods[i].attr, c->mods[i].values[j]), 0);
			} else {
				/* Only single-valued attributes are taken away here. */
				assert_true(attr_has(a, c->mods[i].values[j], false));
				entry_remove(e, c->mods[i].attr);
			}
		}
}

static bool
both_redirect(const struct pair *p)
{
	return entry_get_str(p->side[SOURCE], "targetAddress") &&
	       entry_get_str(p->side[TARGET], "targetAddress");
}

/* Makes the first STEPS changes of the turn, looking for a loop after each. */
static void
turn_some(struct pair *p, enum turn turn, size_t steps)
{
	struct change *changes[TURN_CHANGES];
	struct turn_facts f = facts(p);
	struct err err;

	assert_int_equal(turn_changes(&conf, turn, &f, 1000000000, changes, &err), 0);
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		bool noted;

		assert_int_equal(
		    turn_note_guard(changes[i], turn_side(turn, i), p->record, &noted), 0);
		if (i < steps)
			apply(p->side[turn_side(turn, i)], changes[i]);
		assert_false(both_redirect(p));
		change_free(changes[i]);
	}
}

static bool
is_done(const struct pair *p, enum turn turn)
{
	struct turn_facts f = facts(p);
	char why[400];

	return turn_verify(&conf, turn, &f, why, sizeof why);
}

static void
switch_and_undo(void **state)
{
	struct pair *p = *state;

	assert_false(is_done(p, TURN_SWITCH));
	turn_some(p, TURN_SWITCH, 2);
	assert_true(is_done(p, TURN_SWITCH));
	assert_string_equal(entry_get_str(p->side[SOURCE], "targetAddress"), RT);
	assert_string_equal(entry_get_str(p->side[SOURCE], MARKER),
	    "galsync:switched:2001-09-09T01:46:40Z:00000007-0000-0000-0000-000000000000:guard");
	assert_string_equal(entry_get_str(p->side[SOURCE], GUARD), "TRUE");
	assert_null(entry_find(p->side[TARGET], GUARD));
	assert_string_equal(entry_get_str(p->side[TARGET], STAMP), OURS ":target");
	turn_some(p, TURN_UNDO, 2);
	assert_string_equal(entry_get_str(p->side[TARGET], STAMP), OURS ":source");
	assert_true(is_done(p, TURN_UNDO));
	assert_string_equal(entry_get_str(p->side[TARGET], "targetAddress"), RS);
	assert_null(entry_find(p->side[SOURCE], MARKER));
	assert_null(entry_find(p->side[SOURCE], GUARD));
	assert_string_equal(entry_get_str(p->side[TARGET], GUARD), "TRUE");
}

/* Stopped after any change, in either direction: the same turn again, or the other one, ends well.
 */
static void
interrupted(void **state)
{
	for (int turn = TURN_SWITCH; turn <= TURN_UNDO; turn++)
		for (size_t steps = 0; steps <= TURN_CHANGES; steps++)
			for (int then = TURN_SWITCH; then <= TURN_UNDO; then++) {
				void *fresh;

				assert_int_equal(set_up(&fresh), 0);
				if (turn == TURN_UNDO)
					turn_some(fresh, TURN_SWITCH, 2);
				turn_some(fresh, (enum turn)turn, steps);
				turn_some(fresh, (enum turn)then, 2);
				assert_true(is_done(fresh, (enum turn)then));
				/* And once more: nothing to do. */
				turn_some(fresh, (enum turn)then, 0);
				(void)tear_down(&fresh);
			}
	(void)state;
}

/* What is not galsync's stays. */
static void
foreign_values(void **state)
{
	struct pair *p = *state;

	assert_int_equal(entry_add_str(p->side[SOURCE], MARKER, "cost centre 7"), 0);
	assert_int_equal(entry_add_str(p->side[SOURCE], GUARD, "TRUE"), 0);
	assert_int_equal(record_set_written(p->record, TARGET, NULL, 0), 0);
	turn_some(p, TURN_SWITCH, 2);
	assert_string_equal(entry_get_str(p->side[SOURCE], MARKER), "cost centre 7");
	assert_string_equal(entry_get_str(p->side[TARGET], GUARD), "TRUE");
	turn_some(p, TURN_UNDO, 2);
	assert_string_equal(entry_get_str(p->side[SOURCE], GUARD), "TRUE");
	assert_string_equal(entry_get_str(p->side[SOURCE], MARKER), "cost centre 7");
}

/* Without room for the marker, or when it was removed, the guard goes with the undo. */
static void
guard_without_marker(void **state)
{
	struct pair *p = *state;

	for (int i = 0; i < 2; i++) {
		if (i == 0)
			assert_int_equal(
			    entry_add_str(p->side[SOURCE], MARKER, "cost centre 7"), 0);
		assert_int_equal(turn_can_mark(&conf, p->side[SOURCE]), i == 1);
		turn_some(p, TURN_SWITCH, 2);
		assert_string_equal(entry_get_str(p->side[SOURCE], GUARD), "TRUE");
		entry_remove(p->side[SOURCE], MARKER);
		turn_some(p, TURN_UNDO, 2);
		assert_null(entry_get_str(p->side[SOURCE], GUARD));
		p->record->source_guard = false;
	}
}

static void
assert_refused(const struct pair *p, const struct turn_facts *f, const char *word)
{
	bool done;
	char why[400] = "";

	(void)p;
	assert_false(turn_check(&conf, TURN_SWITCH, f, &done, why, sizeof why));
	if (!strstr(why, word))
		fail_msg("'%s' lacks '%s'", why, word);
}

/* ---- everything that must be true, and not only the first thing that is not ---- */

struct asked {
	struct buf broken; /* names, a blank behind each */
	size_t n;
	char why[TURN_WHY_SIZE]; /* of the first */
};

static void
take_need(size_t need, bool ok, const char *why, void *arg)
{
	struct asked *a = arg;

	assert_int_equal(ok, *why == '\0');
	a->n++;
	if (!ok && !a->broken.len)
		(void)snprintf(a->why, sizeof a->why, "%s", why);
	if (!ok)
		buf_printf(&a->broken, "%s ", turn_need_name(need));
}

static void
remove_x500(struct entry *e)
{
	entry_remove(e, "proxyAddresses");
	assert_int_equal(entry_add_str(e, "proxyAddresses", "smtp:jo@redirect.globex.example"), 0);
}

static void
lead_elsewhere(struct entry *e)
{
	assert_int_equal(entry_set_str(e, "targetAddress", "SMTP:ann@third.example"), 0);
}

/* Makes what BROKEN names untrue of P and F. */
static void
break_need(const char *broken, struct pair *p, struct turn_facts *f)
{
	struct entry *s = p->side[SOURCE], *t = p->side[TARGET];

	if (strstr(broken, "map "))
		p->record->kind = KIND_GROUP;
	if (strstr(broken, "settled "))
		p->record->state = RECORD_PENDING;
	if (strstr(broken, "stamp "))
		assert_int_equal(entry_set_str(t, STAMP, "galsync:else"), 0);
	if (strstr(broken, "source_object "))
		f->side[SOURCE] = NULL;
	if (strstr(broken, "source_mailbox ")) {
		entry_remove(s, "homeMDB");
		entry_remove(s, "msExchHomeServerName");
	}
	if (strstr(broken, "source_unique "))
		f->holders[SOURCE] = 2;
	if (strstr(broken, "target_mailbox ")) {
		entry_remove(t, "homeMDB");
		entry_remove(t, "msExchHomeServerName");
	}
	if (strstr(broken, "target_unique "))
		f->holders[TARGET] = 3;
	if (strstr(broken, "target_x500 "))
		remove_x500(t);
	if (strstr(broken, "source_redirection "))
		lead_elsewhere(s);
	if (strstr(broken, "target_redirection "))
		lead_elsewhere(t);
	if (strstr(broken, "finished ")) {
		p->record->state = RECORD_WAITING;
		entry_remove(t, "showInAddressBook");
	}
}

static void
all_preconditions(void **state)
{
	/* What is named alone, and what several are said of at once. */
	static const char *const broken[] = {"", "map ", "settled ", "stamp ", "source_object ",
	    "source_mailbox ", "source_unique ", "target_mailbox ", "target_unique ",
	    "target_x500 ", "source_redirection ", "target_redirection ", "finished ",
	    "settled stamp source_mailbox target_unique target_x500 target_redirection ",
	    "source_unique target_mailbox source_redirection finished "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct asked a = {.n = 0};
		struct turn_facts f;
		char why[TURN_WHY_SIZE] = "";
		bool done, done_each;
		struct pair *p;
		void *fresh;

		assert_int_equal(set_up(&fresh), 0);
		p = fresh;
		f = facts(p);
		break_need(broken[i], p, &f);
		turn_check_each(&conf, TURN_SWITCH, &f, &done_each, take_need, &a);
		if (strcmp(a.broken.len ? (char *)a.broken.data : "", broken[i]) != 0)
			fail_msg("'%s' says '%s'", broken[i], (char *)a.broken.data);
		/* The turn stops at the first of them. */
		assert_int_equal(
		    turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why), !*broken[i]);
		assert_int_equal(done, done_each);
		if (*broken[i])
			assert_string_equal(why, a.why);
		if (!*broken[i])
			assert_int_equal(a.n, TURN_NEEDS);
		buf_done(&a.broken);
		(void)tear_down(&fresh);
	}
}

static void
preconditions(void **state)
{
	struct pair *p = *state;
	struct turn_facts f = facts(p);
	struct guid counterpart;
	bool done;
	char why[400];

	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_false(done);
	p->record->state = RECORD_PENDING;
	assert_refused(p, &f, "not finished");
	p->record->state = RECORD_ERROR;
	assert_int_equal(record_set_str(&p->record->last_error, "title: too long"), 0);
	assert_refused(p, &f, "its last change failed: title: too long");
	f.begun = true;
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	f.begun = false;
	assert_true(turn_check(&conf, TURN_UNDO, &f, &done, why, sizeof why));
	p->record->state = RECORD_SYNCED;
	f.holders[TARGET] = 2;
	assert_refused(p, &f, "2 target objects hold the redirect address");
	f = facts(p);
	f.side[TARGET] = NULL;
	assert_refused(p, &f, "the target object is gone");
	f = facts(p);
	p->record->kind = KIND_CONTACT;
	assert_refused(p, &f, "it is a contact, not a mailbox");
	p->record->kind = KIND_USER;
	p->record->state = RECORD_LEFT;
	assert_refused(p, &f, "has left the synchronization");
	p->record->state = RECORD_SYNCED;
	counterpart = p->record->side[TARGET].guid;
	p->record->side[TARGET].guid = (struct guid){0};
	assert_refused(p, &f, "no counterpart yet");
	p->record->side[TARGET].guid = counterpart;
	f.record = NULL;
	assert_refused(p, &f, "not in the map");
	f = facts(p);
	assert_int_equal(entry_set_str(p->side[SOURCE], "targetAddress", "SMTP:x@example.org"), 0);
	assert_refused(p, &f, "redirects to SMTP:x@example.org");
	entry_remove(p->side[SOURCE], "targetAddress");
	entry_remove(p->side[TARGET], "homeMDB");
	assert_refused(p, &f, "the target object has no mailbox");
	assert_int_equal(entry_add_str(p->side[TARGET], "homeMDB", "CN=DB1"), 0);
	entry_remove(p->side[SOURCE], "proxyAddresses");
	assert_refused(p, &f, "the source object has no address in redirect.acme.example");
	assert_int_equal(
	    entry_add_str(p->side[SOURCE], "proxyAddresses", "smtp:jo@redirect.acme.example"), 0);
	assert_refused(p, &f, "lacks the X500 address");
}

static void
exchange_has_not_finished(void **state)
{
	struct pair *p = *state;
	struct turn_facts f = facts(p);
	bool done;
	char why[400];

	p->record->state = RECORD_WAITING;
	assert_refused(p, &f, "Exchange has not finished the mailbox in the target yet");
	assert_true(turn_check(&conf, TURN_UNDO, &f, &done, why, sizeof why));
	f.force = true;
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	f = facts(p);
	f.begun = true;
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	f.begun = false;
	/* What the target object says counts more than what the map remembers. */
	assert_int_equal(entry_add_str(p->side[TARGET], "showInAddressBook", "CN=GAL"), 0);
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_non_null(turn_unfinished(p->record, NULL));
	p->record->state = RECORD_SYNCED;
	assert_null(turn_unfinished(p->record, NULL));
	f.force = true; /* overrides nothing else */
	p->record->state = RECORD_PENDING;
	assert_refused(p, &f, "not finished: wait for a cycle");
	p->record->state = RECORD_WAITING;
	entry_remove(p->side[TARGET], "homeMDB");
	assert_refused(p, &f, "the target object has no mailbox");
}

/* Nothing is changed towards an address that is not there. */
static void
no_redirect_address(void **state)
{
	struct pair *p = *state;
	struct turn_conf lacks = conf;
	struct turn_facts f = facts(p);
	struct change *changes[TURN_CHANGES] = {NULL, NULL};
	struct err err;

	lacks.redirect_domain[TARGET] = NULL;
	assert_int_equal(turn_changes(&lacks, TURN_SWITCH, &f, 0, changes, &err), -1);
	assert_int_equal(err.src, ERR_DATA);
	assert_string_equal(err.text, "the target forest has no redirect_domain");
	assert_true(!changes[0] && !changes[1]);
	entry_remove(p->side[SOURCE], "proxyAddresses");
	assert_int_equal(turn_changes(&conf, TURN_UNDO, &f, 0, changes, &err), -1);
	assert_int_equal(err.src, ERR_DATA);
	assert_string_equal(err.text, "the source object has no address in redirect.acme.example");
	assert_true(!changes[0] && !changes[1]);
}

static void
already_switched(void **state)
{
	struct pair *p = *state;
	struct turn_facts f;
	bool done;
	char why[400];

	turn_some(p, TURN_SWITCH, 2);
	p->record->active = TARGET;
	f = facts(p);
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_true(done);
	assert_true(turn_check(&conf, TURN_UNDO, &f, &done, why, sizeof why));
	assert_false(done);
	/* The map is not asked. */
	p->record->active = SOURCE;
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_true(done);
	/* A stamp without a side is of an older version: the switch is completed. */
	assert_int_equal(entry_set_str(p->side[TARGET], STAMP, OURS), 0);
	assert_true(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_false(done);
	turn_some(p, TURN_SWITCH, 1);
	assert_string_equal(entry_get_str(p->side[TARGET], STAMP), OURS ":target");
}

/* What is not this correspondence's stamp stays: a switch would not be seen without the map. */
static void
foreign_stamp(void **state)
{
	static const char *const foreign[] = {
	    "HR-4711", "galsync:created:00000006-0000-0000-0000-000000000000:source"};
	struct pair *p = *state;
	struct turn_facts f = facts(p);

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		assert_int_equal(entry_set_str(p->side[TARGET], STAMP, foreign[i]), 0);
		assert_refused(p, &f, "which is not its stamp");
	}
	turn_some(p, TURN_SWITCH, 2);
	turn_some(p, TURN_UNDO, 2);
	assert_string_equal(entry_get_str(p->side[TARGET], STAMP), foreign[1]);
}

/* Another alias leaves the old redirect address behind: mail may be led to either, but is led to
 * the alias's where nothing leads there yet. */
static void
several_redirect_addresses(void **state)
{
	struct pair *p = *state;
	struct turn_facts f = {
	    .record = p->record, .side = {p->side[SOURCE], p->side[TARGET]}, .holders = {1, 1}};
	char why[200];
	bool done;
	static const char *const aliases[] = {"jo", "joe", "JOE", "other", NULL};
	static const char *const expected[] = {"jo", "joe", "joe", "aaron", "aaron"};
	static const char *const in_use[] = {RS, "SMTP:joe@redirect.acme.example",
	    "smtp:Aaron@redirect.acme.example", "SMTP:jo@elsewhere.example"};
	static const char *const led_to[] = {"jo", "joe", "aaron", "jo"};

	entry_remove(p->side[TARGET], "targetAddress");
	assert_int_equal(
	    entry_add_str(p->side[SOURCE], "proxyAddresses", "smtp:joe@redirect.acme.example"), 0);
	assert_int_equal(
	    entry_add_str(p->side[SOURCE], "proxyAddresses", "smtp:aaron@redirect.acme.example"),
	    0);
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
		const char *found;

		entry_remove(p->side[SOURCE], "mailNickname");
		if (aliases[i])
			assert_int_equal(
			    entry_add_str(p->side[SOURCE], "mailNickname", aliases[i]), 0);
		found = turn_redirect_address(
		    p->side[SOURCE], p->side[TARGET], SOURCE, conf.redirect_domain[SOURCE]);
		assert_non_null(found);
		assert_int_equal(strncmp(found, expected[i], strlen(expected[i])), 0);
		assert_int_equal(found[strlen(expected[i])], '@');
	}
	assert_int_equal(entry_add_str(p->side[SOURCE], "mailNickname", "jo"), 0);
	for (size_t i = 0; i < sizeof in_use / sizeof *in_use; i++) {
		const char *found;

		assert_int_equal(entry_set_str(p->side[TARGET], "targetAddress", in_use[i]), 0);
		found = turn_redirect_address(
		    p->side[SOURCE], p->side[TARGET], SOURCE, conf.redirect_domain[SOURCE]);
		assert_int_equal(strncmp(found, led_to[i], strlen(led_to[i])), 0);
		/* Whichever of its own it is led to, the mailbox can be switched. */
		assert_int_equal(turn_check(&conf, TURN_SWITCH, &f, &done, why, sizeof why), i < 3);
	}
}

/* ---- a mailbox in the target's tenant ---- */

#define IN_TENANT "SMTP:jo@tenant"

static const struct turn_conf hybrid = {
    .redirect_domain = {"redirect.acme.example", "redirect.globex.example"},
    .routing_domain = "tenant",
    .stamp_attribute = STAMP,
    .marker_attribute = MARKER,
};

static void
move_to_tenant(struct pair *p, const char *to)
{
	struct entry *t = p->side[TARGET];

	entry_remove(t, "homeMDB");
	entry_remove(t, GUARD);
	assert_int_equal(record_set_written(p->record, TARGET, NULL, 0), 0);
	assert_int_equal(entry_set_str(t, "targetAddress", to), 0);
	assert_int_equal(entry_set_str(t, "msExchRecipientTypeDetails", "2147483648"), 0);
	assert_int_equal(entry_add_str(t, "proxyAddresses", "smtp:jo@tenant"), 0);
}

/* Makes the first N changes of TURN, with a look at both sides after each. */
static void
turn_hybrid(struct pair *p, enum turn turn, size_t n)
{
	struct turn_facts f = facts(p);
	struct change *changes[TURN_CHANGES];
	struct err err;

	assert_int_equal(turn_changes(&hybrid, turn, &f, 0, changes, &err), 0);
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		const char *to;

		if (i < n)
			apply(p->side[turn_side(turn, i)], changes[i]);
		to = entry_get_str(p->side[TARGET], "targetAddress");
		assert_false(
		    strcmp(to, RS) == 0 && entry_get_str(p->side[SOURCE], "targetAddress"));
		change_free(changes[i]);
	}
}

static void
there_and_back(void **state)
{
	struct pair *p = *state;
	char why[400];
	bool done;

	move_to_tenant(p, RS);
	for (size_t first = 0; first <= TURN_CHANGES; first++) {
		struct turn_facts f = facts(p);

		assert_true(turn_check(&hybrid, TURN_SWITCH, &f, &done, why, sizeof why));
		assert_false(done);
		turn_hybrid(p, TURN_SWITCH, first); /* interrupted there */
		turn_hybrid(p, TURN_SWITCH, TURN_CHANGES);
		assert_string_equal(entry_get_str(p->side[TARGET], "targetAddress"), IN_TENANT);
		assert_string_equal(entry_get_str(p->side[SOURCE], "targetAddress"), RT);
		assert_true(turn_verify(&hybrid, TURN_SWITCH, &f, why, sizeof why));
		assert_false(turn_verify(&hybrid, TURN_UNDO, &f, why, sizeof why));
		assert_true(turn_check(&hybrid, TURN_SWITCH, &f, &done, why, sizeof why));
		assert_true(done);
		turn_hybrid(p, TURN_UNDO, first);
		turn_hybrid(p, TURN_UNDO, TURN_CHANGES);
		assert_string_equal(entry_get_str(p->side[TARGET], "targetAddress"), RS);
		assert_null(entry_get_str(p->side[SOURCE], "targetAddress"));
		/* The guard would not get to the tenant. */
		assert_null(entry_get_str(p->side[TARGET], GUARD));
		assert_true(turn_verify(&hybrid, TURN_UNDO, &f, why, sizeof why));
	}
	/* It had no redirection yet: by whichever address it led to the tenant, it does again. */
	assert_int_equal(entry_set_str(p->side[TARGET], "targetAddress", "SMTP:JO@tenant"), 0);
	turn_hybrid(p, TURN_SWITCH, TURN_CHANGES);
	assert_string_equal(entry_get_str(p->side[TARGET], "targetAddress"), "SMTP:JO@tenant");
}

static void
hybrid_refused(const struct pair *p, const struct turn_conf *c, const char *want)
{
	struct turn_facts f = facts(p);
	char why[400];
	bool done;

	assert_false(turn_check(c, TURN_SWITCH, &f, &done, why, sizeof why));
	assert_non_null(strstr(why, want));
}

/* What would lose the way to the tenant is not begun. */
static void
no_way_to_the_tenant(void **state)
{
	struct pair *p = *state;

	move_to_tenant(p, IN_TENANT);
	hybrid_refused(p, &conf, "in a tenant, and its forest has no routing_domain");
	entry_remove(p->side[TARGET], "proxyAddresses");
	assert_int_equal(
	    entry_add_str(p->side[TARGET], "proxyAddresses", "smtp:jo@redirect.globex.example"), 0);
	hybrid_refused(p, &hybrid, "no address in tenant, which leads to its mailbox");
	assert_int_equal(
	    entry_set_str(p->side[TARGET], "targetAddress", "SMTP:jo@else.example"), 0);
	assert_int_equal(entry_add_str(p->side[TARGET], "proxyAddresses", "smtp:jo@tenant"), 0);
	assert_int_equal(entry_add_str(p->side[TARGET], "proxyAddresses", "X500:/o=Acme/cn=jo"), 0);
	hybrid_refused(p, &hybrid, "redirects to SMTP:jo@else.example, which galsync did not set");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(switch_and_undo, set_up, tear_down),
	    cmocka_unit_test(interrupted),
	    cmocka_unit_test_setup_teardown(foreign_values, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(guard_without_marker, set_up, tear_down),
	    cmocka_unit_test(all_preconditions),
	    cmocka_unit_test_setup_teardown(preconditions, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(exchange_has_not_finished, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_redirect_address, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(already_switched, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(foreign_stamp, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(several_redirect_addresses, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_way_to_the_tenant, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
