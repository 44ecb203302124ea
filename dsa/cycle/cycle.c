/* SPDX-License-Identifier: MIT */
/*
 * A cycle, phase by phase, and what a crash leaves behind:
 *
 *   connect   both directories; schema, bases and rights are checked.     nothing
 *   wait      for other links into the target forest.                     nothing
 *   read      both sides, whole, into the working sets; or what the       nothing (unlinked files)
 *             cycle of the other flow has read: see reading.h.
 *   decide    what is in scope, what corresponds to what, new names, and  nothing
 *             what left, with the proof.
 *   plan      projection and difference: the steps. No network.           nothing
 *   apply     intent, write, outcome: batch by batch.                     open intents: see recover
 *   confirm   the GUIDs of what was created.                              records without target
 * GUID: found again by their stamps
 *   finish    cursors of both sides, as they were before the read         the old cursors
 *
 * From `read` to `confirm` the cycle has the lock of its target forest (forest_lock.h): what it
 * finds free is free until it has taken it. What it reads of the map it reads after it got the
 * lock.
 *
 * Everything before `apply` reads only. Whatever a crash in `apply` leaves half done is a
 * difference that the next cycle's plan finds, because it starts from what is in the directories.
 */

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/cycle/apply.h"
#include "dsa/cycle/asked.h"
#include "dsa/cycle/check.h"
#include "dsa/cycle/circles.h"
#include "dsa/cycle/clients.h"
#include "dsa/cycle/confirm.h"
#include "dsa/cycle/conflicts.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/heirs.h"
#include "dsa/cycle/leave.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/cycle/outcome.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/reading.h"
#include "dsa/cycle/replan.h"
#include "dsa/cycle/replica_lag.h"
#include "dsa/directory/guid_set.h"
#include "dsa/exec/plan_choice.h"
#include "mapping/journal.h"
#include "mapping/proven_time.h"

bool
cycle_is_asked_for(const struct cycle *c, const struct guid *g)
{
	for (size_t i = 0; i < c->opt->n_objects; i++)
		if (guid_equal(&c->opt->objects[i], g))
			return true;
	return false;
}

static int
load_csv(struct cycle *c, struct err *err)
{
	c->matching.csv = calloc(c->run->link->n_match + 1, sizeof *c->matching.csv);
	if (!c->matching.csv)
		return err_nomem(err);
	for (size_t i = 0; i < c->run->link->n_match; i++)
		if (c->run->link->match[i].method == MATCH_CSV &&
		    match_csv_load(c->run->link->match[i].csv_file, &c->matching.csv[i], err) < 0)
			return -1;
	return 0;
}

/* The link's number in the map: a full cycle gives it one. */
static int
find_link(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	bool writes = !c->run->is_delta && !c->opt->plan_only;

	if (!c->run->store)
		return 0;
	if (store_begin(c->run->store, writes ? STORE_WRITE : STORE_READ, &t, err) < 0 ||
	    store_link_id(t, c->run->link->name, &c->run->link_id, err) < 0)
		return -1;
	return writes ? store_commit(TAKE(t), err) : 0;
}

static int
connect(struct cycle *c, struct err *err)
{
	struct dir *source = c->run->dir[SOURCE], *target = c->run->dir[TARGET];

	if (run_open(c->run, err) < 0)
		return -1;
	if (births_new(c->run, &c->births, err) < 0 || cycle_check_names(c, err) < 0)
		return -1;
	if (table_new(c->run->link, source->ops->schema(source), target->ops->schema(target),
		&c->table, err) < 0)
		return err_ctx(err, "link '%s'", c->run->link->name);
	if (c->run->link->n_adopt && adopt_tools_new(c->run->link, &c->matching.tools, err) < 0)
		return err_ctx(err, "link '%s'", c->run->link->name);
	if (c->table->n_lacking && !c->run->is_delta)
		run_message(c->run, LOG_INFO, NULL, c->run->link->name,
		    "not synchronized because a schema lacks them: %s", c->table->lacking);
	if (!c->run->is_delta && cycle_check(c, err) < 0)
		return -1;
	return find_link(c, err);
}

/* The number of this cycle in the journal. */
static int
begin(struct cycle *c, struct err *err)
{
	const struct run_event e = {
	    .kind = RUN_BEGUN, .level = c->run->is_delta ? LOG_DEBUG : LOG_INFO};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (!c->run->store || c->opt->plan_only)
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0 ||
	    journal_begin_cycle(t, c->run->link_id, &c->res->number, err) < 0 ||
	    store_commit(TAKE(t), err) < 0)
		return -1;
	c->run->cycle = c->res->number;
	run_event(c->run, &e, "%s",
	    c->opt->only       ? "the steps of a saved plan"
	    : c->run->is_delta ? "delta"
			       : "full synchronization");
	return 0;
}

static int64_t
begin_phase(const struct cycle *c, enum run_phase p)
{
	run_progress(c->run, p, 0, 0);
	return clock_monotonic_ms();
}

static void
end_phase(struct cycle *c, enum run_phase p, int64_t start_ms)
{
	c->res->phase_ms[p] += (uint64_t)(clock_monotonic_ms() - start_ms);
}

/* Runs one phase and notes how long it took. */
static int
phase(struct cycle *c, enum run_phase p, int (*run)(struct cycle *c, struct err *err),
    struct err *err)
{
	int64_t start_ms = begin_phase(c, p);
	int rc = run(c, err);

	end_phase(c, p, start_ms);
	/* What a full cycle's phases leave free is much, and in pieces: it does not add up. */
	if (!c->run->is_delta)
		(void)malloc_trim(0);
	return rc;
}

static int
plan_all(struct cycle *c, struct err *err)
{
	if (plan_objects(c, err) < 0 || limits_check_planned(c, err) < 0 ||
	    limits_check(c, HELD_MATCHES, err) < 0 || circles_plan_all(c, err) < 0 ||
	    plan_find_ready(c, err) < 0)
		return -1;
	limits_report(c);
	if (!c->opt->plan_only)
		return 0;
	return conflicts_store(c, err) < 0 ? -1 : lag_store(c, err);
}

/* What the plan says, and what contacts are to give away. */
static int
apply_plan(struct cycle *c, struct err *err)
{
	if (heirs_run(c, false, err) < 0 || cycle_apply(c, err) < 0)
		return -1;
	return heirs_run(c, true, err);
}

static int
note_held(enum held_kind kind, const struct guid *source, void *arg, struct err *err)
{
	(void)kind;
	return plan_choice_note_held(arg, source, err);
}

/* Further rounds, and what contacts are to give away, are in no step of a plan: nobody has chosen
 * it. What is left is as after a crash, which the next cycle finds. */
static int
apply_chosen(struct cycle *c, struct err *err)
{
	plan_choice_begin(c->opt->only, c->run->link->forth ? TARGET : SOURCE);
	if (limits_each_held(c, note_held, c->opt->only, err) < 0)
		return -1;
	if (conflicts_store(c, err) < 0 || cycle_apply(c, err) < 0 || replan_stop(c, err) < 0)
		return -1;
	return lag_store(c, err);
}

static int
apply_all(struct cycle *c, struct err *err)
{
	if (c->opt->only)
		return apply_chosen(c, err);
	if (conflicts_store(c, err) < 0 || apply_plan(c, err) < 0)
		return -1;
	while (replan_is_needed(c))
		if (replan_run(c, err) < 0 || apply_plan(c, err) < 0)
			return -1;
	if (replan_give_up(c, err) < 0)
		return -1;
	return lag_store(c, err);
}

/* What is read of the map from now on: in the deciding and planning passes. */
static int
open_map(struct cycle *c, struct err *err)
{
	return store_begin(c->run->store, STORE_READ, &c->run->map, err);
}

static void
close_map(struct cycle *c)
{
	store_abort(TAKE(c->run->map));
}

/* From decisions to the end. */
static int
finish_phases(struct cycle *c, struct err *err)
{
	int rc = phase(c, RUN_PHASE_DECIDE, leave_plan_all, err);

	if (rc == 0)
		rc = phase(c, RUN_PHASE_PLAN, plan_all, err);
	if (rc == 0 && c->opt->plan_only && !limits_why_full(c))
		rc = plan_print(c, err);
	close_map(c);
	if (rc < 0 || limits_why_full(c) || c->opt->plan_only)
		return rc;
	if (clients_note(c, err) < 0 || phase(c, RUN_PHASE_APPLY, apply_all, err) < 0)
		return -1;
	return phase(c, RUN_PHASE_CONFIRM, cycle_confirm, err);
}

static int
open_world(struct cycle *c, struct err *err)
{
	if (world_new(c->run, c->table, &c->world, err) < 0)
		return -1;
	return plan_new(world_workset(c->world, SOURCE), &c->plan, err);
}

/* A plan takes nothing, so it need not wait. */
static int
lock_target(struct cycle *c, struct forest_lock **ret, struct err *err)
{
	int64_t start_ms = clock_monotonic_ms();
	int rc = c->opt->plan_only ? 0 : run_lock_target(c->run, ret, err);

	end_phase(c, RUN_PHASE_WAIT, start_ms);
	return rc;
}

static int
run_all(struct cycle *c, struct err *err)
{
	const struct run *r = c->run;
	const char *ignored;

	if (open_world(c, err) < 0 || begin(c, err) < 0 || load_csv(c, err) < 0)
		return -1;
	if (phase(c, RUN_PHASE_READ, reading_read, err) < 0)
		return -1;
	if (r->store && r->link_id && open_map(c, err) < 0)
		return -1;
	if (r->map && limits_recall(c, &ignored, err) < 0)
		return -1;
	if (phase(c, RUN_PHASE_DECIDE, decide_all, err) < 0)
		return -1;
	return finish_phases(c, err);
}

static int
run_full(struct cycle *c, struct err *err)
{
	_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;

	return lock_target(c, &lock, err) < 0 ? -1 : run_all(c, err);
}

/* ---- delta ---- */

static int
need_full(struct cycle *c, bool *ret_full, const char *why)
{
	const struct run_event e = {.kind = RUN_NEEDS_FULL, .level = LOG_NOTICE};

	*ret_full = true;
	run_event(c->run, &e, "%s: everything is read", why);
	return 0;
}

static const char *
why_lost(struct dir *d)
{
	const struct dir_info *info = d->ops->info(d);

	return info && info->lost ? info->lost
				  : "the server's history does not reach back to the last cycle";
}

/* What changed, from the CURSORs of the last cycle. */
static int
listen_from(struct cycle *c, struct delta *x, const struct bytes cursor[SIDES], bool *ret_full,
    struct err *err)
{
	enum side lost;

	if (!cursor[SOURCE].data || !cursor[TARGET].data)
		return need_full(c, ret_full, "no synchronization was completed yet");
	if (delta_listen(x, cursor, &lost, err) < 0)
		return -1;
	if (lost != SIDES)
		return need_full(c, ret_full, why_lost(c->run->dir[lost]));
	if (delta_concerned(x, err) < 0)
		return -1;
	return x->too_many ? need_full(c, ret_full, "many objects changed") : 0;
}

static int
listen(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	struct bytes cursor[SIDES] = {0};
	int rc = 0;

	for (int side = SOURCE; rc == 0 && side < SIDES; side++)
		rc = store_get_cursor(
		    c->run->map, c->run->link_id, (enum side)side, &cursor[side], err);
	if (rc == 0)
		rc = listen_from(c, x, cursor, ret_full, err);
	for (int side = SOURCE; side < SIDES; side++)
		free((void *)(uintptr_t)cursor[side].data);
	return rc;
}

/* A delta's reading is in two places: what changed, and then round by round what is concerned. */
static int
listen_timed(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	int64_t start_ms = begin_phase(c, RUN_PHASE_READ);
	int rc = listen(c, x, ret_full, err);

	end_phase(c, RUN_PHASE_READ, start_ms);
	return rc;
}

static int
fetch_timed(struct cycle *c, struct delta *x, size_t from, struct err *err)
{
	int64_t start_ms = begin_phase(c, RUN_PHASE_READ);
	int rc = delta_fetch(x, from, err);

	end_phase(c, RUN_PHASE_READ, start_ms);
	return rc;
}

static int
decide_timed(struct cycle *c, struct delta *x, uint32_t index, size_t from, struct err *err)
{
	int64_t start_ms = begin_phase(c, RUN_PHASE_DECIDE);
	int rc = decide_from(c, index, err);

	if (rc == 0)
		rc = delta_followers(x, index, from, err);
	end_phase(c, RUN_PHASE_DECIDE, start_ms);
	return rc;
}

static int
decide_concerned(struct cycle *c, struct delta *x, struct err *err)
{
	size_t from = 0;
	uint32_t index = 0;

	while (from < x->concerned.n) {
		size_t n = x->concerned.n;

		if (fetch_timed(c, x, from, err) < 0 || decide_timed(c, x, index, from, err) < 0)
			return -1;
		from = n;
		index = world_count(c->world, SOURCE);
	}
	return 0;
}

/* Without news the stored cursors are as good as the new ones. */
static void
keep_cursors(struct delta *x)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (!x->changed[SOURCE].n && !x->changed[TARGET].n)
			buf_reset(&x->cursor[side]);
}

static int
run_concerned(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;

	if (lock_target(c, &lock, err) < 0 || open_world(c, err) < 0 || begin(c, err) < 0 ||
	    load_csv(c, err) < 0 || open_map(c, err) < 0 || decide_concerned(c, x, err) < 0 ||
	    finish_phases(c, err) < 0)
		return -1;
	return limits_why_full(c) ? need_full(c, ret_full, limits_why_full(c)) : 0;
}

/* Nothing is asked of the feeds, and nothing is written down. */
static int
run_look(struct cycle *c, struct delta *x, struct err *err)
{
	const char *ignored;

	if (open_world(c, err) < 0 || load_csv(c, err) < 0 || open_map(c, err) < 0 ||
	    limits_recall(c, &ignored, err) < 0 || delta_concern(x, c->opt->look_at, err) < 0 ||
	    decide_concerned(c, x, err) < 0 || leave_plan_all(c, err) < 0 || plan_all(c, err) < 0)
		return -1;
	return c->opt->look(c, c->opt->look_arg, err);
}

static int
run_delta(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	const char *why;

	if (c->opt->look_at)
		return run_look(c, x, err);
	if (!c->run->link_id)
		return need_full(c, ret_full, "the map does not know the link yet");
	if (store_begin(c->run->store, STORE_READ, &c->run->map, err) < 0 ||
	    limits_recall(c, &why, err) < 0)
		return -1;
	if (why)
		return need_full(c, ret_full, why);
	if (c->opt->plan_only && c->opt->n_objects) {
		if (delta_concern_asked(x, err) < 0)
			return -1;
	} else if (listen_timed(c, x, ret_full, err) < 0 || *ret_full) {
		return *ret_full ? 0 : -1;
	}
	keep_cursors(x);
	/* What an earlier cycle held stays held when nothing changed. */
	if (x->concerned.n == 0 && limits_check_all(c, err) < 0)
		return -1;
	store_abort(TAKE(c->run->map));
	return x->concerned.n ? run_concerned(c, x, ret_full, err) : 0;
}

void
cycle_ready_done(struct cycle_ready *r)
{
	for (size_t i = 0; i < READY_MAX; i++)
		free(r->of[i].v);
}

void
cycle_free(struct cycle *c)
{
	if (!c)
		return;
	store_abort(TAKE(c->run->map));
	for (size_t i = 0; c->matching.csv && i < c->run->link->n_match; i++)
		match_csv_free(c->matching.csv[i]);
	free(c->matching.csv);
	plan_free(c->plan);
	world_free(c->world);
	table_free(c->table);
	adopt_tools_free(c->matching.tools);
	delta_free(c->delta);
	limits_free(c->limits);
	lag_free(c->lag);
	births_free(c->births);
	replan_free(c->replan);
	heirs_free(c->heirs);
	free(c);
}

struct settled {
	struct guid_list due;
	struct guid_set notes; /* those that another flow has put down (other_flow.h) */
};

static int
take_settled(const struct store_retry *r, void *arg, struct err *err)
{
	struct settled *s = arg;

	if (other_flow_is_note(r->why) && guid_set_add(&s->notes, &r->source) < 0)
		return err_nomem(err);
	return guid_list_add(&s->due, &r->source, err);
}

/* G was due. As long as it is out of scope, nobody could look at the contact that gives way to it.
 */
static int
settle(struct cycle *c, struct store_txn *t, const struct guid *g, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(record_free) struct record *r = NULL;
	bool found;

	if (cycle_find_decision(c, g, &d, &found, err) < 0)
		return -1;
	if (found && d.verdict == SCOPE_IN)
		return outcome_settle(c, t, g, err);
	if (store_find_guid(t, c->run->link_id, SOURCE, g, &r, err) < 0)
		return -1;
	return r ? outcome_accept(c, t, g, err) : outcome_settle(c, t, g, err);
}

/* What was due when the cycle began was looked at, and would be due later if it had failed again:
 * nothing had to be written any more, or it has left. What a limit holds stays due, unless it was
 * only to be looked at. */
static int
forget_settled(struct cycle *c, struct store_txn *t, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set held = {0};
	struct settled s = {.due = {0}};
	int rc = store_each_retry(t, c->run->link_id, c->run->start_s, take_settled, &s, err);

	if (rc == 0)
		rc = limits_add_held(c, &held, err);
	for (size_t i = 0; rc == 0 && i < s.due.n; i++)
		if (!guid_set_has(&held, &s.due.v[i]) || guid_set_has(&s.notes, &s.due.v[i]))
			rc = settle(c, t, &s.due.v[i], err);
	free(s.due.v);
	guid_set_done(&s.notes);
	return rc;
}

/* A cycle that nobody told of changes, or that wrote nothing, leaves the latency of one before. */
static int
keep_latency(struct cycle *c, struct store_txn *t, json_t **summary, struct err *err)
{
	_cleanup_(json_release) json_t *before = NULL;
	_cleanup_(free) char *text = NULL;

	if (c->res->latency_ms)
		return 0;
	if (store_get_summary(t, c->run->link_id, &text, err) < 0)
		return -1;
	before = text ? json_loads(text, 0, NULL) : NULL;
	if (json_is_object(json_object_get(before, "latency")))
		json_put_member(
		    summary, "latency", json_incref(json_object_get(before, "latency")));
	return 0;
}

static int
store_own_summary(struct cycle *c, struct store_txn *t, struct err *err)
{
	_cleanup_(json_release) json_t *summary =
	    cycle_summary(c->run->link, c->res, clock_realtime_s());
	_cleanup_(free) char *json = NULL;

	if (keep_latency(c, t, &summary, err) < 0)
		return -1;
	json = summary ? json_dumps(summary, JSON_COMPACT) : NULL;
	return json ? store_put_summary(t, c->run->link_id, json, err) : err_nomem(err);
}

/* The last transaction of a cycle: its summary, what is held, and where the next delta starts. */
static int
store_end(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	const struct buf *cursor = c->delta->cursor;

	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0 ||
	    store_own_summary(c, t, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++)
		if (cursor[side].len && store_put_cursor(t, c->run->link_id, (enum side)side,
					    buf_bytes(&cursor[side]), err) < 0)
			return -1;
	if (forget_settled(c, t, err) < 0 || limits_store(c, t, err) < 0 ||
	    store_keep_time(t, err) < 0)
		return -1;
	if (!guid_is_zero(&c->delta->conflict_place) &&
	    store_put_conflict_place(t, c->run->link_id, &c->delta->conflict_place, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

/* A delta that was told by one server and read another one hears of it again. */
static void
keep_what_was_read(struct cycle *c)
{
	if (!c->run->is_delta || delta_reads_what_was_told(c->delta))
		return;
	run_message(c->run, LOG_INFO, NULL, c->run->link->name,
	    "another server answers than the one that told of the changes: the next cycle looks at "
	    "them again");
	for (int side = SOURCE; side < SIDES; side++)
		buf_reset(&c->delta->cursor[side]);
}

int
cycle_finish(struct cycle *c, struct err *err)
{
	if (!c->run->store || c->opt->plan_only || c->opt->only)
		return 0;
	keep_what_was_read(c);
	if (c->run->is_delta && !c->delta->concerned.n && !c->delta->cursor[SOURCE].len)
		return 0;
	return store_end(c, err);
}

static int
make_parts(struct cycle *c, struct err *err)
{
	if (delta_new(c, &c->delta, err) < 0 || limits_new(&c->limits, err) < 0 ||
	    lag_new(&c->lag, err) < 0)
		return -1;
	return replan_new(&c->replan, err) < 0 ? -1 : heirs_new(&c->heirs, err);
}

int
cycle_new(struct run *run, bool is_delta, const struct cycle_options *opt, struct cycle_result *res,
    struct cycle **ret, struct err *err)
{
	_cleanup_(cycle_free) struct cycle *c = calloc(1, sizeof *c);

	*res = (struct cycle_result){.delta = is_delta};
	if (!c)
		return err_nomem(err);
	run->cycle = 0;
	run->is_delta = is_delta;
	run->start_s = clock_realtime_s();
	c->run = run;
	c->opt = opt;
	c->res = res;
	if (make_parts(c, err) < 0)
		return -1;
	*ret = TAKE(c);
	return 0;
}

int
cycle_connect(struct cycle *c, struct err *err)
{
	return phase(c, RUN_PHASE_CONNECT, connect, err);
}

int
cycle_run(struct cycle *c, bool *ret_full, struct err *err)
{
	int rc;

	*ret_full = false;
	rc = c->run->is_delta ? run_delta(c, c->delta, ret_full, err) : run_full(c, err);
	if (c->run->is_delta && c->res->applied && c->opt->heard_us)
		c->res->latency_ms = (uint64_t)(clock_monotonic_us() - c->opt->heard_us) / 1000 + 1;
	for (int side = SOURCE; c->world && side < SIDES; side++)
		c->res->read[side] = world_read_count(c->world, (enum side)side);
	if (c->opt->ready)
		c->opt->ready->link_is_held =
		    limits_hold(c, HELD_DELETES) || limits_hold(c, HELD_REDIRECTIONS);
	return rc < 0 || *ret_full ? rc : asked_judge(c, err);
}
