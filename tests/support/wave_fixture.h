/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_WAVE_FIXTURE_H
#define GALSYNC_TESTS_WAVE_FIXTURE_H

/* What the tests of waves have in common: three mailboxes, a clock that is told, what a wave said,
 * and what the map holds of it. */

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

static inline void
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

static inline void
take_result(const struct run_result *result, void *arg)
{
	struct wave_run *r = arg;

	buf_printf(
	    &r->results, "%.6s %s%s; ", result->dn, result->ok ? "ok" : "failed: ", result->text);
	if (r->meanwhile)
		r->meanwhile(r->l);
}

/* One slice. The error is in l->err. */
static inline int
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

static inline int
go(struct lab *l, struct wave_run *r, struct tap *tap)
{
	struct tap own = {.stop_at = 0};
	int rc = lab_act(l, tap ? tap : &own, slice, r);

	tap_done(&own);
	return rc;
}

static inline const char *
said(struct wave_run *r)
{
	return r->notes.len ? (const char *)r->notes.data : "";
}

static inline const char *
ended(struct wave_run *r)
{
	return r->results.len ? (const char *)r->results.data : "";
}

static inline void
forget(struct wave_run *r)
{
	buf_done(&r->notes);
	buf_done(&r->results);
}

/* ---- the map ---- */

static inline uint32_t
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

static inline struct wave
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
static inline void
assert_wave(struct lab *l, uint32_t id, const char *want)
{
	struct wave w = get(l, id);
	char text[64];

	(void)snprintf(text, sizeof text, "%s %u %u%s", wave_state_name(w.state), w.succeeded,
	    w.failed, *w.why ? " waits" : "");
	wave_done(&w);
	assert_string_equal(text, want);
}

static inline void
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

/* What Update-Recipient does. */
static inline void
finish_mailboxes(struct lab *l)
{
	for (size_t i = 0; i < N; i++)
		lab_set(l, TARGET, names[i], "showInAddressBook", "CN=Users,DC=globex,DC=example");
}

static inline void
start(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	lab_run(l);
	finish_mailboxes(l);
}

static inline size_t
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

#endif
