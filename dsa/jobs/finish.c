/* SPDX-License-Identifier: MIT */
/*
 * The end of coexistence of many mailboxes, CHUNK at a time:
 *
 *   look up and read -> judge -> write down -> source -> target -> group -> record
 *                                  |             |         |         |        |
 *   a crash leaves:    nothing     +-------------+---------+---------+--------+  an operation
 *
 * The changes of a mailbox are one step of the executor (exec.h), the operation is stored with its
 * intents, and the record with its outcome. finish_resume() judges and asks for the same again: all
 * changes are differences from what is there. If something blocks by then, or a directory refuses,
 * the operation is forgotten, and the next cycle puts marker and stamp back: the mailbox is
 * switched as before. So it is when the map is lost in between.
 *
 * No step changes where mail goes.
 */
#include "dsa/jobs/finish_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/jobs/turns.h"
#include "dsa/world/world.h"

#define CHUNK 64
#define TRIES 3 /* when the same objects change meanwhile */

/* MADE: it is recorded, and not told yet. */
enum state { STATE_NEW, STATE_READY, STATE_MADE, STATE_DRIFTED, STATE_FAILED, STATE_ENDED };

struct ending {
	struct guid source;
	struct finish_reading read;
	struct finish_blockers blockers;
	struct plan_step *step; /* READY: what is to be written */
	enum state state;
	bool begun; /* an operation is written down */
	char text[600];
};

struct finishing {
	struct run *run;
	struct turn_conf turn;
	struct finish_conf conf;
	bool dry_run, resuming;
	struct finish_counts *counts;
	struct ending m[CHUNK];
	size_t n, given;
};

static void
ending_done(struct ending *m)
{
	finish_reading_done(&m->read);
	finish_blockers_done(&m->blockers);
	plan_step_free(TAKE(m->step));
}

/* ---- telling ---- */

static void
end(struct finishing *f, struct ending *m, bool ok)
{
	struct run_result r = {.source = &m->source,
	    .dn = m->read.side[SOURCE] ? m->read.side[SOURCE]->dn
		  : m->read.record     ? m->read.record->side[SOURCE].dn
				       : "",
	    .ok = ok,
	    .text = m->text,
	    .blockers = m->blockers.v,
	    .n_blockers = m->blockers.n};

	m->state = STATE_ENDED;
	f->counts->done += ok;
	f->counts->blocked += !ok && m->blockers.n > 0;
	f->counts->failed += !ok && m->blockers.n == 0;
	run_report_result(f->run, &r);
}

static void
end_blocked(struct finishing *f, struct ending *m)
{
	const struct finish_blocker *b = &m->blockers.v[0];

	(void)snprintf(m->text, sizeof m->text, "blocked by %zu: '%.200s': %.200s%s", m->blockers.n,
	    b->dn, b->why, m->blockers.n > 1 ? "; ..." : "");
	end(f, m, false);
}

static void
name(char *text, size_t size, bool there, const char *what)
{
	size_t len = strlen(text);

	if (there)
		(void)snprintf(text + len, size - len, "%s%s", len ? ", " : "", what);
}

static bool
takes(const struct change *c, const char *attribute)
{
	for (size_t i = 0; c && i < c->n_mods; i++)
		if (str_equal_nocase(c->mods[i].attr, attribute))
			return true;
	return false;
}

/* What goes, and what stays. */
static void
describe(const struct finishing *f, struct ending *m, struct change *const of[SIDES])
{
	const char *to =
	    m->read.side[SOURCE] ? entry_get_str(m->read.side[SOURCE], "targetAddress") : NULL;
	char what[160] = "";

	name(what, sizeof what, m->read.group, "the membership of the marker group");
	name(what, sizeof what, takes(of[SOURCE], f->turn.marker_attribute), "the marker");
	name(what, sizeof what, takes(of[SOURCE], "msExchCalendarRepairDisabled"),
	    "the source's guard");
	name(what, sizeof what,
	    f->turn.stamp_attribute && takes(of[TARGET], f->turn.stamp_attribute), "the stamp");
	name(what, sizeof what, takes(of[TARGET], "msExchCalendarRepairDisabled"),
	    "the target's guard");
	(void)snprintf(m->text, sizeof m->text, "%s taken away%s%.300s%s",
	    *what ? what : "nothing is left to be", to ? "; the redirection to " : "", to ? to : "",
	    to ? " stays" : "");
}

/* ---- deciding ---- */

static int
add_group(struct ending *m, struct err *err)
{
	struct change *c;

	if (!m->read.group)
		return 0;
	c = change_new(CHANGE_MODIFY, m->read.group->dn, &m->read.group->guid);
	if (!c || change_mod_str(c, MOD_DELETE, "member", m->read.side[SOURCE]->dn) < 0) {
		change_free(c);
		return err_nomem(err);
	}
	return plan_step_add(m->step, SOURCE, c, m->read.group, "finish", err);
}

static int
add_changes(struct ending *m, struct change *of[SIDES], struct err *err)
{
	for (int s = SOURCE; s < SIDES; s++)
		if (of[s] && plan_step_add(m->step, (enum side)s, TAKE(of[s]), m->read.side[s],
				 "finish", err) < 0)
			return -1;
	return 0;
}

static int
make_ready(struct finishing *f, struct ending *m, bool again, struct err *err)
{
	struct change *of[SIDES] = {NULL, NULL};
	int rc;

	m->step = plan_step_new(WORLD_NONE, &m->source);
	if (!m->step)
		return err_nomem(err);
	m->step->number = (uint64_t)(m - f->m);
	m->step->looked_again = again;
	if (finish_changes(&f->conf, &m->read.facts, of, err) < 0)
		return -1;
	describe(f, m, of);
	/* Order is important! The group comes last: nothing would put the member back if the rest
	 * is refused. */
	rc = add_changes(m, of, err);
	if (rc == 0)
		rc = add_group(m, err);
	change_free(of[SOURCE]);
	change_free(of[TARGET]);
	m->state = STATE_READY;
	return rc;
}

static int
decide(struct finishing *f, struct ending *m, bool again, struct err *err)
{
	if (!m->read.record) {
		(void)snprintf(m->text, sizeof m->text, "it is not in the map");
		m->state = STATE_FAILED;
		return 0;
	}
	if (finish_is_done(m->read.record)) {
		(void)snprintf(m->text, sizeof m->text, "finished already");
		end(f, m, true);
		return 0;
	}
	plan_step_free(TAKE(m->step));
	if (finish_read(f->run, &f->conf, &m->read, err) < 0 ||
	    finish_judge(&f->conf, &m->read.facts, &m->blockers, err) < 0)
		return -1;
	if (m->blockers.n) {
		m->state = STATE_FAILED;
		return 0;
	}
	if (make_ready(f, m, again, err) < 0)
		return -1;
	if (f->dry_run)
		end(f, m, true);
	return 0;
}

/* ---- carrying out ---- */

static int
next_step(void *arg, struct plan_step **ret, struct err *err)
{
	struct finishing *f = arg;

	(void)err;
	*ret = NULL;
	while (!*ret && f->given < f->n) {
		struct ending *m = &f->m[f->given++];

		if (m->state == STATE_READY && m->step->n_changes)
			*ret = TAKE(m->step);
	}
	return 0;
}

static int
intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err)
{
	struct finishing *f = arg;
	struct ending *m = &f->m[s->number];
	struct store_operation o = {
	    .source = m->source, .kind = OPERATION_FINISH, .since = clock_realtime_s()};

	m->begun = true;
	return store_put_operation(t, f->run->link_id, &o, err);
}

/* The record, and the end of everything that was written down for later. */
static int
record_end(const struct finishing *f, struct store_txn *t, struct ending *m, struct err *err)
{
	uint32_t link = f->run->link_id;

	finish_note(m->read.record);
	if (record_set_str(&m->read.record->last_error, "") < 0)
		return err_nomem(err);
	return store_put(t, m->read.record, err) < 0 ||
		       store_put_waiting(t, link, &m->source, NULL, 0, err) < 0 ||
		       store_clear_retry(t, link, &m->source, err) < 0 ||
		       store_clear_membership(t, link, &m->source, err) < 0 ||
		       store_clear_operation(t, link, &m->source, err) < 0
		   ? -1
		   : 0;
}

static int
end_step(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct finishing *f = arg;
	struct ending *m = &f->m[e->step->number];

	if (!e->err) {
		m->state = STATE_MADE;
		return record_end(f, t, m, err);
	}
	m->state = e->failure == SETTLE_DRIFT ? STATE_DRIFTED : STATE_FAILED;
	err_escape(m->text, sizeof m->text, bytes_of(e->err->text));
	return 0;
}

static int
forget_operation(const struct finishing *f, const struct guid *source, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(f->run->store, STORE_WRITE, &t, err) < 0 ||
	    store_clear_operation(t, f->run->link_id, source, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

/* Of those for which nothing had to be written. */
static int
record_unchanged(struct finishing *f, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	for (size_t i = 0; i < f->n; i++) {
		struct ending *m = &f->m[i];

		if (m->state != STATE_READY || !m->step || m->step->n_changes)
			continue;
		if (!t && store_begin(f->run->store, STORE_WRITE, &t, err) < 0)
			return -1;
		if (record_end(f, t, m, err) < 0)
			return -1;
		m->state = STATE_MADE;
	}
	return t ? store_commit(TAKE(t), err) : 0;
}

static int
carry_out(struct finishing *f, struct err *err)
{
	static const struct exec_ops ops = {
	    .next = next_step, .intend = intend, .ended = end_step, .batch = CHUNK};
	int rc;

	f->given = 0;
	rc = record_unchanged(f, err) < 0 ? -1 : exec_run(f->run, &ops, f, err);
	for (size_t i = 0; i < f->n; i++)
		if (f->m[i].state == STATE_MADE)
			end(f, &f->m[i], true);
	return rc;
}

/* ---- one chunk ---- */

/* One look at all that are not at their end; true in *RET_MORE if some have changed since. */
static int
try_once(struct finishing *f, bool again, bool *ret_more, struct err *err)
{
	*ret_more = false;
	for (size_t i = 0; i < f->n; i++) {
		struct ending *m = &f->m[i];

		if ((m->state == STATE_NEW || m->state == STATE_DRIFTED) &&
		    decide(f, m, again, err) < 0)
			return -1;
	}
	if (carry_out(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		*ret_more |= f->m[i].state == STATE_DRIFTED;
	return 0;
}

/* What could not be finished is forgotten, and told. */
static int
give_up(struct finishing *f, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		struct ending *m = &f->m[i];

		if (m->state == STATE_ENDED)
			continue;
		if ((m->begun || f->resuming) && forget_operation(f, &m->source, err) < 0)
			return -1;
		if (m->blockers.n)
			end_blocked(f, m);
		else
			end(f, m, false);
	}
	return 0;
}

static int
finish_chunk(struct finishing *f, struct err *err)
{
	bool more = true;

	for (size_t i = 0; i < f->n; i++)
		if (finish_look_up(f->run, &f->m[i].source, f->resuming, &f->m[i].read, err) < 0)
			return -1;
	for (int i = 0; more && i < TRIES; i++)
		if (try_once(f, i > 0, &more, err) < 0)
			return -1;
	return give_up(f, err);
}

static int
finish_some(struct finishing *f, const struct guid *sources, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t from = 0; rc == 0 && from < n; from += f->n) {
		f->n = n - from < CHUNK ? n - from : CHUNK;
		for (size_t i = 0; i < f->n; i++)
			f->m[i] = (struct ending){.source = sources[from + i]};
		rc = finish_chunk(f, err);
		for (size_t i = 0; i < f->n; i++)
			ending_done(&f->m[i]);
		run_progress(f->run, RUN_PHASE_APPLY, from + f->n, n);
	}
	return rc;
}

/* ---- a run ---- */

static int
finish_all(struct run *run, const struct finish_options *opt, bool resuming,
    struct finish_counts *counts, struct err *err)
{
	struct finishing *f = calloc(1, sizeof *f);
	const struct conf_link *link = run->link;
	int rc;

	if (!f)
		return err_nomem(err);
	*f = (struct finishing){.run = run,
	    .turn = turn_conf_of(link),
	    .dry_run = opt->dry_run,
	    .resuming = resuming,
	    .counts = counts};
	f->conf = (struct finish_conf){.turn = &f->turn, .toggle_domain = link->toggle_domain};
	rc = finish_some(f, opt->sources, opt->n_sources, err);
	free(f);
	return rc;
}

static int
take_switched(const struct record *r, void *arg, struct err *err)
{
	if (r->kind != KIND_USER || r->active != TARGET || r->state == RECORD_LEFT || r->ended)
		return 0;
	return guid_list_add(arg, &r->side[SOURCE].guid, err);
}

static int
find_switched(const struct run *run, struct guid_list *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_each(t, run->link_id, take_switched, ret, err);
}

int
finish_run(
    struct run *run, const struct finish_options *opt, struct finish_counts *ret, struct err *err)
{
	struct finish_options own = *opt;
	struct guid_list all = {0};
	struct run job;
	int rc = run_open_known(run, err);

	*ret = (struct finish_counts){0};
	if (rc == 0 && !opt->dry_run)
		rc = turns_resume(run, err);
	if (rc == 0 && !opt->n_sources)
		rc = find_switched(run, &all, err);
	if (all.n) {
		own.sources = all.v;
		own.n_sources = all.n;
	}
	job = run_job(run);
	if (rc == 0 && finish_all(&job, &own, false, ret, err) < 0)
		rc = err_ctx(err, "what was begun is finished before the next cycle");
	free(all.v);
	return rc;
}

static int
collect(const struct store_operation *o, void *arg, struct err *err)
{
	return o->kind == OPERATION_FINISH ? guid_list_add(arg, &o->source, err) : 0;
}

static int
find_interrupted(const struct run *run, struct guid_list *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_each_operation(t, run->link_id, collect, ret, err);
}

int
finish_resume(const struct run *run, struct err *err)
{
	struct run job = run_job(run);
	struct finish_counts ignored = {0};
	struct guid_list l = {0};
	int rc = find_interrupted(run, &l, err);

	if (rc == 0 && l.n)
		rc = finish_all(&job, &(struct finish_options){.sources = l.v, .n_sources = l.n},
		    true, &ignored, err);
	free(l.v);
	return rc;
}
