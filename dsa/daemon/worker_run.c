/* SPDX-License-Identifier: MIT */
/* What a worker does: a cycle, a turn, a look. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/daemon/inspect.h"
#include "dsa/daemon/worker_priv.h"
#include "dsa/jobs/toggle.h"
#include "dsa/jobs/turns.h"

void
worker_on_progress(enum cycle_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct worker *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	w->state.cycle = phase;
	w->state.done = done;
	w->state.total = total;
	w->state.beat_ms = clock_monotonic_ms();
	(void)pthread_mutex_unlock(&w->lock);
	worker_tell(w);
}

static void
on_event(const struct cycle_event *e, void *arg)
{
	struct worker *w = arg;

	if (e->kind == CYCLE_FEED) {
		(void)pthread_mutex_lock(&w->lock);
		w->state.feed[e->side] = e->by_usn ? WORKER_FEED_USN : WORKER_FEED_DIRSYNC;
		(void)pthread_mutex_unlock(&w->lock);
	}
	lines_event(e, w->lines);
}

static int
run_cycle(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	FILE *plan = NULL;
	struct cycle_options opt = {.work_dir = w->conf->state_directory,
	    .map_size_mb = w->conf->map_size_mb,
	    .progress = worker_on_progress,
	    .tell = on_event,
	    .arg = w};
	bool full = q->number && q->what != REQUEST_OBJECT;
	int rc = 0;

	opt.objects = q->objects;
	opt.n_objects = q->n;
	if (q->number && q->what == REQUEST_PLAN) {
		plan = fdopen(q->plan_fd, "w");
		if (!plan)
			return err_sys(err, errno, "plan");
		opt.plan_only = true;
		opt.plan_to = plan;
	}
	lines_begin(w->lines, opt.plan_only);
	if (q->number && q->what == REQUEST_FULL)
		lines_full(w->lines, "asked for");
	if (!full)
		rc = cycle_delta(
		    w->link, w->dir[SOURCE], w->dir[TARGET], w->store, &opt, r, &full, err);
	if (rc == 0 && full)
		rc = cycle_full(w->link, w->dir[SOURCE], w->dir[TARGET], w->store, &opt, r, err);
	if (plan && fclose(plan) != 0 && rc == 0)
		rc = err_sys(err, errno, "write of the plan");
	return rc;
}

/* RESULTS are taken over. */
static void
put_results(struct worker *w, json_t *results)
{
	json_decref(w->results);
	w->results = results;
}

struct turning {
	struct worker *w;
	json_t *results;
	struct cycle_result *result;
	bool quiet; /* nothing is done, so there is nothing to log */
};

static void
on_turned(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	struct turning *t = arg;
	char guid[GUID_TEXT_SIZE];

	guid_format(source, guid);
	(void)json_array_append_new(t->results,
	    json_pack("{s:s, s:s, s:b, s:s}", "guid", guid, "dn", dn, "ok", ok, "text", text));
	t->result->failed += !ok;
	if (!t->quiet)
		lines_turned(t->w->lines, false, source, dn, ok, text);
}

void
worker_on_changed(uint64_t number, enum side side, const struct guid *source,
    const struct change *change, const char *reason, void *arg)
{
	struct worker *w = arg;
	struct dir *d = w->dir[side];
	const struct dir_info *info = d->ops->info(d);
	const struct cycle_options opt = {.tell = on_event, .arg = w};
	const struct cycle_event where = {
	    .cycle = number, .source = source, .side = side, .peer = info ? info->server : NULL};

	cycle_tell_change(&opt, &where, change, reason);
}

static void
on_turn_changed(uint64_t number, enum side side, const struct guid *source,
    const struct change *change, const char *reason, void *arg)
{
	const struct turning *t = arg;

	worker_on_changed(number, side, source, change, reason, t->w);
}

static void
on_turn_progress(size_t done, size_t total, void *arg)
{
	struct turning *t = arg;

	worker_on_progress(CYCLE_APPLY, done, total, t->w);
}

static int
run_turns(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	bool dry_run = q->what == REQUEST_TOGGLE_PLAN || q->what == REQUEST_SWEEP_PLAN;
	struct cycle_options opt = {.work_dir = w->conf->state_directory,
	    .map_size_mb = w->conf->map_size_mb,
	    .progress = worker_on_progress,
	    .tell = on_event,
	    .arg = w};
	struct turning t = {w, json_array(), r, dry_run};
	struct turn_env env = {.result = on_turned,
	    .changed = on_turn_changed,
	    .progress = on_turn_progress,
	    .arg = &t};
	int rc;

	lines_begin(w->lines, false);
	if (q->what == REQUEST_TOGGLE) {
		rc = toggle_run(
		    w->link, w->dir, w->store, q->objects, q->n, &opt, on_turned, &t, err);
	} else if (q->what == REQUEST_TOGGLE_PLAN) {
		rc = toggle_plan(w->link, w->dir, w->store, q->objects, q->n, on_turned, &t, err);
	} else if (q->what == REQUEST_SWEEP || q->what == REQUEST_SWEEP_PLAN) {
		rc = toggle_sweep(w->link, w->dir, w->store, dry_run, &opt, on_turned, &t, err);
	} else {
		rc = turns_run(w->link, w->dir, w->store,
		    q->what == REQUEST_SWITCH ? TURN_SWITCH : TURN_UNDO, q->objects, q->n, &env,
		    err);
	}
	put_results(w, t.results);
	return rc;
}

/* What only looks. */
static int
run_inspection(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	const struct inspect in = {.conf = w->conf,
	    .link = w->link,
	    .dir = w->dir,
	    .store = w->store,
	    .progress = worker_on_progress,
	    .arg = w};
	json_t *found = NULL;
	bool bad = false;
	int rc = q->what == REQUEST_TRACE
		     ? inspect_trace(&in, q->address, q->from, &found, &bad, err)
		     : inspect_verify(&in, q->objects, q->n, &found, &bad, err);

	r->problems = bad;
	put_results(w, found);
	return rc;
}

bool
worker_is_turn(const struct request *q)
{
	return q->number && q->what >= REQUEST_SWITCH;
}

static bool
is_inspection(const struct request *q)
{
	return q->number && (q->what == REQUEST_VERIFY || q->what == REQUEST_TRACE);
}

int
worker_run(struct worker *w, const struct request *q, struct cycle_result *r, struct err *err)
{
	return is_inspection(q)	   ? run_inspection(w, q, r, err)
	       : worker_is_turn(q) ? run_turns(w, q, r, err)
				   : run_cycle(w, q, r, err);
}

struct worker_answer *
worker_answer_of(struct worker *w, const struct request *q, int rc, const struct cycle_result *r)
{
	struct worker_answer *a = calloc(1, sizeof *a);
	/* Whoever asks for one object is not told of the others. */
	bool held = q->what == REQUEST_OBJECT ? r->held_asked > 0 : r->held;

	if (!a) {
		json_decref(TAKE(w->results));
		return NULL;
	}
	*a = (struct worker_answer){.number = q->number,
	    .status = rc < 0 || r->failed		    ? 1
		      : held || r->conflicts || r->problems ? 3
							    : 0,
	    .cycle = !worker_is_turn(q),
	    .result = *r,
	    .results = TAKE(w->results)};
	(void)snprintf(a->error, sizeof a->error, "%s", rc < 0 ? w->state.error : "");
	return a;
}
