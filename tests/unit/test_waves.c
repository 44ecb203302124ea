/* SPDX-License-Identifier: MIT */

/*
 * Waves on two fake forests, with a clock that is told: when they begin, what they say, and that a
 * stop at every step ends as if there had been none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/jobs/waves.h"
#include "mapping/wave.h"
#include "tests/support/scenario_priv.h"

#define DUE 1000

static const char *const names[] = {"CN=Ann", "CN=Bea", "CN=Cid"};
#define N ARRAY_SIZE(names)

static const struct scenario three = {.name = "three mailboxes",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cid", "cid", "")}};

struct wave_run {
	int64_t now;
	uint32_t current;
	struct buf notes;
	struct buf results;
	size_t changes;
	/* Called for each result. */
	void (*meanwhile)(struct lab *l);
	struct lab *l;
};

static void
take_event(const struct run_event *e, void *arg)
{
	struct wave_run *r = arg;

	if (e->kind == RUN_WAVE)
		buf_printf(&r->notes, "%s; ", e->text + strlen("wave "));
	if (e->kind != RUN_CHANGED)
		return;
	assert_true(e->cycle > 0);
	assert_int_equal(e->side, strstr(e->dn, "globex") ? TARGET : SOURCE);
	assert_true(strncmp(e->text, "switch", 6) == 0 ||
		    strncmp(e->text, "undo switch", 11) == 0 ||
		    strncmp(e->text, "made before an interruption", 27) == 0);
	r->changes++;
}

static void
take_result(const struct run_result *result, void *arg)
{
	struct wave_run *r = arg;

	buf_printf(
	    &r->results, "%.6s %s%s; ", result->dn, result->ok ? "ok" : "failed: ", result->text);
	if (r->meanwhile)
		r->meanwhile(r->l);
}

/* One slice. The error is in l->err. */
static int
slice(struct lab *l, struct run *run, void *arg)
{
	struct wave_run *r = arg;
	const struct run_observer o = {.event = take_event, .result = take_result, .arg = r};
	struct run own = *run;
	bool ran = true;
	int rc = 0;

	own.observer = &o;
	r->l = l;
	while (rc == 0 && ran)
		rc = waves_run(&own, &r->current, r->now, &ran, &l->err);
	return rc;
}

static int
go(struct lab *l, struct wave_run *r, struct tap *tap)
{
	struct tap own = {.stop_at = 0};
	int rc = lab_act(l, tap ? tap : &own, slice, r);

	tap_done(&own);
	return rc;
}

static const char *
said(struct wave_run *r)
{
	return r->notes.len ? (const char *)r->notes.data : "";
}

static const char *
ended(struct wave_run *r)
{
	return r->results.len ? (const char *)r->results.data : "";
}

static void
forget(struct wave_run *r)
{
	buf_done(&r->notes);
	buf_done(&r->results);
}

/* ---- the map ---- */

static uint32_t
plan(struct lab *l, int64_t at, bool undo)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	char empty[] = "", dn[] = "CN=X";
	struct wave w = {.at = at, .undo = undo, .name = empty, .why = empty};
	struct wave_member m[N] = {0};
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_link_id(t, "acme-globex", &w.link, &err), 0);
	for (size_t i = 0; i < N; i++) {
		const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, names[i]));

		assert_non_null(e);
		m[i] = (struct wave_member){
		    .source = e->guid, .line = 9 - (uint32_t)i, .dn = dn, .text = empty};
	}
	assert_int_equal(wave_add(t, &w, m, N, &err), 0);
	assert_int_equal(store_commit(TAKE(t), &err), 0);
	return w.id;
}

static struct wave
get(struct lab *l, uint32_t id)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct wave w = {0};
	struct err err;
	bool found;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(wave_get(t, id, &w, &found, &err), 0);
	assert_true(found);
	return w;
}

/* "done 2 1": state, and how many ended how. */
static void
assert_wave(struct lab *l, uint32_t id, const char *want)
{
	struct wave w = get(l, id);
	char text[64];

	(void)snprintf(text, sizeof text, "%s %u %u%s", wave_state_name(w.state), w.succeeded,
	    w.failed, *w.why ? " waits" : "");
	wave_done(&w);
	assert_string_equal(text, want);
}

static void
cancel(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(wave_done) struct wave w = get(l, 1);
	struct err err;

	w.state = WAVE_CANCELLED;
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(wave_put(t, &w, &err), 0);
	assert_int_equal(store_commit(TAKE(t), &err), 0);
}

static void
start(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	lab_run(l);
}

static size_t
switched(struct lab *l)
{
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		bool there = lab_count(l, SOURCE, names[i], "targetAddress") == 1;

		assert_true(there != (lab_count(l, TARGET, names[i], "targetAddress") == 1));
		n += there;
	}
	return n;
}

/* ---- time ---- */

static void
when_its_time_has_come(void **state)
{
	struct wave_run r = {.now = DUE - 1};
	struct lab l;

	(void)state;
	start(&l, &three);
	assert_true(waves_due(l.store, "acme-globex") == WAVES_NEVER);
	assert_true(waves_due(l.store, "nowhere") == WAVES_NEVER);
	assert_int_equal(plan(&l, DUE, false), 1);
	assert_int_equal(waves_due(l.store, "acme-globex"), DUE);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), 0);
	assert_wave(&l, 1, "planned 0 0");
	r.now = DUE;
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), N);
	assert_wave(&l, 1, "done 3 0");
	assert_true(waves_due(l.store, "acme-globex") == WAVES_NEVER);
	assert_string_equal(
	    said(&r), "1: begins: switch of 3 mailboxes; 1: done: 3 of 3 mailboxes, 0 failed; ");
	assert_string_equal(ended(&r), "CN=Cid ok; CN=Bea ok; CN=Ann ok; ");
	assert_int_equal(r.changes, 2 * N);
	forget(&r);
	/* And back, much too late. */
	r = (struct wave_run){.now = DUE + 3600};
	assert_int_equal(plan(&l, DUE, true), 2);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), 0);
	assert_string_equal(said(&r),
	    "2: begins, 3600 s late: undo of 3 mailboxes; 2: done: 3 of 3 mailboxes, 0 failed; ");
	forget(&r);
	lab_close(&l);
}

static void
in_turn(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, true);
	(void)plan(&l, DUE - 10, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 3 0");
	assert_wave(&l, 2, "done 3 0");
	assert_int_equal(strncmp(said(&r), "2: begins", 9), 0);
	assert_int_equal(switched(&l), 0);
	forget(&r);
	lab_close(&l);
}

/* ---- outages ---- */

static void
waits_for_a_server(void **state)
{
	struct wave_run r = {.now = DUE};
	struct wave w;
	struct lab l;

	(void)state;
	for (int side = SOURCE; side < SIDES; side++) {
		start(&l, &three);
		(void)plan(&l, DUE, false);
		fakedir_set_down(l.fd[side], true);
		for (int i = 0; i < 3; i++)
			assert_int_equal(go(&l, &r, NULL), -1);
		assert_int_equal(l.err.scope, ERR_PEER);
		w = get(&l, 1);
		assert_int_equal(w.state, WAVE_PLANNED);
		assert_string_equal(w.why, l.err.text);
		wave_done(&w);
		fakedir_set_down(l.fd[side], false);
		assert_int_equal(switched(&l), 0);
		r.now = DUE + 100;
		assert_int_equal(go(&l, &r, NULL), 0);
		assert_wave(&l, 1, "done 3 0");
		assert_int_equal(switched(&l), N);
		/* It said so once. */
		assert_int_equal(strncmp(said(&r), "1: waits: ", 10), 0);
		assert_null(strstr(said(&r) + 10, "waits"));
		assert_non_null(strstr(said(&r), "begins, 100 s late"));
		forget(&r);
		r = (struct wave_run){.now = DUE};
		lab_close(&l);
	}
}

static void
one_fails(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	lab_set(&l, TARGET, "CN=Bea", "targetAddress", "SMTP:elsewhere@example.org");
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 2 1");
	assert_non_null(strstr(ended(&r), "CN=Bea failed: "));
	assert_non_null(strstr(said(&r), "2 of 3 mailboxes, 1 failed"));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bea", "targetAddress"), 0);
	forget(&r);
	lab_close(&l);
}

static void
somebody_was_faster(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	forget(&r);
	r = (struct wave_run){.now = DUE};
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 2, "done 3 0");
	assert_non_null(strstr(ended(&r), "CN=Ann okswitched already"));
	assert_int_equal(r.changes, 0);
	forget(&r);
	lab_close(&l);
}

static void
cancelled_meanwhile(void **state)
{
	struct wave_run r = {.now = DUE, .meanwhile = cancel};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	/* This slice was under way; its results are kept, and it stays cancelled. */
	assert_wave(&l, 1, "cancelled 3 0");
	assert_int_equal(switched(&l), N);
	forget(&r);
	lab_close(&l);
}

/* ---- stops ---- */

/* After a cycle that settles the journal; without the time in the markers. */
static void
dump(struct lab *l, bool undo, struct buf *ret)
{
	lab_run_silent(l);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(
		    lab_count(l, SOURCE, names[i], "extensionAttribute14"), undo ? 0 : 1);
		lab_set(l, SOURCE, names[i], "extensionAttribute14", NULL);
	}
	lab_dump(l, ret, LAB_DUMP_ALL);
}

/* Before the stop; then, with a fresh process, to the end. */
static void
stop_at(unsigned at, enum tap_stop how, bool dies, bool undo, const struct buf *end)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = true};
	_cleanup_(buf_done) struct buf now = {0};
	struct wave_run r = {.now = DUE};
	char what[96];
	struct lab l;

	(void)snprintf(what, sizeof what, "%s stopped (%d) at step %u%s", undo ? "undo" : "switch",
	    (int)how, at, dies ? ", dead" : "");
	start(&l, &three);
	if (undo) {
		(void)plan(&l, DUE, false);
		assert_int_equal(go(&l, &r, NULL), 0);
		forget(&r);
		r = (struct wave_run){.now = DUE};
	}
	(void)plan(&l, DUE, undo);
	l.dies = dies;
	if (go(&l, &r, &tap) == 0)
		fail_msg("%s: nothing failed", what);
	assert_true(atomic_load(&tap.stopped));
	tap_done(&tap);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s", what, l.why);
	l.dies = false;
	forget(&r);
	r = (struct wave_run){.now = DUE + 5};
	if (go(&l, &r, NULL) < 0)
		fail_msg("%s: %s", what, l.err.text);
	assert_wave(&l, undo ? 2 : 1, "done 3 0");
	assert_int_equal(switched(&l), undo ? 0 : N);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s", what, l.why);
	dump(&l, undo, &now);
	lab_same_dumps(&l, what, end, &now);
	forget(&r);
	lab_close(&l);
}

static void
stopped_at_every_step(void **state)
{
	(void)state;
	for (int undo = 0; undo < 2; undo++) {
		struct tap tap = {.count_reads = true};
		_cleanup_(buf_done) struct buf end = {0};
		struct wave_run r = {.now = DUE};
		struct lab l;
		unsigned n;

		start(&l, &three);
		if (undo) {
			(void)plan(&l, DUE, false);
			assert_int_equal(go(&l, &r, NULL), 0);
		}
		(void)plan(&l, DUE, undo);
		assert_int_equal(go(&l, &r, &tap), 0);
		n = atomic_load(&tap.steps);
		tap_done(&tap);
		dump(&l, undo, &end);
		forget(&r);
		lab_close(&l);
		assert_true(n > 2 * N);
		/* Every step in some form, or in all. */
		for (unsigned i = (unsigned)undo; i < n * 6; i += lab_try_all() ? 1 : 5)
			stop_at(1 + i / 6, (enum tap_stop)(i % 3), i / 3 % 2, undo, &end);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(when_its_time_has_come),
	    cmocka_unit_test(in_turn),
	    cmocka_unit_test(waits_for_a_server),
	    cmocka_unit_test(one_fails),
	    cmocka_unit_test(somebody_was_faster),
	    cmocka_unit_test(cancelled_meanwhile),
	    cmocka_unit_test(stopped_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
