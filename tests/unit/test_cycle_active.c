/* SPDX-License-Identifier: MIT */

/*
 * Which mailbox is in use is read from both objects. What happens without galsync (a map is lost,
 * Exchange moves a mailbox, the source is taken down, an administrator changes the active object)
 * makes no loop, undoes nothing, and touches no active mailbox.
 */

#include "tests/support/limits_fixture.h"

#include "mapping/event.h"

#define STAMP "extensionAttribute15"
#define MARKER "extensionAttribute14"
#define GUARD "msExchCalendarRepairDisabled"
#define HIDES "msExchHideFromAddressLists"

static const char *const ann[] = {"CN=Ann", NULL};
static const char *const all_three[] = {"CN=Ann", "CN=Bea", "CN=Cleo", NULL};

static const struct scenario people = {.name = "people",
    .scope = KEPT,
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cleo", "cleo", "")}};

/* A cycle without a failure. A marker has the time: so a plan of a moment before may differ. */
static void
cycle(struct lab *l)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(l->res.failed, 0);
}

static bool
ends_with(struct lab *l, enum side side, const char *attr, const char *end)
{
	const struct entry *e = fakedir_find(l->fd[side], lab_dn(side, "CN=Ann"));
	const char *v = e ? entry_get_str(e, attr) : NULL;

	return v && strlen(v) >= strlen(end) && strcmp(v + strlen(v) - strlen(end), end) == 0;
}

/* The counterpart of Ann is in use, and nothing leads away from it. */
static void
check_switched(struct lab *l)
{
	struct record *r = lab_record(l, "CN=Ann");

	assert_true(is(l, SOURCE, "CN=Ann", RT("ann")));
	assert_true(is(l, TARGET, "CN=Ann", NULL));
	assert_true(
	    lab_has(l, TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.globex.example"));
	assert_true(ends_with(l, TARGET, STAMP, ":target"));
	assert_int_equal(lab_count(l, SOURCE, "CN=Ann", MARKER), 1);
	assert_non_null(r);
	assert_int_equal(r->active, TARGET);
	assert_true(r->switched_at > 0);
	record_free(r);
}

/* ---- the map ---- */

static void
map_is_lost(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &people, false);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	lab_run_silent(&l);
	lab_lose_map(&l);
	lab_run_silent(&l);
	check_switched(&l);
	assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
	lab_run_idle(&l);
	check_switched(&l);
	end(&l);
}

/* Whatever half of a turn is there, and the map is lost: the stamp says how it goes on. */
static void
half_turns(void **state)
{
	static const struct {
		const char *stamp; /* its end */
		bool marker, switched;
	} rows[] = {{":target", false, true}, {":target", true, true}, {":source", true, false},
	    {"", true, true}, {"", false, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char stamp[128];
		struct lab l;

		start(&l, &people, false);
		(void)snprintf(stamp, sizeof stamp, "galsync:created:%s%s",
		    lab_source_guid(&l, "CN=Ann"), rows[i].stamp);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_set(&l, TARGET, "CN=Ann", STAMP, stamp);
		if (rows[i].marker)
			lab_set(&l, SOURCE, "CN=Ann", MARKER, "galsync:switched:x");
		lab_lose_map(&l);
		cycle(&l);
		assert_true(is(&l, SOURCE, "CN=Ann", rows[i].switched ? RT("ann") : NULL));
		assert_true(is(&l, TARGET, "CN=Ann", rows[i].switched ? NULL : RS("ann")));
		lab_run_silent(&l);
		lab_run_idle(&l);
		end(&l);
	}
}

/* The map believes that the source is active: of an older time, or of another machine. */
static void
map_is_old(void **state)
{
	struct lab l;
	struct record *r;
	struct store_txn *t;
	struct err err;

	(void)state;
	start(&l, &people, false);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	lab_run_silent(&l);
	r = lab_record(&l, "CN=Ann");
	r->active = SOURCE;
	r->switched_at = 0;
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	record_free(r);
	/* The stamp vouches for it: nothing was turned elsewhere. */
	lab_run_silent(&l);
	assert_int_equal(l.told[RUN_MOVED], 0);
	check_switched(&l);
	end(&l);
}

/* ---- turned, but not by galsync ---- */

/* What New-MoveRequest leaves. */
static void
move_natively(struct lab *l, const char *cn, const char *to)
{
	lab_set(l, SOURCE, cn, "homeMDB", NULL);
	lab_set(l, SOURCE, cn, "msExchHomeServerName", NULL);
	lab_set(l, SOURCE, cn, "msExchRecipientTypeDetails", "128");
	lab_set(l, SOURCE, cn, "targetAddress", to);
	lab_set(l, TARGET, cn, "homeMDB", "CN=DB1,CN=Configuration,DC=globex,DC=example");
	lab_set(l, TARGET, cn, "msExchHomeServerName", "/o=Globex/cn=EX9");
	lab_set(l, TARGET, cn, "msExchRecipientTypeDetails", "1");
	lab_set(l, TARGET, cn, "targetAddress", NULL);
}

static void
native_move(void **state)
{
	static const char *const creates[] = {"mailbox", "mail-user"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		char scope[64];
		struct scenario sc = people;
		struct lab l;

		(void)snprintf(scope, sizeof scope, "create = \"%s\";", creates[i / 2]);
		sc.scope = scope;
		start(&l, &sc, i % 2);
		move_natively(&l, "CN=Ann", RT("ann"));
		cycle(&l);
		assert_int_equal(l.told[RUN_MOVED], 1);
		check_switched(&l);
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", GUARD), 0);
		lab_run_silent(&l);
		assert_int_equal(l.told[RUN_MOVED], 0);
		end(&l);
	}
}

static void
switch_by_hand(struct lab *l, const char *cn, const char *to)
{
	lab_set(l, TARGET, cn, "targetAddress", NULL);
	lab_set(l, SOURCE, cn, "targetAddress", to);
}

static void
by_hand_and_back(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;
		struct record *r;

		start(&l, &people, delta);
		switch_by_hand(&l, "CN=Ann", RT("ann"));
		cycle(&l);
		assert_int_equal(l.told[RUN_MOVED], 1);
		assert_int_equal(l.told[RUN_BROKEN], 0);
		check_switched(&l);
		assert_true(lab_has(&l, SOURCE, "CN=Ann", GUARD, "TRUE"));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", GUARD), 0);
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", RS("ann"));
		cycle(&l);
		assert_int_equal(l.told[RUN_MOVED], 1);
		assert_true(is(&l, SOURCE, "CN=Ann", NULL) && is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 0);
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", GUARD), 0);
		assert_true(ends_with(&l, TARGET, STAMP, ":source"));
		r = lab_record(&l, "CN=Ann");
		assert_int_equal(r->active, SOURCE);
		assert_true(r->ready_used && r->switched_at == 0);
		record_free(r);
		end(&l);
	}
}

/* Many at once are held: recorded nowhere, written nowhere, until an operator approves. */
static void
many_are_held(void **state)
{
	static const char *const aliases[] = {RT("ann"), RT("bea"), RT("cleo")};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;
		struct record *r;

		start(&l, &three, delta);
		for (size_t i = 0; i < 3; i++)
			switch_by_hand(&l, all_three[i], aliases[i]);
		cycle(&l);
		assert_true(l.res.held);
		assert_int_equal(held(&l, HELD_WAITS), 3);
		r = lab_record(&l, "CN=Ann");
		assert_int_equal(r->active, SOURCE);
		record_free(r);
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 0);
		assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
		assert_int_equal(decide(&l, HELD_REDIRECTIONS, NULL, HELD_APPROVED), 3);
		run_on(&l);
		assert_false(l.res.held);
		check_switched(&l);
		end(&l);
	}
}

struct count_events {
	size_t n;
	enum event_kind last;
};

static int
count_event(struct store_event *e, void *arg, struct err *err)
{
	struct count_events *c = arg;

	(void)err;
	c->n++;
	c->last = e->kind;
	return 0;
}

static void
hook_is_told(void **state)
{
	struct scenario sc = people;
	struct count_events c = {0};
	struct store_txn *t;
	struct err err;
	struct lab l;

	(void)state;
	sc.link = "hook = \"/bin/true\";";
	start(&l, &sc, false);
	move_natively(&l, "CN=Ann", RT("ann"));
	cycle(&l);
	lab_run_silent(&l);
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_event(t, 0, count_event, &c, &err), 0);
	store_abort(t);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.last, EVENT_MOVED);
	end(&l);
}

static int
take_membership(const struct store_membership *m, void *arg, struct err *err)
{
	(void)err;
	*(struct store_membership *)arg = *m;
	return 0;
}

/* The marker group is put right by the next turn or cycle. */
static void
group_is_owed(void **state)
{
	struct scenario sc = people;
	struct store_membership m = {.attempts = 0};
	struct store_txn *t;
	struct err err;
	struct lab l;

	(void)state;
	sc.link = LAB_GROUP_CONF;
	sc.source[3] = LAB_GROUP_LDIF;
	start(&l, &sc, true);
	switch_by_hand(&l, "CN=Ann", RT("ann"));
	cycle(&l);
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_membership(t, 1, 0, take_membership, &m, &err), 0);
	store_abort(t);
	assert_true(m.wanted && m.attempts == 1);
	end(&l);
}

/* ---- the end of the source ---- */

static void
disable_mailbox(struct lab *l)
{
	static const char *const attrs[] = {"homeMDB", "msExchHomeServerName", "mailNickname",
	    "proxyAddresses", "mail", "targetAddress", "legacyExchangeDN"};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		lab_set(l, SOURCE, "CN=Ann", attrs[i], NULL);
}

static void
hide(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
}

static void
disable_account(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "userAccountControl", "514");
}

static void
move_away(struct lab *l)
{
	if (fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), "CN=Ann",
		"CN=Users,DC=acme,DC=example") < 0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
}

static void
delete_it(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
}

/* The active mailbox stays as it is, however many leave and whatever on_leave says. */
static void
source_ends(void **state)
{
	static void (*const ends[])(struct lab *) = {
	    disable_mailbox, hide, disable_account, move_away, delete_it};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends) * 2; i++) {
		struct scenario sc = people;
		_cleanup_(buf_done) struct buf before = {0}, after = {0};
		struct store_counts n;
		struct store_txn *t;
		struct err err;
		struct lab l;

		sc.scope = "create = \"mailbox\"; on_leave = \"delete\"; hidden = \"leave\"; "
			   "disabled = \"leave\";";
		sc.link = "limits = { deletes = 0; };";
		start(&l, &sc, i % 2);
		lab_set(&l, TARGET, "CN=Ann", "userAccountControl", "512");
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
		lab_run_silent(&l);
		entry_encode(fakedir_find(l.fd[TARGET], lab_dn(TARGET, "CN=Ann")), &before);
		ends[i / 2](&l);
		cycle(&l);
		assert_false(l.res.held);
		entry_encode(fakedir_find(l.fd[TARGET], lab_dn(TARGET, "CN=Ann")), &after);
		assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
		assert_int_equal(store_begin(l.store, STORE_READ, &t, &err), 0);
		assert_int_equal(store_count(t, 1, &n, &err), 0);
		store_abort(t);
		assert_int_equal(n.by_state[RECORD_FINISHED], 1);
		end(&l);
	}
}

/* One that comes back is synchronized again, and stays switched. */
static void
source_comes_back(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &people, true);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	move_away(&l);
	cycle(&l);
	if (fakedir_rename(l.fd[SOURCE], "CN=Ann,CN=Users,DC=acme,DC=example", "CN=Ann",
		"OU=Staff,DC=acme,DC=example") < 0)
		fail_msg("%s", fakedir_error(l.fd[SOURCE]));
	cycle(&l);
	check_switched(&l);
	end(&l);
}

/* ---- the active target governs itself ---- */

static void
active_target_is_its_own(void **state)
{
	static const struct {
		const char *attr, *value;
	} edits[] = {{"mail", "ann@globex.example"}, {HIDES, "TRUE"},
	    {"msExchRecipientTypeDetails", "4"}, {"displayName", "Ann of Globex"},
	    {"msExchRecipientDisplayType", "0"}, {"delivContLength", "10"},
	    {"msExchRequireAuthToSendTo", "TRUE"}, {"title", NULL}, {"mailNickname", "anna"}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &people, delta);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
		lab_run_silent(&l);
		for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
			lab_set(&l, TARGET, "CN=Ann", edits[i].attr, edits[i].value);
		lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example");
		lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@globex.example");
		lab_set(&l, SOURCE, "CN=Ann", "department", "Old");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:late@acme.example");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "X500:/o=Late/cn=ann");
		l.delta = false;
		cycle(&l);
		for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
			assert_true(
			    edits[i].value
				? lab_has(&l, TARGET, "CN=Ann", edits[i].attr, edits[i].value)
				: !lab_count(&l, TARGET, "CN=Ann", edits[i].attr));
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@globex.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "X500:/o=Late/cn=ann"));
		assert_false(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:late@acme.example"));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "department"), 0);
		end(&l);
	}
}

/* ---- to itself, and to a third place ---- */

static void
circles_and_third_places(void **state)
{
	struct scenario sc = people;
	struct lab l;

	(void)state;
	sc.link = "limits = { redirections = 0; };";
	start(&l, &sc, false);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	lab_run_silent(&l);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", RT("ann"));
	lab_set(&l, TARGET, "CN=Bea", "targetAddress", RT("bea"));
	lab_set(&l, TARGET, "CN=Cleo", "targetAddress", "SMTP:cleo@third.example");
	cycle(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", NULL) && is(&l, SOURCE, "CN=Ann", RT("ann")));
	assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
	assert_true(is(&l, TARGET, "CN=Cleo", "SMTP:cleo@third.example"));
	assert_non_null(strstr(lab_notes(&l), "third place"));
	end(&l);
}

static void
never_both(struct lab *l)
{
	if (lab_exists(l, TARGET, "CN=Ann") && lab_count(l, TARGET, "CN=Ann", "targetAddress") &&
	    lab_count(l, SOURCE, "CN=Ann", "targetAddress"))
		fail_msg("both sides redirect");
}

/* The counterpart in use was deleted: before one is made anew that leads to the source, the source
 * does not lead to it. */
static void
deleted_counterpart(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &people);
		cycle(&l);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
		cycle(&l);
		lab_delete(&l, TARGET, "CN=Ann");
		l.on_written = never_both;
		l.delta = delta;
		cycle(&l);
		assert_true(is(&l, SOURCE, "CN=Ann", NULL));
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 0);
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", GUARD), 0);
		lab_run_silent(&l);
		l.delta = false;
		lab_run_silent(&l);
		lab_close(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deleted_counterpart),
	    cmocka_unit_test(map_is_lost),
	    cmocka_unit_test(half_turns),
	    cmocka_unit_test(map_is_old),
	    cmocka_unit_test(native_move),
	    cmocka_unit_test(by_hand_and_back),
	    cmocka_unit_test(many_are_held),
	    cmocka_unit_test(hook_is_told),
	    cmocka_unit_test(group_is_owed),
	    cmocka_unit_test(source_ends),
	    cmocka_unit_test(source_comes_back),
	    cmocka_unit_test(active_target_is_its_own),
	    cmocka_unit_test(circles_and_third_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
