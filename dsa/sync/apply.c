/* SPDX-License-Identifier: MIT */
/*
 * Executes the plan, batch by batch.
 *
 *   1. The intents of a batch are committed to the journal.        Order is important!
 *   2. Its steps run side by side, the changes within a step one after the other.
 *   3. The outcomes, the records and the waiting references are committed together.
 *
 * A crash between 1 and 3 leaves open intents; the next run looks at the directory to settle them
 * (recover.c) and plans from what it reads there, so it never matters how far a batch came.
 *
 * A change that the directory refuses because it has moved on since it was read (a value that is
 * no longer there, an object that has appeared) ends its step without harm: the object is read,
 * decided and planned again. The same goes for a change whose outcome a broken connection left
 * unknown. What the server will never accept is recorded with the server's words.
 */
#include "dsa/sync/cycle_priv.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/sync/plan.h"
#include "mapping/journal.h"

#define BATCH 256

enum step_state { STEP_READY, STEP_RUNNING, STEP_DONE, STEP_FAILED };

struct running {
	struct plan_step *step;
	struct batch *batch;
	uint64_t journal[PLAN_MAX_CHANGES];
	size_t next; /* the change that is under way, or to be sent */
	enum step_state state;
	struct err err; /* FAILED: why */
};

struct batch {
	struct cycle *c;
	struct running run[BATCH];
	size_t n;
};

static void
batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		plan_step_free(b->run[i].step);
	b->n = 0;
}

static void
change_done(void *arg, const struct err *err)
{
	struct running *r = arg;

	if (err) {
		r->err = *err;
		r->state = STEP_FAILED;
		return;
	}
	r->batch->c->res->applied++;
	r->next++;
	r->state = r->next < r->step->n_changes ? STEP_READY : STEP_DONE;
}

static int
commit_intents(struct batch *b, struct err *err)
{
	struct cycle *c = b->c;
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		struct running *r = &b->run[i];

		for (size_t j = 0; j < r->step->n_changes; j++) {
			const struct plan_change *pc = &r->step->changes[j];
			/* Borrows everything: the entry is only written out. */
			struct journal_entry e = {.cycle = c->res->number,
			    .link = c->link_id,
			    .side = pc->side,
			    .source = r->step->guid,
			    .at = clock_realtime_s(),
			    .outcome = JOURNAL_OPEN,
			    .change = pc->change,
			    .before = pc->before,
			    .reason = pc->reason};

			if (journal_intend(t, &e, err) < 0)
				return -1;
			r->journal[j] = e.number;
		}
	}
	return store_commit(TAKE(t), err);
}

static void
submit_ready(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct running *r = &b->run[i];
		struct plan_change *pc = &r->step->changes[r->next];
		struct dir *d = b->c->dir[pc->side];
		struct err err;

		if (r->state != STEP_READY)
			continue;
		r->state = STEP_RUNNING;
		if (d->ops->submit(d, pc->change, change_done, r, &err) < 0) {
			r->err = err;
			r->state = STEP_FAILED;
		}
	}
}

static bool
any_ready(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->run[i].state == STEP_READY)
			return true;
	return false;
}

/* Runs until every step is done or failed. Broken connections show as failures of steps. */
static void
run_batch(struct batch *b)
{
	struct cycle *c = b->c;
	for (;;) {
		struct err known; /* every change under way has been told of a broken connection */
		size_t pending;

		submit_ready(b);
		pending = c->dir[SOURCE]->ops->pending(c->dir[SOURCE]) +
			  c->dir[TARGET]->ops->pending(c->dir[TARGET]);
		if (pending && dir_drain(c->dir, SIDES, pending - 1, &known) < 0)
			continue;
		if (!pending && !any_ready(b))
			return;
	}
}

static int
plan_again(struct cycle *c, uint32_t source, struct err *err)
{
	if (source == DECISION_NO_TARGET)
		return 0;
	for (size_t i = 0; i < c->n_again; i++)
		if (c->again[i] == source)
			return 0;
	if (c->n_again == c->cap_again) {
		size_t cap = c->cap_again ? c->cap_again * 2 : 64;
		uint32_t *again = realloc(c->again, cap * sizeof *again);

		if (!again)
			return err_nomem(err);
		c->again = again;
		c->cap_again = cap;
	}
	c->again[c->n_again++] = source;
	return 0;
}

static int
finish_journal(struct store_txn *t, const struct running *r, struct err *err)
{
	for (size_t j = 0; j < r->step->n_changes; j++) {
		enum journal_outcome outcome = JOURNAL_DONE;
		const char *text = NULL;

		if (j > r->next) {
			outcome = JOURNAL_STALE;
			text = "not attempted";
		} else if (j == r->next) {
			outcome = r->err.retry == ERR_REREAD ? JOURNAL_STALE : JOURNAL_FAILED;
			text = r->err.text;
			/* Nobody knows whether it was done: stays open until it is looked at. */
			if (r->err.scope == ERR_PEER)
				continue;
		}
		if (journal_finish(t, r->journal[j], outcome, text, err) < 0)
			return -1;
	}
	return 0;
}

static int
store_done(struct cycle *c, struct store_txn *t, struct running *r, struct err *err)
{
	struct plan_step *s = r->step;

	if (s->creates)
		c->wrote = true;
	if (s->forgets)
		return s->record ? store_delete(t, s->record->id, err) : 0;
	if (s->record) {
		s->record->synced_at = clock_realtime_s();
		if (store_put(t, s->record, err) < 0)
			return -1;
	}
	if (s->source == DECISION_NO_TARGET || s->level == PLAN_LEVEL_LINKS)
		return 0;
	return store_put_waiting(t, c->link_id, &s->guid, s->waiting, s->n_waiting, err);
}

/* A failure that no retry mends: remembered on the record, and nothing may refer to an object that
 * was not created. */
static int
store_failed(struct cycle *c, struct store_txn *t, struct running *r, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	struct plan_step *s = r->step;
	const char *dn = s->changes[r->next].change->dn;
	bool found = false;

	c->res->failed++;
	cycle_note(c, 3, &s->guid, dn, "%s of '%s' failed: %s; tried again in the next cycle",
	    s->changes[r->next].reason, dn, r->err.text);
	if (s->source != DECISION_NO_TARGET && s->creates &&
	    cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (found) {
		d.state = DECIDE_NOTHING;
		if (cycle_put_decision(c, s->source, &d, err) < 0)
			return -1;
	}
	if (!s->record || s->creates)
		return 0;
	s->record->state = RECORD_ERROR;
	if (record_set_str(&s->record->last_error, r->err.text) < 0)
		return err_nomem(err);
	return store_put(t, s->record, err);
}

static int
commit_outcomes(struct batch *b, struct err *err)
{
	struct cycle *c = b->c;
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		struct running *r = &b->run[i];
		bool again = r->state == STEP_FAILED &&
			     (r->err.retry == ERR_REREAD || r->err.scope == ERR_PEER);
		int rc;

		if (finish_journal(t, r, err) < 0)
			return -1;
		if (again)
			rc = plan_again(c, r->step->source, err);
		else if (r->state == STEP_FAILED)
			rc = store_failed(c, t, r, err);
		else
			rc = store_done(c, t, r, err);
		if (rc < 0)
			return -1;
	}
	return store_commit(TAKE(t), err);
}

/* Fills B with the next steps of one level from *KEY on. */
static int
load_batch(struct batch *b, uint64_t *key, uint64_t *ret_level, struct err *err)
{
	struct cycle *c = b->c;
	_cleanup_(buf_done) struct buf raw = {0};
	size_t max = BATCH;

	while (b->n < max) {
		uint64_t at = 0;
		bool found;

		if (workset_next_blob(c->ws[SOURCE], WORKSET_PLAN, *key, &at, &raw, &found, err) <
		    0)
			return -1;
		if (!found || (b->n && at >> 48 != *ret_level))
			return 0;
		*ret_level = at >> 48;
		/* An OU before the OU below it. */
		if ((*ret_level & 0xff) == PLAN_LEVEL_OUS)
			max = 1;
		b->run[b->n] = (struct running){.batch = b};
		if (plan_step_decode(buf_bytes(&raw), &b->run[b->n].step, err) < 0)
			return -1;
		if (!b->run[b->n].step->n_changes)
			b->run[b->n].state = STEP_DONE;
		b->n++;
		*key = at + 1;
	}
	return 0;
}

static bool
lost_peer(const struct batch *b, struct err *ret)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->run[i].state == STEP_FAILED && b->run[i].err.scope != ERR_ENTRY &&
		    b->run[i].err.retry != ERR_REREAD) {
			*ret = b->run[i].err;
			return b->run[i].err.scope == ERR_PEER || b->run[i].err.code == ECANCELED;
		}
	return false;
}

int
cycle_apply(struct cycle *c, struct err *err)
{
	struct batch *b = calloc(1, sizeof *b);
	uint64_t key = (uint64_t)c->round << 56, level = 0;
	int rc = b ? 0 : err_nomem(err);

	while (rc == 0) {
		struct err lost;

		b->c = c;
		rc = load_batch(b, &key, &level, err);
		if (rc < 0 || b->n == 0)
			break;
		rc = commit_intents(b, err);
		if (rc == 0) {
			run_batch(b);
			rc = commit_outcomes(b, err);
		}
		/* The connection comes back, perhaps to another DC, or the cycle ends here. */
		if (rc == 0 && lost_peer(b, &lost)) {
			if (lost.code == ECANCELED && lost.src == ERR_SYS) {
				*err = lost;
				rc = -1;
			} else {
				rc = cycle_reconnect(c, err);
			}
		}
		batch_clear(b);
		cycle_progress(c, CYCLE_APPLY, c->res->applied, c->res->changes);
	}
	if (b)
		batch_clear(b);
	free(b);
	return rc;
}
