/* SPDX-License-Identifier: MIT */
/* What a worker does: a cycle, a turn, a look. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/daemon/inspect.h"
#include "dsa/daemon/worker_priv.h"
#include "dsa/jobs/finish.h"
#include "dsa/jobs/rebuild.h"
#include "dsa/jobs/resolving.h"
#include "dsa/jobs/retention.h"
#include "dsa/jobs/sync.h"
#include "dsa/jobs/together.h"
#include "dsa/jobs/toggle.h"
#include "dsa/jobs/turns.h"
#include "dsa/jobs/undo.h"
#include "dsa/view/view_apply.h"
#include "dsa/view/view_finish.h"
#include "dsa/view/view_look.h"
#include "dsa/view/view_rebuild.h"
#include "dsa/view/view_result.h"
#include "dsa/view/view_together.h"
#include "dsa/view/view_undo.h"

/* Of the journal, after a cycle. */
#define TRIM_PIECES 20
/* With what blocks them. Of named objects alone there are never more. */
#define RESULTS_MAX 10000

/* ---- what is observed ---- */

/* Does it get on? An object that was handled says so, and a phase that begins for the first time. A
 * phase that begins once more says nothing: a cycle that goes round in circles must not pass for
 * one that works. Waiting, for a server or for another link, is neither. */
static bool
gets_on(struct worker *w, enum run_phase phase, uint64_t done)
{
	bool first;

	/* The other flow, or a full cycle where a delta is not enough: it begins anew. */
	if (phase == RUN_PHASE_CONNECT)
		w->begun = 0;
	first = !(w->begun & (1U << phase));
	w->begun |= 1U << phase;
	return first || done || phase == RUN_PHASE_CONNECT || phase == RUN_PHASE_WAIT;
}

static void
on_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct worker *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	w->state.cycle = phase;
	w->state.done = done;
	w->state.total = total;
	if (gets_on(w, phase, done))
		w->state.beat_ms = clock_monotonic_ms();
	(void)pthread_mutex_unlock(&w->lock);
	worker_tell(w);
}

static void
on_event(const struct run_event *e, void *arg)
{
	struct worker *w = arg;

	if (e->kind == RUN_FEED) {
		(void)pthread_mutex_lock(&w->lock);
		w->state.feed[e->side] = e->by_usn ? WORKER_FEED_USN : WORKER_FEED_DIRSYNC;
		(void)pthread_mutex_unlock(&w->lock);
	}
	lines_event(e, w->lines);
}

static void
on_result(const struct run_result *r, void *arg)
{
	struct worker *w = arg;

	/* An object is done: the phases of the next one begin anew. */
	w->begun = 0;
	w->listed += 1 + r->n_blockers;
	if (w->results && w->listed > RESULTS_MAX) {
		w->unlisted++;
	} else if (w->results) {
		json_add_item(&w->results, view_result(r));
		w->results_lost = !w->results;
	}
	w->refused += !r->ok;
	if (!w->quiet)
		lines_result(w->lines, r);
}

/* A cycle that no client asked for can also wait for another link later. */
static bool
gives_way(void *arg)
{
	struct worker *w = arg;

	if (!w->unasked)
		return false;
	(void)pthread_mutex_lock(&w->lock);
	w->gave_way = w->request.number != 0 || w->pause;
	(void)pthread_mutex_unlock(&w->lock);
	w->gave_way |= waves_wait_ms(&w->run) == 0;
	return w->gave_way;
}

void
worker_observe(struct worker *w)
{
	w->observer = (struct run_observer){.event = on_event,
	    .progress = on_progress,
	    .result = on_result,
	    .gives_way = gives_way,
	    .arg = w,
	    .decisions = log_wants(LOG_DEBUG)};
	w->run.observer = &w->observer;
}

/* ---- what is run ---- */

static int
run_cycle(struct worker *w, const struct request *q, struct cycle_result r[SIDES], struct err *err)
{
	const struct cycle_options opt = {.objects = q->objects,
	    .n_objects = q->n,
	    .told_since_us = w->told_since_us,
	    .heard_us = q->number ? 0 : w->heard_us};
	bool full = q->number && q->what != REQUEST_OBJECT;
	int rc;

	lines_begin(w->lines, false);
	if (q->number && q->what == REQUEST_FULL)
		lines_full(w->lines, "asked for");
	w->unasked = !q->number;
	rc = sync_link(&w->run, full, &opt, r, err);
	w->unasked = false;
	return rc;
}

static int
put_text(FILE *to, const struct buf *b, struct err *err)
{
	if (b->failed)
		return err_nomem(err);
	if (fwrite(b->data, 1, b->len, to) != b->len || fflush(to) != 0)
		return err_sys(err, errno, "write of the plan");
	return 0;
}

static int
begin_plan(const struct worker *w, const struct request *q, FILE *to, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (q->form != PLAN_FORM_LINES)
		return 0;
	plan_text_head(w->run.link->name, clock_realtime_s(), &b);
	return put_text(to, &b, err);
}

static int
end_plan(const struct worker *w, const struct request *q, const struct cycle_result r[SIDES],
    FILE *to, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (q->form != PLAN_FORM_LINES)
		return 0;
	plan_text_summary(cycle_link_summary(w->run.link, r, clock_realtime_s()), &b);
	return put_text(to, &b, err) < 0 ? -1 : plan_text_seal(fileno(to), err);
}

static int
run_plan(struct worker *w, const struct request *q, struct cycle_result r[SIDES], struct err *err)
{
	struct cycle_options opt = {.plan_only = true,
	    .plan_form = q->form,
	    .objects = q->objects,
	    .n_objects = q->n,
	    .told_since_us = w->told_since_us};
	int rc;

	opt.plan_to = fdopen(q->plan_fd, "w");
	if (!opt.plan_to)
		return err_sys(err, errno, "plan");
	lines_begin(w->lines, true);
	rc = begin_plan(w, q, opt.plan_to, err);
	if (rc == 0)
		rc = sync_link(&w->run, q->n == 0, &opt, r, err);
	if (rc == 0)
		rc = end_plan(w, q, r, opt.plan_to, err);
	if (fclose(opt.plan_to) != 0 && rc == 0)
		rc = err_sys(err, errno, "write of the plan");
	return rc;
}

/* Only what was refused is an item of the answer. */
static int
run_apply(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	const struct cycle_options opt = {.only = q->choice, .told_since_us = w->told_since_us};
	struct cycle_result cycles[SIDES];
	struct view_apply v = {.made = 0};

	lines_begin(w->lines, false);
	if (sync_link(&w->run, true, &opt, cycles, err) < 0 ||
	    plan_choice_close(q->choice, err) < 0)
		return -1;
	w->results = view_apply(q->choice, cycles, RESULTS_MAX, &v);
	r->problems = v.refused;
	return w->results ? 0 : err_nomem(err);
}

/* What results there are is listed; DRY_RUN: nothing is to be logged. */
static void
begin_results(struct worker *w, bool dry_run)
{
	lines_begin(w->lines, false);
	w->results = json_array();
	w->results_lost = !w->results;
	w->refused = 0;
	w->listed = w->unlisted = 0;
	w->quiet = dry_run;
}

static int
run_turns(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	bool dry_run = q->what == REQUEST_TOGGLE_PLAN || q->what == REQUEST_SWEEP_PLAN;
	const struct turn_order order = {.turn = q->what == REQUEST_UNDO ? TURN_UNDO : TURN_SWITCH,
	    .force = q->what == REQUEST_FORCED_SWITCH,
	    .sources = q->objects,
	    .n = q->n};
	int rc;

	begin_results(w, dry_run);
	if (q->what == REQUEST_TOGGLE)
		rc = toggle_run(&w->run, q->objects, q->n, err);
	else if (q->what == REQUEST_TOGGLE_PLAN)
		rc = toggle_plan(&w->run, q->objects, q->n, err);
	else if (q->what == REQUEST_SWEEP || q->what == REQUEST_SWEEP_PLAN)
		rc = toggle_sweep(&w->run, dry_run, err);
	else
		rc = turns_run(&w->run, &order, err);
	w->quiet = false;
	r->failed = w->refused;
	return rc;
}

static int
run_finish(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	const struct finish_options opt = {
	    .sources = q->objects, .n_sources = q->n, .dry_run = q->what == REQUEST_FINISH_PLAN};
	struct finish_counts n;
	int rc;

	begin_results(w, opt.dry_run);
	rc = finish_run(&w->run, &opt, &n, err);
	w->quiet = false;
	r->failed = n.failed;
	r->problems = n.blocked;
	w->results = view_finish(w->results, w->unlisted, &n);
	w->results_lost |= !w->results;
	return rc;
}

static int
choose_changes(
    struct worker *w, const struct undo_query *q, uint64_t **ret, size_t *ret_n, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t flows[SIDES];

	if (store_begin(w->run.store, STORE_READ, &t, err) < 0 ||
	    store_flow_ids(t, w->run.link->name, flows, err) < 0)
		return -1;
	return undo_choose(t, flows, q, ret, ret_n, err);
}

/* What was kept off is looked at by the next cycle: the map says so by then. */
static int
run_undo(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	struct undo_order order = {.dry_run = q->what == REQUEST_TAKE_BACK_PLAN};
	_cleanup_(free) uint64_t *changes = NULL;
	struct undo_counts n;
	int rc;

	if (choose_changes(w, &q->undo, &changes, &order.n, err) < 0)
		return -1;
	if (order.n == 0) {
		r->absent = 1;
		(void)snprintf(r->absent_why, sizeof r->absent_why,
		    "the journal has no change of that which was made by link '%.128s'",
		    w->run.link->name);
		return 0;
	}
	order.changes = changes;
	begin_results(w, order.dry_run);
	rc = undo_run(&w->run, &order, &n, err);
	w->quiet = false;
	r->failed = n.failed;
	r->problems = n.left;
	w->results = view_undo(w->results, w->unlisted, &n);
	w->results_lost |= !w->results;
	return rc;
}

/* What was said is carried out by the cycle that comes right behind it. */
static int
run_resolve(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	const struct resolve_order order = {.who = q->address, .as = q->as, .target = q->attribute};
	int rc;

	begin_results(w, false);
	rc = resolving_run(&w->run, &order, err);
	r->failed = w->refused;
	if (rc == 0 && !w->refused)
		worker_hurry(w);
	return rc;
}

static int
look_for_ties(struct worker *w, const struct request *q, bool *ret_bad, struct err *err)
{
	const struct together_order o = {
	    .base = q->address, .filter = q->attribute, .objects = q->objects, .n = q->n};
	_cleanup_(together_done) struct together t = {.n = 0};

	lines_begin(w->lines, true);
	if (together_run(&w->run, &o, &t, err) < 0)
		return -1;
	w->results = view_together(&t, RESULTS_MAX, ret_bad);
	return w->results ? 0 : err_nomem(err);
}

static int
inspect(struct worker *w, const struct request *q, bool *ret_bad, struct err *err)
{
	if (q->what == REQUEST_TOGETHER)
		return look_for_ties(w, q, ret_bad, err);
	if (q->what == REQUEST_TRACE)
		return inspect_trace(&w->run, q->address, q->from, &w->results, ret_bad, err);
	if (q->what == REQUEST_EXPLAIN)
		return inspect_explain(
		    &w->run, q->address, q->attribute, &w->results, ret_bad, err);
	if (q->what == REQUEST_FIND)
		return inspect_find(&w->run, q->address, &w->results, err);
	if (q->what == REQUEST_MEMBERS)
		return inspect_members(&w->run, q->objects, q->page, q->size, &w->results, err);
	if (q->what == REQUEST_VERIFY || q->what == REQUEST_MOVE_READY)
		return inspect_verify(&w->run, q->what == REQUEST_MOVE_READY, q->objects, q->n,
		    &w->results, ret_bad, err);
	return inspect_adopt(&w->run, q->what == REQUEST_ADOPT_PLAN, &w->results, ret_bad, err);
}

/* What writes to no directory. */
static int
run_inspection(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	bool bad = false;
	int rc = inspect(w, q, &bad, err);

	r->problems = bad;
	return rc;
}

/* The full cycle that it asks for comes right behind it. */
static int
run_rebuild(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	_cleanup_(view_rebuild_done) struct view_rebuild v = {.failed = false};
	bool plan = q->what == REQUEST_REBUILD_PLAN;
	const struct rebuild_options opt = {
	    .plan_only = plan, .found = view_rebuild_found, .arg = &v};
	struct rebuild_report report;

	lines_begin(w->lines, plan);
	if (rebuild_run(&w->run, &opt, &report, err) < 0)
		return -1;
	if (!plan)
		worker_hurry(w);
	r->problems = report.n[REBUILD_NAMED_TWICE] + report.n[REBUILD_NOT_NOTICED];
	w->results = view_rebuild(&v, &report, !plan);
	return w->results ? 0 : err_nomem(err);
}

/* What a turn needs; nothing is written. */
static int
run_look(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	_cleanup_(view_look_done) struct view_look v;
	const struct turn_order order = {
	    .turn = q->turn, .force = q->force, .sources = q->objects, .n = q->n};

	view_look_init(&v, RESULTS_MAX);
	lines_begin(w->lines, true);
	if (turn_look(&w->run, &order, view_look_looked, &v, err) < 0)
		return -1;
	r->problems = v.broken;
	w->results = view_look(&v, q->turn);
	return w->results ? 0 : err_nomem(err);
}

static bool
is_look(const struct request *q)
{
	return q->number && q->what == REQUEST_LOOK;
}

static bool
is_plan(const struct request *q)
{
	return q->number && q->what == REQUEST_PLAN;
}

static bool
is_apply(const struct request *q)
{
	return q->number && q->what == REQUEST_APPLY;
}

bool
worker_is_turn(const struct request *q)
{
	return q->number && q->what >= REQUEST_SWITCH;
}

static bool
is_inspection(const struct request *q)
{
	return q->number && (q->what == REQUEST_VERIFY || q->what == REQUEST_MOVE_READY ||
				q->what == REQUEST_TRACE || q->what == REQUEST_EXPLAIN ||
				q->what == REQUEST_FIND || q->what == REQUEST_MEMBERS ||
				q->what == REQUEST_TOGETHER || q->what == REQUEST_ADOPT ||
				q->what == REQUEST_ADOPT_PLAN);
}

static bool
is_rebuild(const struct request *q)
{
	return q->number && (q->what == REQUEST_REBUILD || q->what == REQUEST_REBUILD_PLAN);
}

static bool
is_finish(const struct request *q)
{
	return q->number && (q->what == REQUEST_FINISH || q->what == REQUEST_FINISH_PLAN);
}

static bool
is_undo(const struct request *q)
{
	return q->number && (q->what == REQUEST_TAKE_BACK || q->what == REQUEST_TAKE_BACK_PLAN);
}

static bool
is_resolve(const struct request *q)
{
	return q->number && q->what == REQUEST_RESOLVE;
}

int
worker_run(struct worker *w, const struct request *q, struct cycle_result r[SIDES], struct err *err)
{
	w->results_lost = false;
	w->begun = 0;
	w->run.asked = (struct asker){q->number ? ASKED_BY_USER : ASKED_BY_NOBODY, q->by};
	return is_inspection(q)	   ? run_inspection(w, q, r, err)
	       : is_rebuild(q)	   ? run_rebuild(w, q, r, err)
	       : is_finish(q)	   ? run_finish(w, q, r, err)
	       : is_plan(q)	   ? run_plan(w, q, r, err)
	       : is_apply(q)	   ? run_apply(w, q, r, err)
	       : is_look(q)	   ? run_look(w, q, r, err)
	       : is_undo(q)	   ? run_undo(w, q, r, err)
	       : is_resolve(q)	   ? run_resolve(w, q, r, err)
	       : worker_is_turn(q) ? run_turns(w, q, r, err)
				   : run_cycle(w, q, r, err);
}

void
worker_trim_journal(struct worker *w)
{
	size_t removed = 0;
	struct err err;
	int rc =
	    retention_run(w->run.store, w->conf, clock_realtime_s(), TRIM_PIECES, &removed, &err);

	lines_trimmed(w->lines, removed, rc < 0 ? &err : NULL);
}

/* ONE: a client that asks for one object is not told of the others. */
static bool
needs_attention(const struct cycle_result *r, bool one)
{
	return (one ? r->held_asked > 0 : r->held) || r->conflicts || r->problems;
}

struct worker_answer *
worker_answer_of(
    struct worker *w, const struct request *q, int rc, const struct cycle_result r[SIDES])
{
	_cleanup_(worker_answer_free) struct worker_answer *a = calloc(1, sizeof *a);
	bool one = q->what == REQUEST_OBJECT || (q->what == REQUEST_PLAN && q->n) || is_undo(q);
	const struct cycle_result *absent = rc < 0 || !one     ? NULL
					    : r->absent	       ? &r[SOURCE]
					    : r[TARGET].absent ? &r[TARGET]
							       : NULL;
	bool attention = needs_attention(&r[SOURCE], one) || needs_attention(&r[TARGET], one);

	if (!a) {
		json_decref(TAKE(w->results));
		return NULL;
	}
	if (w->results_lost)
		return NULL;
	*a = (struct worker_answer){.number = q->number,
	    .status = rc < 0 || r->failed || r[TARGET].failed || absent ? 1
		      : attention					? 3
									: 0,
	    .cycle = !worker_is_turn(q),
	    .result = {r[SOURCE], r[TARGET]},
	    .finished_at = clock_realtime_s(),
	    .results = TAKE(w->results)};
	(void)snprintf(a->error, sizeof a->error, "%s",
	    rc < 0   ? w->state.error
	    : absent ? absent->absent_why
		     : "");
	return TAKE(a);
}
