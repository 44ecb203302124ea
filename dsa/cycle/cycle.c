/* SPDX-License-Identifier: MIT */
/*
 * A cycle, phase by phase, and what a crash leaves behind:
 *
 *   connect   both directories; schema, bases and rights are checked.     nothing
 *   recover   open journal entries of an interrupted run are settled.     the same entries, open
 *   read      both sides, whole, into the working sets.                   nothing (unlinked files)
 *   decide    who is in scope, who corresponds to whom, new names.        nothing
 *   plan      projection and difference: the steps.                       nothing
 *   apply     intent, write, outcome: batch by batch.                     open intents: see recover
 *   confirm   the GUIDs of what was created.                              records without target
 * GUID: found again by their stamps
 *   switch    whose readiness attribute appeared.                         see turn_run.c
 *
 *   cursors   of both sides, as they were before the read, are stored      the old cursors
 *
 * Everything before `apply` reads only. Whatever a crash in `apply` leaves half done is a
 * difference that the next cycle's plan finds, because it starts from what is in the directories.
 */
#include "dsa/cycle/cycle_priv.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/delta_priv.h"
#include "dsa/directory/guid_set.h"
#include "dsa/jobs/toggle.h"
#include "dsa/jobs/turns.h"
#include "dsa/run/sides.h"
#include "mapping/journal.h"

#define DRIFT_ROUNDS 4
#define RECONNECT_ATTEMPTS 5

static const char *const phase_names[] = {
    [CYCLE_CONNECT] = "connect",
    [CYCLE_READ] = "read",
    [CYCLE_DECIDE] = "decide",
    [CYCLE_PLAN] = "plan",
    [CYCLE_APPLY] = "apply",
    [CYCLE_CONFIRM] = "confirm",
};
_Static_assert(ARRAY_SIZE(phase_names) == CYCLE_PHASE_MAX, "a name for each phase");

const char *
cycle_phase_name(enum cycle_phase p)
{
	return phase_names[p];
}

bool
cycle_is_asked_for(const struct cycle *c, const struct guid *g)
{
	for (size_t i = 0; i < c->opt->n_objects; i++)
		if (guid_equal(&c->opt->objects[i], g))
			return true;
	return false;
}

void
cycle_progress(const struct cycle *c, enum cycle_phase phase, uint64_t done, uint64_t total)
{
	if (c->opt->progress)
		c->opt->progress(phase, done, total, c->opt->arg);
}

void
cycle_lost(const struct cycle *c, enum side side, const struct err *err)
{
	/* Where it is not mended at once, the cycle ends with the same words. */
	const struct cycle_event e = {
	    .kind = CYCLE_LOST, .level = LOG_DEBUG, .side = side, .err = err};

	if (err->scope == ERR_PEER)
		cycle_tell(c, &e, "%s", err->text);
}

struct opening {
	struct cycle *c;
	bool open[SIDES];
};

static int
open_side(enum side side, void *arg, struct err *err)
{
	struct opening *o = arg;

	o->open[side] = dir_open(o->c->dir[side], err) == 0;
	return o->open[side] ? 0 : -1;
}

/* Opens both; without effect on what is open. *RET_SIDE is where that failed. */
static int
open_both(struct cycle *c, enum side *ret_side, struct err *err)
{
	struct opening o = {.c = c};
	int rc = sides_run(open_side, &o, err);

	*ret_side = o.open[SOURCE] ? TARGET : SOURCE;
	for (int side = SOURCE; side < SIDES; side++) {
		const struct cycle_event e = {
		    .kind = CYCLE_CONNECTED, .level = LOG_DEBUG, .side = (enum side)side};

		if (o.open[side])
			cycle_tell(c, &e, "connected");
	}
	return rc;
}

int
cycle_reconnect(struct cycle *c, struct err *err)
{
	struct cycle_event e = {.kind = CYCLE_LOST, .level = LOG_WARNING, .err = err};
	int pause_ms = 250;

	for (int i = 0; i < RECONNECT_ATTEMPTS; i++, pause_ms *= 2) {
		if (open_both(c, &e.side, err) == 0)
			return 0;
		if (err->retry != ERR_LATER || err->code == ECANCELED)
			return -1;
		cycle_tell(c, &e, "%s: tried again in %d ms", err->text, pause_ms);
		(void)poll(NULL, 0, pause_ms);
	}
	return -1;
}

static int
load_csv(struct cycle *c, struct err *err)
{
	c->csv = calloc(c->link->n_match + 1, sizeof *c->csv);
	if (!c->csv)
		return err_nomem(err);
	for (size_t i = 0; i < c->link->n_match; i++)
		if (c->link->match[i].method == MATCH_CSV &&
		    match_csv_load(c->link->match[i].csv_file, &c->csv[i], err) < 0)
			return -1;
	return 0;
}

static int
connect_both(struct cycle *c, struct err *err)
{
	struct dir *target = c->dir[TARGET];
	enum side side;

	if (open_both(c, &side, err) < 0) {
		cycle_lost(c, side, err);
		return -1;
	}
	(void)snprintf(
	    c->start_server, sizeof c->start_server, "%s", target->ops->info(target)->server);
	if (target->ops->usn(target, &c->start_usn, err) < 0)
		return -1;
	if (table_new(c->link, c->dir[SOURCE]->ops->schema(c->dir[SOURCE]),
		target->ops->schema(target), &c->table, err) < 0)
		return err_ctx(err, "link '%s'", c->link->name);
	if (c->table->n_lacking && !c->lazy)
		cycle_note(c, 6, NULL, c->link->name,
		    "not synchronized because a schema lacks them: %s", c->table->lacking);
	return c->lazy ? 0 : cycle_check(c, err);
}

static void
note_turn(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	const struct cycle *c = arg;

	cycle_tell_resumed(c->opt, source, dn, ok, text);
}

/* A half-done turn must not be taken for somebody's mistake and repaired. */
static int
resume_turns(struct cycle *c, struct err *err)
{
	struct turn_env env = {.result = note_turn, .changed = cycle_turn_changed, .arg = c};

	turns_env(c->link, c->dir, c->store, c->link_id, &env);
	if (turn_resume(&env, err) < 0)
		return -1;
	/* The cycle of a toggle under way is no reason to end it. */
	return c->opt->toggling ? 0 : toggle_resume(c->link, &env, err);
}

static void
tell_begun(const struct cycle *c)
{
	const struct cycle_event e = {.kind = CYCLE_BEGUN, .level = c->lazy ? LOG_DEBUG : LOG_INFO};

	cycle_tell(c, &e, "%s", c->lazy ? "delta" : "full synchronization");
}

/* The number of this run, and an end to what the last one left open. */
static int
begin(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (!c->store)
		return 0;
	if (store_begin(c->store, c->opt->plan_only ? STORE_READ : STORE_WRITE, &t, err) < 0 ||
	    store_link_id(t, c->link->name, &c->link_id, err) < 0)
		return -1;
	if (c->opt->plan_only)
		return 0;
	if (journal_begin_cycle(t, c->link_id, &c->res->number, err) < 0 ||
	    store_commit(TAKE(t), err) < 0)
		return -1;
	tell_begun(c);
	return cycle_recover(c, err) < 0 ? -1 : resume_turns(c, err);
}

static int64_t
begin_phase(const struct cycle *c, enum cycle_phase p)
{
	cycle_progress(c, p, 0, 0);
	return clock_monotonic_ms();
}

static void
end_phase(struct cycle *c, enum cycle_phase p, int64_t start_ms)
{
	c->res->phase_ms[p] += (uint64_t)(clock_monotonic_ms() - start_ms);
}

/* Runs one phase and notes how long it took. */
static int
phase(struct cycle *c, enum cycle_phase p, int (*run)(struct cycle *c, struct err *err),
    struct err *err)
{
	int64_t start_ms = begin_phase(c, p);
	int rc = run(c, err);

	end_phase(c, p, start_ms);
	/* What a full cycle's phases leave free is much, and in pieces: it does not add up. */
	if (!c->lazy)
		(void)malloc_trim(0);
	return rc;
}

static int
plan_all(struct cycle *c, struct err *err)
{
	if (cycle_plan(c, err) < 0 || cycle_limit(c, HELD_REDIRECTIONS, err) < 0 ||
	    cycle_plan_leavers(c, err) < 0 || cycle_find_ready(c, err) < 0)
		return -1;
	cycle_tell_held(c);
	if (!c->opt->plan_only)
		return 0;
	return cycle_store_conflicts(c, err) < 0 ? -1 : cycle_store_elsewhere(c, err);
}

static int
apply_all(struct cycle *c, struct err *err)
{
	if (cycle_store_conflicts(c, err) < 0 || cycle_apply(c, err) < 0)
		return -1;
	for (int i = 0; i < DRIFT_ROUNDS && c->n_again; i++)
		if (cycle_replan(c, err) < 0 || cycle_apply(c, err) < 0)
			return -1;
	if (cycle_give_up(c, c->again, c->n_again,
		"the directory kept changing while it was written", err) < 0)
		return -1;
	return cycle_store_elsewhere(c, err);
}

/* The cursors are taken before anything is read: what changes meanwhile is told twice. A forest
 * whose feed does not work can still be synchronized in full. */
static void
take_cursors(struct cycle *c)
{
	const struct bytes none[SIDES] = {0};
	struct delta x = {.c = c};
	enum side lost;
	struct err err;

	if (delta_listen(&x, none, &lost, &err) < 0)
		cycle_note(
		    c, 4, NULL, c->link->name, "%s: the next cycle is a full one again", err.text);
	else
		for (int side = SOURCE; side < SIDES; side++) {
			c->cursor[side] = x.cursor[side];
			x.cursor[side] = (struct buf){0};
		}
	delta_done(&x);
}

/* From decisions to the end. */
static int
finish_phases(struct cycle *c, struct err *err)
{
	int rc = phase(c, CYCLE_PLAN, plan_all, err);

	store_abort(TAKE(c->read));
	if (rc < 0 || c->why_full)
		return rc;
	if (c->opt->plan_only)
		return cycle_print_plan(c, err);
	if (phase(c, CYCLE_APPLY, apply_all, err) < 0)
		return -1;
	if (c->wrote && phase(c, CYCLE_CONFIRM, cycle_confirm, err) < 0)
		return -1;
	return cycle_switch_ready(c, err);
}

static int
run_full(struct cycle *c, struct err *err)
{
	uint64_t ignored;

	if (phase(c, CYCLE_CONNECT, connect_both, err) < 0 || begin(c, err) < 0 ||
	    load_csv(c, err) < 0)
		return -1;
	if (!c->opt->plan_only)
		take_cursors(c);
	if (phase(c, CYCLE_READ, cycle_read, err) < 0)
		return -1;
	if (c->store && c->link_id && store_begin(c->store, STORE_READ, &c->read, err) < 0)
		return -1;
	if (c->read && store_get_decided(c->read, c->link_id, &c->decided, &ignored, err) < 0)
		return -1;
	if (phase(c, CYCLE_DECIDE, cycle_decide, err) < 0)
		return -1;
	return finish_phases(c, err);
}

/* ---- delta ---- */

static int
need_full(struct cycle *c, bool *ret_full, const char *why)
{
	const struct cycle_event e = {.kind = CYCLE_NEEDS_FULL, .level = LOG_NOTICE};

	*ret_full = true;
	cycle_tell(c, &e, "%s: everything is read", why);
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
		return need_full(c, ret_full, why_lost(c->dir[lost]));
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
		rc = store_get_cursor(c->read, c->link_id, (enum side)side, &cursor[side], err);
	if (rc == 0)
		rc = listen_from(c, x, cursor, ret_full, err);
	for (int side = SOURCE; side < SIDES; side++)
		free((void *)(uintptr_t)cursor[side].data);
	return rc;
}

/* A delta's reading is in two places: what changed, and then round by round who is concerned. */
static int
listen_timed(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	int64_t start_ms = begin_phase(c, CYCLE_READ);
	int rc = listen(c, x, ret_full, err);

	end_phase(c, CYCLE_READ, start_ms);
	return rc;
}

static int
fetch_timed(struct cycle *c, struct delta *x, size_t from, struct err *err)
{
	int64_t start_ms = begin_phase(c, CYCLE_READ);
	int rc = delta_fetch(x, from, err);

	end_phase(c, CYCLE_READ, start_ms);
	return rc;
}

static int
decide_timed(struct cycle *c, struct delta *x, uint32_t index, size_t from, struct err *err)
{
	int64_t start_ms = begin_phase(c, CYCLE_DECIDE);
	int rc = cycle_decide_from(c, index, err);

	if (rc == 0)
		rc = delta_followers(x, index, from, err);
	end_phase(c, CYCLE_DECIDE, start_ms);
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
		index = workset_count(c->ws[SOURCE]);
	}
	return 0;
}

static int
open_worksets(struct cycle *c, struct err *err)
{
	const struct cycle_options *o = c->opt;

	if (workset_open(o->work_dir, "source", o->map_size_mb, &c->ws[SOURCE], err) < 0)
		return -1;
	return workset_open(o->work_dir, "target", o->map_size_mb, &c->ws[TARGET], err);
}

static int
open_map(struct cycle *c, struct err *err)
{
	if (store_begin(c->store, STORE_READ, &c->read, err) < 0)
		return -1;
	return store_link_id(c->read, c->link->name, &c->link_id, err);
}

static int
found_operation(const struct store_operation *o, void *arg)
{
	(void)o;
	*(bool *)arg = true;
	return 1;
}

static int
any_operation(struct cycle *c, bool *ret, struct err *err)
{
	*ret = false;
	return store_each_operation(c->read, c->link_id, found_operation, ret, err);
}

/* What an earlier cycle held stays held when nothing changed. */
static int
still_held(struct cycle *c, struct err *err)
{
	for (size_t kind = HELD_NOTHING + 1; kind < HELD_KIND_MAX; kind++)
		if (cycle_limit(c, (enum held_kind)kind, err) < 0)
			return -1;
	return 0;
}

static int
run_delta(struct cycle *c, struct delta *x, bool *ret_full, struct err *err)
{
	const char *why;
	bool pending = false;

	if (phase(c, CYCLE_CONNECT, connect_both, err) < 0 || open_map(c, err) < 0)
		return -1;
	if (!c->link_id)
		return need_full(c, ret_full, "the map does not know the link yet");
	if (cycle_recall_held(c, &why, err) < 0)
		return -1;
	if (why)
		return need_full(c, ret_full, why);
	if (listen_timed(c, x, ret_full, err) < 0 || *ret_full)
		return *ret_full ? 0 : -1;
	for (int side = SOURCE; side < SIDES; side++) {
		/* Without news the stored cursor is as good as the new one. */
		if (x->changed[SOURCE].n || x->changed[TARGET].n)
			c->cursor[side] = x->cursor[side];
		else
			buf_done(&x->cursor[side]);
		x->cursor[side] = (struct buf){0};
	}
	if (any_operation(c, &pending, err) < 0 || (x->concerned.n == 0 && still_held(c, err) < 0))
		return -1;
	store_abort(TAKE(c->read));
	/* What was interrupted is finished even if nothing else is to do. */
	if (x->concerned.n == 0)
		return pending ? begin(c, err) : 0;
	if (open_worksets(c, err) < 0 || begin(c, err) < 0 || load_csv(c, err) < 0 ||
	    open_map(c, err) < 0 || decide_concerned(c, x, err) < 0 || finish_phases(c, err) < 0)
		return -1;
	return c->why_full ? need_full(c, ret_full, c->why_full) : 0;
}

static void
cycle_done(struct cycle *c)
{
	store_abort(c->read);
	for (size_t i = 0; c->csv && i < c->link->n_match; i++)
		match_csv_free(c->csv[i]);
	free(c->csv);
	for (size_t i = 0; i < c->n_ous; i++)
		free(c->ous[i]);
	free(c->ous);
	free(c->again);
	free(c->created.v);
	free(c->elsewhere.v);
	free(c->missed.v);
	for (size_t i = 0; i < READY_MAX; i++)
		free(c->ready[i].v);
	for (size_t i = 0; i < HELD_KIND_MAX; i++) {
		free(c->limited[i].waits.v);
		free(c->limited[i].approved.v);
		free(c->limited[i].rejected.v);
	}
	buf_done(&c->ready_text);
	buf_done(&c->cursor[SOURCE]);
	buf_done(&c->cursor[TARGET]);
	table_free(c->table);
	workset_free(c->ws[SOURCE]);
	workset_free(c->ws[TARGET]);
}

struct settled {
	struct guid_list guids;
	struct err *err;
	bool failed;
};

static int
take_settled(const struct store_retry *r, void *arg)
{
	struct settled *w = arg;

	w->failed = guid_list_add(&w->guids, &r->source, w->err) < 0;
	return w->failed;
}

/* Whoever was due when the cycle began was looked at, and would be due later if he had failed
 * again: nothing had to be written any more, or he has left. Or a limit holds what is to be. */
static int
forget_settled(struct cycle *c, struct store_txn *t, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set held = {0};
	struct settled w = {.err = err};
	int rc = store_each_retry(t, c->link_id, c->start_s, take_settled, &w, err);

	if (w.failed)
		rc = -1;
	if (rc == 0)
		rc = cycle_held_objects(c, &held, err);
	for (size_t i = 0; rc == 0 && i < w.guids.n; i++)
		if (!guid_set_has(&held, &w.guids.v[i]))
			rc = outcome_accept(c, t, &w.guids.v[i], err);
	free(w.guids.v);
	return rc;
}

/* The last transaction of a cycle: its summary, who is held, and where the next delta starts. */
static int
store_end(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(free) char *json = cycle_summary_json(c->link, c->res);

	if (!json)
		return err_nomem(err);
	if (store_begin(c->store, STORE_WRITE, &t, err) < 0 ||
	    store_put_summary(t, c->link_id, json, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++)
		if (c->cursor[side].len && store_put_cursor(t, c->link_id, (enum side)side,
					       buf_bytes(&c->cursor[side]), err) < 0)
			return -1;
	if (forget_settled(c, t, err) < 0 || cycle_store_held(c, t, err) < 0)
		return -1;
	if (!guid_is_zero(&c->conflict_place) &&
	    store_put_conflict_place(t, c->link_id, &c->conflict_place, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

int
cycle_full(const struct conf_link *link, struct dir *source, struct dir *target,
    struct store *store, const struct cycle_options *opt, struct cycle_result *ret, struct err *err)
{
	struct cycle c = {.link = link,
	    .dir = {source, target},
	    .store = store,
	    .opt = opt,
	    .res = ret,
	    .start_s = clock_realtime_s()};
	int rc;

	*ret = (struct cycle_result){0};
	rc = open_worksets(&c, err);
	if (rc == 0)
		rc = run_full(&c, err);
	if (rc == 0 && store && !opt->plan_only)
		rc = store_end(&c, err);
	cycle_done(&c);
	return rc;
}

int
cycle_delta(const struct conf_link *link, struct dir *source, struct dir *target,
    struct store *store, const struct cycle_options *opt, struct cycle_result *ret, bool *ret_full,
    struct err *err)
{
	struct cycle c = {.link = link,
	    .dir = {source, target},
	    .store = store,
	    .opt = opt,
	    .res = ret,
	    .lazy = true,
	    .start_s = clock_realtime_s()};
	struct delta x = {.c = &c};
	int rc;

	*ret = (struct cycle_result){.delta = true};
	*ret_full = false;
	c.concerned = &x.concerned;
	rc = run_delta(&c, &x, ret_full, err);
	if (rc == 0 && !*ret_full && !opt->plan_only && (x.concerned.n || c.cursor[SOURCE].len))
		rc = store_end(&c, err);
	cycle_done(&c);
	delta_done(&x);
	return rc;
}
