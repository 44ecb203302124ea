/* SPDX-License-Identifier: MIT */

/*
 * Outages of the servers: gone, answering busy, refusing binds, losing answers. Each begins at
 * every request of a cycle, full or delta, or between two cycles; on one side or on both; for one
 * request, after which the same cycle goes on, or for long, so that the cycle ends.
 *
 * When it is over, the next cycle must bring both forests and the map to what they are without an
 * outage. Nothing is written twice: the USNs are the same too. And no outage is ever the fault of
 * an object: none is counted or put down as failed.
 *
 * Some of the requests are tried; with GALSYNC_CRASH_ALL=1 all of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"

static void
much_changes(struct lab *l)
{
	lab_add(l, SOURCE, MAILBOX("Dan", "dan", MANAGER("Ann")) MAILBOX("Eve", "eve", ""));
	lab_set(l, SOURCE, "CN=Ann", "displayName", "Ann Oak");
	lab_set(l, SOURCE, "CN=Ann", "mailNickname", "oak");
	lab_set(l, SOURCE, "CN=Ann", "manager", "CN=Dan" ACME);
	lab_rename(l, SOURCE, "CN=Bea", "CN=Bea Birch");
	lab_delete(l, SOURCE, "CN=Cid");
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Dan" ACME);
}

static void
units_and_changes(struct lab *l)
{
	much_changes(l);
	lab_add(l, SOURCE,
	    "dn: OU=A" ACME "\nobjectClass: organizationalUnit\n\n"
	    "dn: OU=B,OU=A" ACME "\nobjectClass: organizationalUnit\n\n" CONTACT(
		"Zoe,OU=B,OU=A", "zoe", MANAGER("Ann")));
}

/* The cycle that is disturbed is the first one; one after changes; or a delta after them. */
static const struct scenario full = {.name = "full",
    .source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", MANAGER("Ann")),
	CONTACT("Carl", "carl", ""), GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))},
    .target = {"dn: CN=Andy,CN=Users,DC=globex,DC=example\nobjectClass: user\n"
	       "mail: bea@acme.example\n\n"}};
static const struct scenario again = {.name = "full again",
    .scope = "create = \"mailbox\"; on_leave = \"disable\"; layout = \"mirror\";",
    .source = {MAILBOX("Ann", "ann", "displayName: Ann Ash\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cid", "cid", ""), GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
    .between = units_and_changes};
static const struct scenario delta = {.name = "delta",
    .delta = true,
    .scope = "create = \"mailbox\"; on_leave = \"delete\";",
    .source = {MAILBOX("Ann", "ann", "displayName: Ann Ash\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cid", "cid", ""), GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
    .between = much_changes};

static const struct fault {
	const char *name;
	enum fakedir_fault fault;
	int rc;
	bool long_only; /* it makes no sense for one request, or a pause would be waited for */
} faults[] = {
    {"down", FAKEDIR_DOWN, 0, false},
    {"cut", FAKEDIR_CUT, 0, false},
    {"busy", FAKEDIR_BUSY, LDAP_BUSY, false},
    {"unavailable", FAKEDIR_BUSY, LDAP_UNAVAILABLE, false},
    {"busy for changes", FAKEDIR_BUSY_FOR_CHANGES, LDAP_BUSY, true},
    {"unavailable for changes", FAKEDIR_BUSY_FOR_CHANGES, LDAP_UNAVAILABLE, true},
    {"invalid credentials", FAKEDIR_NO_BIND, LDAP_INVALID_CREDENTIALS, true},
    {"unwilling to bind", FAKEDIR_NO_BIND, LDAP_UNWILLING_TO_PERFORM, true},
    {"busy for binds", FAKEDIR_NO_BIND, LDAP_BUSY, true},
};

enum where { AT_SOURCE, AT_TARGET, AT_BOTH, WHERES };
static const char *const where_names[] = {"source", "target", "both"};

/* What an undisturbed run comes to. */
struct end {
	struct buf dump;
	unsigned requests[SIDES]; /* of its last cycle */
	uint64_t usn[SIDES];	  /* after it */
};

static void
well(struct lab *l)
{
	static const struct fakedir_outage none = {.fault = FAKEDIR_WELL};

	for (int side = SOURCE; side < SIDES; side++)
		fakedir_set_outage(l->fd[side], &none);
}

/* Right before the cycle that is to be disturbed. */
static void
prepare(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	if (sc->between) {
		assert_int_equal(lab_cycle(l, NULL), 0);
		sc->between(l);
	}
	l->delta = sc->delta;
	well(l);
}

static void
settle(struct lab *l, struct buf *ret)
{
	if (l->delta)
		lab_run_idle(l);
	l->delta = false;
	lab_run_idle(l);
	lab_dump(l, ret, LAB_DUMP_ALL);
}

static void
undisturbed(const struct scenario *sc, struct end *ret)
{
	struct lab l;

	prepare(&l, sc);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 0);
	for (int side = SOURCE; side < SIDES; side++) {
		ret->requests[side] = fakedir_requests(l.fd[side]);
		ret->usn[side] = fakedir_usn(l.fd[side]);
	}
	settle(&l, &ret->dump);
	lab_close(&l);
}

/* ---- who was put down to be tried again ---- */

struct waiter {
	size_t n;
	unsigned attempts;
	int64_t since;
	char why[256];
};

static int
take_retry(const struct store_retry *r, void *arg, struct err *err)
{
	struct waiter *w = arg;

	(void)err;
	w->n++;
	w->attempts = r->attempts;
	w->since = r->since;
	(void)snprintf(w->why, sizeof w->why, "%s", r->why);
	return 0;
}

static struct waiter
retries(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct waiter w = {0};
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, take_retry, &w, &err), 0);
	return w;
}

/* ---- in the middle of a cycle ---- */

struct disturbance {
	const struct fault *fault;
	enum where where;
	unsigned after[SIDES]; /* requests */
	bool is_long;
	char text[128];
};

static void
strike(struct lab *l, const struct disturbance *d)
{
	for (int side = SOURCE; side < SIDES; side++) {
		struct fakedir_outage o = {.fault = d->fault->fault,
		    .rc = d->fault->rc,
		    .after = d->after[side],
		    .lasts = !d->is_long};

		if (d->where == AT_BOTH || (int)d->where == side)
			fakedir_set_outage(l->fd[side], &o);
	}
	l->gives_up = d->is_long;
}

/* Whatever the cycle made of it. */
static void
check_blameless(struct lab *l, const struct disturbance *d)
{
	if (*l->why)
		fail_msg("%s: %s: %s", l->sc->name, d->text, l->why);
	if (l->res.failed || retries(l).n)
		fail_msg("%s: %s: an object is blamed:\n%.*s", l->sc->name, d->text,
		    (int)l->notes.len, l->notes.len ? (const char *)l->notes.data : "");
	assert_false(l->needs_full);
}

static void
recover(struct lab *l, const struct disturbance *d, const struct end *end)
{
	_cleanup_(buf_done) struct buf now = {0};

	well(l);
	l->gives_up = false;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s: %s: afterwards: %s", l->sc->name, d->text, l->err.text);
	check_blameless(l, d);
	for (int side = SOURCE; side < SIDES; side++)
		if (fakedir_usn(l->fd[side]) > end->usn[side])
			fail_msg("%s: %s: %s: USN %llu, above %llu", l->sc->name, d->text,
			    where_names[side], (unsigned long long)fakedir_usn(l->fd[side]),
			    (unsigned long long)end->usn[side]);
	settle(l, &now);
	lab_same_dumps(l, d->text, &end->dump, &now);
}

/* True if the cycle ended by it. */
static bool
disturb(const struct scenario *sc, struct disturbance *d, const struct end *end)
{
	struct lab l;
	bool ended;

	(void)snprintf(d->text, sizeof d->text, "%s at the %s after %u and %u requests%s",
	    d->fault->name, where_names[d->where], d->after[SOURCE], d->after[TARGET],
	    d->is_long ? ", for long" : "");
	prepare(&l, sc);
	strike(&l, d);
	ended = lab_cycle(&l, NULL) < 0;
	check_blameless(&l, d);
	recover(&l, d, end);
	lab_close(&l);
	return ended;
}

static void
in_a_cycle(void **state)
{
	const struct scenario *sc = *state;
	struct end end = {.dump = {0}};
	unsigned turn = 0, ended = 0, went_on = 0;

	undisturbed(sc, &end);
	for (size_t i = 0; i < ARRAY_SIZE(faults) * WHERES * 2; i++) {
		struct disturbance d = {.fault = &faults[i / 2 / WHERES],
		    .where = (enum where)(i / 2 % WHERES),
		    .is_long = i % 2};
		enum side main = d.where == AT_TARGET ? TARGET : SOURCE;

		if (d.fault->long_only && !d.is_long)
			continue;
		for (unsigned n = 0; n < end.requests[main]; n++) {
			d.after[main] = n;
			d.after[!main] = n * end.requests[!main] / end.requests[main];
			if (!lab_try_all() && turn++ % 17)
				continue;
			if (disturb(sc, &d, &end))
				ended++;
			else
				went_on++;
		}
	}
	assert_true(ended > 0 && went_on > 0);
	buf_done(&end.dump);
}

/* ---- between two cycles ---- */

static void
while_idle(void **state)
{
	const struct scenario *sc = *state;
	struct end end = {.dump = {0}};

	undisturbed(sc, &end);
	for (size_t i = 0; i < ARRAY_SIZE(faults) * WHERES; i++) {
		struct disturbance d = {.fault = &faults[i / WHERES],
		    .where = (enum where)(i % WHERES),
		    .is_long = true};
		struct lab l;

		(void)snprintf(d.text, sizeof d.text, "%s at the %s, idle", d.fault->name,
		    where_names[d.where]);
		lab_open(&l, sc);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		l.delta = true;
		strike(&l, &d);
		/* There is nothing to be changed yet, but it hears of its own writes. */
		if (lab_cycle(&l, NULL) == 0)
			assert_int_equal(d.fault->fault, FAKEDIR_BUSY_FOR_CHANGES);
		check_blameless(&l, &d);
		sc->between(&l);
		for (int n = 0; n < 2; n++) {
			assert_int_equal(lab_cycle(&l, NULL), -1);
			check_blameless(&l, &d);
		}
		recover(&l, &d, &end);
		lab_close(&l);
	}
	buf_done(&end.dump);
}

/* ---- an object that is refused, and an outage ---- */

/* As if the last attempt was two hours ago: the reason of it is kept. */
static void
time_passes(struct lab *l)
{
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"));
	struct waiter w = retries(l);
	struct store_txn *t = NULL;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(
	    store_put_retry(t, 1, &e->guid, e->dn, w.why, clock_realtime_s() - 7200, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

/* Also while another attempt is under way, be it for long. */
static void
check_reason(struct lab *l, const char *words)
{
	_cleanup_(record_free) struct record *r = lab_record(l, "CN=Ann");
	struct waiter w = retries(l);

	assert_int_equal(w.n, 1);
	if (!strstr(w.why, words) || !strstr(r->last_error, words))
		fail_msg("'%s', '%s': not '%s'", w.why, r->last_error, words);
	assert_true(r->state == RECORD_ERROR || r->state == RECORD_PENDING);
}

/* Each result that is the object's, with the server's words; and no outage replaces them. */
static void
reason_is_kept(void **state)
{
	static const int codes[] = {LDAP_OBJECT_CLASS_VIOLATION, LDAP_CONSTRAINT_VIOLATION,
	    LDAP_UNWILLING_TO_PERFORM, LDAP_INSUFFICIENT_ACCESS, LDAP_OTHER};
	static const char words[] = "refused as the test wants it";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes) * ARRAY_SIZE(faults); i++) {
		struct disturbance d = {
		    .fault = &faults[i % ARRAY_SIZE(faults)], .where = AT_TARGET, .is_long = true};
		unsigned attempts;
		struct lab l;

		prepare(&l, &delta);
		assert_int_equal(fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"),
				     codes[i / ARRAY_SIZE(faults)]),
		    0);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.failed, 1);
		check_reason(&l, words);
		time_passes(&l);
		attempts = retries(&l).attempts;
		strike(&l, &d);
		assert_int_equal(lab_cycle(&l, NULL), -1);
		assert_int_equal(l.res.failed, 0);
		check_reason(&l, words);
		assert_int_equal(retries(&l).attempts, attempts);
		well(&l);
		l.gives_up = false;
		/* It is still refused, then no more. */
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.failed, 1);
		check_reason(&l, words);
		assert_int_equal(retries(&l).attempts, attempts + 1);
		time_passes(&l);
		assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
		lab_run(&l);
		assert_int_equal(l.told[RUN_ACCEPTED], 1);
		assert_int_equal(retries(&l).n, 0);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "displayName", "Ann Oak"));
		lab_run_idle(&l);
		lab_close(&l);
	}
}

int
main(void)
{
	static struct scenario all[3];
	struct CMUnitTest tests[5] = {{0}};
	size_t n = 0;

	all[0] = full;
	all[1] = again;
	all[2] = delta;
	for (; n < ARRAY_SIZE(all); n++)
		tests[n] = (struct CMUnitTest){
		    .name = all[n].name, .test_func = in_a_cycle, .initial_state = &all[n]};
	tests[n++] =
	    (struct CMUnitTest){.name = "idle", .test_func = while_idle, .initial_state = &all[2]};
	tests[n] = (struct CMUnitTest)cmocka_unit_test(reason_is_kept);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
