/* SPDX-License-Identifier: MIT */
/*
 * Executes the plan.
 *
 *   1. The intents of a step are committed to the journal, and
 *      its record, as pending, to the map.                        Order is important!
 *   2. Its changes are made, one after the other.
 *   3. Its outcome, its record and its waiting references are committed together.
 *
 * A crash between 1 and 3 leaves open intents; the next run looks at the directory to settle them
 * (recover.c) and plans from what it reads there, so it never matters how far a step came.
 *
 * Steps are in a ring, in the order of the plan. Up to the window of each directory is under way at
 * once. Steps 1 and 3 are done for many at a time, in one transaction, while the servers still have
 * work: a commit waits for the disk. A step begins when all those it waits for have ended; they are
 * before it in the ring, so the oldest step that has not ended never waits.
 *
 * A change that the directory refuses because it has moved on since it was read (a value that is
 * no longer there, an object that has appeared) ends its step without harm: the object is read,
 * decided and planned again. The same goes for a change whose outcome a broken connection left
 * unknown. What the server will never accept is recorded with the server's words.
 */
#include "dsa/exec/exec_priv.h"

#include <string.h>

#include "dsa/cycle/planner.h"

#define RING 512
/* Steps a transaction: each dirties pages of the map, and these are anonymous memory. */
#define CHUNK 24
#define RING_BYTES (4 << 20) /* of stored steps: large ones are not loaded ahead */

struct ring {
	struct cycle *c;
	struct running slot[RING];
	size_t head, n; /* the oldest slot in use, and how many are */
	size_t bytes;
	uint64_t key;	       /* of the next step to load */
	enum plan_phase phase; /* of the steps in the ring */
	bool at_end;	       /* nothing more to load in this round */
	bool phase_ends;       /* the next step is of another phase */
	bool lost;	       /* a connection broke: nothing is sent until it is back */
	struct err lost_err;
};

static struct running *
at(struct ring *r, size_t i)
{
	return &r->slot[(r->head + i) % RING];
}

static void
change_done(void *arg, const struct err *err)
{
	struct running *r = arg;
	const struct plan_change *done;

	if (err) {
		r->err = *err;
		r->state = STEP_FAILED;
		return;
	}
	done = &r->step->changes[r->next];
	run_changed(r->c->run, r->c->run->cycle, done->side,
	    guid_is_zero(&r->step->guid) ? NULL : &r->step->guid, done->change, done->reason);
	r->c->res->applied++;
	r->next++;
	r->state = r->next < r->step->n_changes ? STEP_READY : STEP_DONE;
}

/* Steps whose predecessors have ended become ready. */
static void
release(struct ring *r)
{
	uint64_t first = UINT64_MAX; /* number of the oldest step that has not ended */

	for (size_t i = 0; i < r->n; i++) {
		struct running *s = at(r, i);

		if (first == UINT64_MAX && s->state <= STEP_RUNNING)
			first = s->step->number;
		if (s->state == STEP_WAITING && s->step->after <= first)
			s->state = s->step->n_changes ? STEP_READY : STEP_DONE;
	}
}

/* A failure that is not the entry's: the connection has to come back before anything is sent. */
static void
note_lost(struct ring *r, const struct running *s)
{
	if (s->state != STEP_FAILED || s->err.scope == ERR_ENTRY || s->err.retry == ERR_REREAD)
		return;
	if (s->err.scope != ERR_PEER && s->err.code != ECANCELED)
		return;
	if (!r->lost)
		run_lost(r->c->run, s->step->changes[s->next].side, &s->err);
	r->lost = true;
	r->lost_err = s->err;
}

/* Hands over what is ready, as far as the windows have room: a full window of one directory must
 * not keep the other one waiting. */
static void
submit_ready(struct ring *r)
{
	struct cycle *c = r->c;
	const size_t window[SIDES] = {
	    (size_t)c->run->link->source->dir.window, (size_t)c->run->link->target->dir.window};

	for (size_t i = 0; i < r->n && !r->lost; i++) {
		struct running *s = at(r, i);
		struct plan_change *pc;
		struct dir *d;
		struct err err;

		if (s->state != STEP_READY)
			continue;
		pc = &s->step->changes[s->next];
		d = c->run->dir[pc->side];
		if (d->ops->pending(d) >= window[pc->side])
			continue;
		s->state = STEP_RUNNING;
		if (d->ops->submit(d, pc->change, change_done, s, &err) < 0) {
			change_done(s, &err);
			/* The next ones would each try to connect, and wait for it. */
			note_lost(r, s);
		}
	}
}

static size_t
pending(const struct cycle *c)
{
	return c->run->dir[SOURCE]->ops->pending(c->run->dir[SOURCE]) +
	       c->run->dir[TARGET]->ops->pending(c->run->dir[TARGET]);
}

static size_t
count_ended(struct ring *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += at(r, i)->state == STEP_DONE || at(r, i)->state == STEP_FAILED;
	return n;
}

static int
record_ended(struct ring *r, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct running *s = at(r, i);

		if (s->state != STEP_DONE && s->state != STEP_FAILED)
			continue;
		if (outcome_record(t, s, err) < 0)
			return -1;
		s->state = STEP_RECORDED;
	}
	return 0;
}

/* After the commit: the slots of the oldest steps are free again. */
static void
forget_recorded(struct ring *r)
{
	while (r->n && at(r, 0)->state == STEP_RECORDED) {
		r->bytes -= at(r, 0)->size;
		plan_step_free(TAKE(at(r, 0)->step));
		r->head = (r->head + 1) % RING;
		r->n--;
	}
}

static bool
has_room(const struct ring *r)
{
	return !r->at_end && r->n + CHUNK <= RING && (r->n == 0 || r->bytes < RING_BYTES) &&
	       (r->n == 0 || !r->phase_ends);
}

/* Loads the next steps of one phase and writes down what they are about to do. */
static int
load(struct ring *r, struct store_txn *t, struct err *err)
{
	_cleanup_(buf_done) struct buf raw = {0};

	for (size_t i = 0; i < CHUNK && (r->n == 0 || r->bytes < RING_BYTES); i++) {
		struct running *s = at(r, r->n);
		uint64_t key = 0;
		enum plan_phase phase;
		bool found;

		if (workset_next_blob(
			r->c->ws[SOURCE], WORKSET_PLAN, r->key, &key, &raw, &found, err) < 0)
			return -1;
		r->at_end = !found;
		if (!found)
			return 0;
		phase = (enum plan_phase)(key >> 48 & 0xff);
		r->phase_ends = r->n && phase != r->phase;
		if (r->phase_ends)
			return 0;
		*s = (struct running){.c = r->c, .size = raw.len};
		if (plan_step_decode(buf_bytes(&raw), &s->step, err) < 0)
			return -1;
		r->key = key + 1;
		if (cycle_holds(r->c, s->step)) {
			plan_step_free(TAKE(s->step));
			continue;
		}
		r->phase = phase;
		r->n++;
		r->bytes += s->size;
		if (outcome_intend(t, s, err) < 0)
			return -1;
	}
	return 0;
}

/* One transaction for what has ended and what comes next. */
static int
turn(struct ring *r, bool load_more, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(r->c->run->store, STORE_WRITE, &t, err) < 0 || record_ended(r, t, err) < 0)
		return -1;
	if (load_more && load(r, t, err) < 0)
		return -1;
	if (store_commit(TAKE(t), err) < 0)
		return -1;
	forget_recorded(r);
	run_progress(r->c->run, RUN_PHASE_APPLY, r->c->res->applied, r->c->res->changes);
	return 0;
}

/* The connection comes back, perhaps to another DC, or the cycle ends here. */
static int
recover_peer(struct ring *r, struct err *err)
{
	if (r->lost_err.code == ECANCELED && r->lost_err.src == ERR_SYS) {
		*err = r->lost_err;
		return -1;
	}
	r->lost = false;
	r->c->lost = true;
	return run_reopen(r->c->run, err);
}

static int
run(struct ring *r, struct err *err)
{
	for (;;) {
		struct err known; /* every change under way has been told of a broken connection */
		size_t ended, busy;

		release(r);
		for (size_t i = 0; i < r->n; i++)
			note_lost(r, at(r, i));
		submit_ready(r);
		busy = pending(r->c);
		ended = count_ended(r);
		if (ended >= CHUNK || (ended && !busy) || (!r->lost && has_room(r))) {
			if (turn(r, !r->lost && has_room(r), err) < 0)
				return -1;
		} else if (busy) {
			if (dir_drain(r->c->run->dir, SIDES, busy - 1, &known) < 0)
				continue;
		} else if (r->lost) {
			if (recover_peer(r, err) < 0)
				return -1;
		} else if (r->n == 0 && r->at_end) {
			return 0;
		}
	}
}

int
cycle_apply(struct cycle *c, struct err *err)
{
	struct ring *r = calloc(1, sizeof *r);
	struct err ignored;
	int rc;

	if (!r)
		return err_nomem(err);
	r->c = c;
	r->key = planner_step_key(c->round, 0, 0);
	rc = run(r, err);
	/* What is under way refers to the ring: it is waited for, whatever happened. */
	while (pending(c) && dir_drain(c->run->dir, SIDES, 0, &ignored) == 0)
		;
	for (size_t i = 0; i < r->n; i++)
		plan_step_free(at(r, i)->step);
	free(r);
	return rc;
}
