/* SPDX-License-Identifier: MIT */
/*
 * Steps are in a ring, in the order in which they are given:
 *
 *   WAITING --> READY <--> RUNNING --> DONE or FAILED --> RECORDED
 *          ^          ^                              ^
 *          |          its next change is sent        the transaction with the outcome
 *          what it waits for has ended
 *
 * Up to the window of each directory is under way at once. Intents and outcomes are written for
 * many steps at a time, in one transaction, while the servers still have work: a commit waits for
 * the disk. A step begins when all those it waits for have ended; they are before it in the ring,
 * so the oldest step that has not ended never waits.
 *
 * Order is important! A change is sent after the commit with its intent, and a step leaves the ring
 * after the commit with its outcome.
 */
#include "dsa/exec/exec.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "mapping/journal.h"

#define RING 512
#define RING_BYTES (4 << 20) /* of stored steps: large ones are not loaded ahead */
#define LATE_MS 1000	     /* what has ended does not wait longer for more of a batch */
_Static_assert(2 * EXEC_BATCH_MAX <= RING, "there is room to load while others run");

enum step_state {
	STEP_WAITING, /* for steps before it */
	STEP_READY,   /* the next change may be sent */
	STEP_RUNNING, /* a change is under way */
	STEP_DONE,
	STEP_FAILED,
	STEP_RECORDED /* the outcome is in the journal */
};

struct ring;

struct running {
	struct plan_step *step;
	const struct ring *ring;
	uint64_t journal[PLAN_MAX_CHANGES];
	size_t next; /* the change that is under way, or to be sent */
	enum step_state state;
	/* FAILED: why, and what that means */
	struct err err;
	enum settle failure;
};

struct ring {
	struct run *run;
	const struct exec_ops *ops;
	void *arg;
	struct running slot[RING];
	size_t head, n; /* the oldest slot in use, and how many are */
	size_t bytes;
	int64_t recorded_ms;	 /* the last transaction */
	enum plan_phase phase;	 /* of the steps in the ring */
	struct plan_step *ahead; /* the next step to load, NULL if it was not asked for yet */
	bool at_end;		 /* there is none */
	uint64_t cycle;		 /* the number of the intents, 0: not given yet */
	bool lost;		 /* a connection broke: nothing is begun until it is back */
	bool lost_side[SIDES];	 /* whose it was */
	bool was_lost;		 /* since the beginning */
	bool stopped;		 /* nothing was lost, but the program stops */
	struct err lost_err;
	/* Steps that did not succeed; without memory for one, none did. */
	struct {
		uint64_t *v;
		size_t n, cap;
		bool all;
	} failed;
};

static struct running *
at(struct ring *r, size_t i)
{
	return &r->slot[(r->head + i) % RING];
}

/* ---- making changes ---- */

/* A server that died forgets what it acknowledged last: what was read since may be old. */
static enum settle
settle(const struct running *s)
{
	return settle_failure(&s->err, s->step->changes[s->next].change->op,
	    !s->step->looked_again || s->ring->was_lost);
}

static void
change_done(void *arg, const struct err *err)
{
	struct running *s = arg;
	const struct plan_change *done = &s->step->changes[s->next];

	/* Refused, or unknown: it may have been made. */
	shared_feed_wrote(s->ring->run->feed[done->side]);
	if (err) {
		s->err = *err;
		s->failure = settle(s);
		s->state = STEP_FAILED;
		return;
	}
	run_changed(s->ring->run, s->ring->cycle, done->side,
	    guid_is_zero(&s->step->guid) ? NULL : &s->step->guid, done->change, done->reason);
	s->next++;
	s->state = s->next < s->step->n_changes ? STEP_READY : STEP_DONE;
}

static void
note_failed(struct ring *r, const struct running *s)
{
	if (list_grow(r->failed.v, r->failed.n, r->failed.cap) < 0)
		r->failed.all = true;
	else
		r->failed.v[r->failed.n++] = s->step->number;
}

/* Did a step fail that S needs? In the ring, or before. */
static bool
lacks(struct ring *r, const struct running *s)
{
	for (size_t i = 0; i < s->step->n_needs; i++) {
		if (r->failed.all)
			return true;
		for (size_t j = 0; j < r->failed.n; j++)
			if (r->failed.v[j] == s->step->needs[i])
				return true;
		for (size_t j = 0; j < r->n; j++)
			if (at(r, j)->state == STEP_FAILED &&
			    at(r, j)->step->number == s->step->needs[i])
				return true;
	}
	return false;
}

/* What S takes is not free. It is planned again when that was looked at. */
static void
give_up(struct running *s)
{
	(void)err_set(&s->err, ERR_DATA, ERR_ENTRY, ERR_REREAD, 0,
	    "another object did not let go of what this one takes");
	s->failure = SETTLE_DRIFT;
	s->state = STEP_FAILED;
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
		if (s->state != STEP_WAITING || s->step->after > first)
			continue;
		if (lacks(r, s))
			give_up(s);
		else
			s->state = s->step->n_changes ? STEP_READY : STEP_DONE;
	}
}

/* A failure that is not the entry's: the connection has to come back before anything is sent. */
static void
note_lost(struct ring *r, const struct running *s)
{
	enum side side;

	if (s->state != STEP_FAILED ||
	    (s->failure != SETTLE_UNKNOWN && s->failure != SETTLE_UNSENT))
		return;
	side = s->step->changes[s->next].side;
	if (!r->lost_side[side])
		run_lost(r->run, side, &s->err);
	r->lost = r->lost_side[side] = true;
	r->stopped |= s->failure == SETTLE_UNSENT;
	r->lost_err = s->err;
}

/* A full window of one directory must not keep the other one waiting. Without the other one a step
 * that was begun goes on: half of a turn leaves a mailbox without its redirection. */
static bool
may_send(const struct ring *r, const struct running *s)
{
	const struct conf_link *l = r->run->link;
	struct dir *d;
	enum side side;

	if (s->state != STEP_READY || r->stopped)
		return false;
	side = s->step->changes[s->next].side;
	if (r->lost && (s->next == 0 || r->lost_side[side]))
		return false;
	d = r->run->dir[side];
	return d->ops->pending(d) < (size_t)(side == SOURCE ? l->source : l->target)->dir.window;
}

static void
submit_ready(struct ring *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct running *s = at(r, i);
		struct plan_change *pc;
		struct dir *d;
		struct err err;

		if (!may_send(r, s))
			continue;
		pc = &s->step->changes[s->next];
		d = r->run->dir[pc->side];
		s->state = STEP_RUNNING;
		if (d->ops->submit(d, pc->change, change_done, s, &err) < 0) {
			change_done(s, &err);
			/* The next ones would each try to connect, and wait for it. */
			note_lost(r, s);
		}
	}
}

static size_t
pending(const struct run *run)
{
	return run->dir[SOURCE]->ops->pending(run->dir[SOURCE]) +
	       run->dir[TARGET]->ops->pending(run->dir[TARGET]);
}

static size_t
count_ended(struct ring *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += at(r, i)->state == STEP_DONE || at(r, i)->state == STEP_FAILED;
	return n;
}

/* ---- the transactions ---- */

static int
finish_journal(struct store_txn *t, const struct running *s, struct err *err)
{
	for (size_t i = 0; i < s->step->n_changes; i++) {
		enum journal_outcome outcome = JOURNAL_DONE;
		const char *text = NULL;

		/* One that was dropped has no intent. */
		if (!s->journal[i])
			continue;
		if (i > s->next) {
			outcome = JOURNAL_STALE;
			text = "not attempted";
		} else if (i == s->next) {
			/* It stays open until the object is looked at. */
			if (s->failure == SETTLE_UNKNOWN)
				continue;
			outcome = s->failure == SETTLE_REFUSED ? JOURNAL_FAILED : JOURNAL_STALE;
			text = s->err.text;
		}
		if (journal_finish(t, s->journal[i], outcome, text, err) < 0)
			return -1;
	}
	return 0;
}

static int
record_ended(struct ring *r, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct running *s = at(r, i);
		struct exec_end end = {.step = s->step,
		    .made = s->next,
		    .err = s->state == STEP_FAILED ? &s->err : NULL,
		    .failure = s->failure};

		if (s->state != STEP_DONE && s->state != STEP_FAILED)
			continue;
		if (end.err)
			note_failed(r, s);
		if (finish_journal(t, s, err) < 0 || r->ops->ended(t, &end, r->arg, err) < 0)
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
		r->bytes -= at(r, 0)->step->size;
		plan_step_free(TAKE(at(r, 0)->step));
		r->head = (r->head + 1) % RING;
		r->n--;
	}
}

static int
look_ahead(struct ring *r, struct err *err)
{
	if (r->ahead || r->at_end)
		return 0;
	if (r->ops->next(r->arg, &r->ahead, err) < 0)
		return -1;
	r->at_end = !r->ahead;
	return 0;
}

/* True if the next step may join those in the ring: a phase begins when the one before has ended.
 */
static bool
fits(const struct ring *r)
{
	return r->ahead && (r->n == 0 || (r->bytes < RING_BYTES && r->ahead->phase == r->phase));
}

/* What the map says now forbids what was planned. */
static int
drop(struct running *s, const struct err *err)
{
	s->err = *err;
	s->failure = SETTLE_DRIFT;
	s->state = STEP_FAILED;
	return 0;
}

static int
write_intents(struct ring *r, struct store_txn *t, struct running *s, struct err *err)
{
	int rc = r->ops->intend ? r->ops->intend(t, s->step, r->arg, err) : 0;

	if (rc)
		return rc < 0 ? -1 : drop(s, err);
	if (!r->cycle && journal_begin_cycle(t, r->run->link_id, &r->cycle, err) < 0)
		return -1;
	for (size_t i = 0; i < s->step->n_changes; i++) {
		const struct plan_change *pc = &s->step->changes[i];
		/* Borrows everything: the entry is only written out. */
		struct journal_entry e = {.cycle = r->cycle,
		    .link = r->run->link_id,
		    .side = pc->side,
		    .source = s->step->guid,
		    .at = clock_realtime_s(),
		    .asked = r->run->asked,
		    .undoes = s->step->undoes,
		    .outcome = JOURNAL_OPEN,
		    .change = pc->change,
		    .before = pc->before,
		    .reason = pc->reason,
		    .server = (char *)(uintptr_t)run_server(r->run, pc->side)};

		if (journal_intend(t, &e, err) < 0)
			return -1;
		s->journal[i] = e.number;
	}
	return 0;
}

/* Loads the next steps of one phase and writes down what they are about to do. */
static int
load(struct ring *r, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < r->ops->batch && fits(r); i++) {
		struct running *s = at(r, r->n);

		*s = (struct running){.ring = r, .step = TAKE(r->ahead)};
		r->phase = s->step->phase;
		r->bytes += s->step->size;
		r->n++;
		if (write_intents(r, t, s, err) < 0 || look_ahead(r, err) < 0)
			return -1;
	}
	return 0;
}

static bool
may_load(const struct ring *r)
{
	return !r->lost && r->n + r->ops->batch <= RING && fits(r);
}

/* One transaction for what has ended and what comes next. */
static int
transact(struct ring *r, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(r->run->store, STORE_WRITE, &t, err) < 0 || record_ended(r, t, err) < 0)
		return -1;
	if (may_load(r) && load(r, t, err) < 0)
		return -1;
	if (store_commit(TAKE(t), err) < 0)
		return -1;
	r->run->cycle = r->cycle;
	r->recorded_ms = clock_monotonic_ms();
	forget_recorded(r);
	return 0;
}

/* ---- the run ---- */

/* The connection comes back, perhaps to another DC, or all ends here. */
static int
reopen(struct ring *r, struct err *err)
{
	if (r->stopped || !r->ops->lost) {
		*err = r->lost_err;
		return -1;
	}
	r->lost = r->lost_side[SOURCE] = r->lost_side[TARGET] = false;
	r->was_lost = true;
	return r->ops->lost(r->arg, err);
}

/* Is there enough to be written down? ENDED steps have ended, BUSY changes are under way. */
static bool
is_due(const struct ring *r, size_t ended, size_t busy)
{
	if (ended >= r->ops->batch || (ended && !busy) || may_load(r))
		return true;
	return ended && clock_monotonic_ms() - r->recorded_ms > LATE_MS;
}

static int
carry_out(struct ring *r, struct err *err)
{
	if (look_ahead(r, err) < 0)
		return -1;
	while (r->n || r->ahead || r->lost) {
		struct err known; /* every change under way has been told of a broken connection */
		size_t ended, busy;

		release(r);
		for (size_t i = 0; i < r->n; i++)
			note_lost(r, at(r, i));
		submit_ready(r);
		busy = pending(r->run);
		ended = count_ended(r);
		if (is_due(r, ended, busy)) {
			if (transact(r, err) < 0)
				return -1;
		} else if (busy) {
			if (dir_drain(r->run->dir, SIDES, busy - 1, &known) < 0)
				continue;
		} else if (r->lost && reopen(r, err) < 0) {
			return -1;
		}
	}
	return 0;
}

int
exec_run(struct run *run, const struct exec_ops *ops, void *arg, struct err *err)
{
	struct ring *r = calloc(1, sizeof *r);
	struct err ignored;
	int rc;

	if (!r)
		return err_nomem(err);
	r->run = run;
	r->ops = ops;
	r->arg = arg;
	r->cycle = run->cycle;
	rc = carry_out(r, err);
	/* What is under way refers to the ring: it is waited for, whatever happened. */
	while (pending(run) && dir_drain(run->dir, SIDES, 0, &ignored) == 0)
		;
	for (size_t i = 0; i < r->n; i++)
		plan_step_free(at(r, i)->step);
	plan_step_free(r->ahead);
	free(r->failed.v);
	free(r);
	return rc;
}

/* ---- one step ---- */

struct single {
	struct plan_step *step; /* NULL once it was given */
	bool refused;
	struct err err;
};

static int
next_single(void *arg, struct plan_step **ret, struct err *err)
{
	struct single *one = arg;

	(void)err;
	*ret = TAKE(one->step);
	return 0;
}

static int
end_single(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct single *one = arg;

	(void)t;
	(void)err;
	one->refused = e->err != NULL;
	if (!e->err)
		return 0;
	one->err = *e->err;
	if (e->failure == SETTLE_DRIFT)
		one->err.retry = ERR_REREAD;
	return 0;
}

int
exec_step(struct run *run, struct plan_step *step, struct err *err)
{
	static const struct exec_ops ops = {.next = next_single, .ended = end_single, .batch = 1};
	struct single one = {.step = step};
	int rc = exec_run(run, &ops, &one, err);

	plan_step_free(one.step);
	if (rc < 0 || !one.refused)
		return rc;
	*err = one.err;
	return 1;
}
