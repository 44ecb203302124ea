/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/exec/exec.h"
#include "dsa/jobs/turns.h"
#include "dsa/jobs/undo_priv.h"
#include "dsa/world/world.h"

#define REASON "undo"
#define TRIES 3 /* when the same object changes meanwhile */

void
undo_change_done(struct undo_change *c)
{
	journal_entry_free(TAKE(c->entry));
	record_free(TAKE(c->record));
	entry_free(TAKE(c->now));
	entry_free(TAKE(c->partner));
	entry_free(TAKE(c->tombstone));
	undo_done(&c->out);
}

bool
undo_made_object(const struct undo_change *c)
{
	const struct change *made = c->entry->change;

	return made->op == CHANGE_ADD || change_brought_back(made);
}

/* ---- telling ---- */

static void
tell(struct undoing *u, const struct undo_change *c, uint64_t number, bool ok, const char *text)
{
	const struct journal_entry *e = c->entry;
	char full[640];
	const struct run_result r = {.source = e && !guid_is_zero(&e->source) ? &e->source : NULL,
	    .dn = e && change_brought_back(e->change) ? change_brought_back(e->change)
		  : e				      ? e->change->dn
						      : "",
	    .ok = ok,
	    .text = full,
	    .blockers = c->out.left.v,
	    .n_blockers = c->out.left.n};

	(void)snprintf(full, sizeof full, "change %llu: %s", (unsigned long long)number, text);
	u->counts->done += ok;
	u->counts->left += !ok && r.n_blockers > 0;
	u->counts->failed += !ok && r.n_blockers == 0;
	run_report_result(&u->flow[SOURCE], &r);
}

/* What becomes of a deleted object. */
static void
describe_return(const struct undoing *u, const struct undo_change *c, struct buf *text)
{
	if (!c->tombstone)
		buf_printf(text,
		    "add a new object, with another objectGUID and SID than before: %s%s",
		    *c->refused ? "the server does not bring the old one back: "
				: "there is no tombstone of the old one that can be read",
		    c->refused);
	else
		buf_printf(text, "bring back the object itself, with its objectGUID and SID%s",
		    u->dry_run ? ", or, if the server refuses that, make a new one" : "");
}

static void
tell_outcome(struct undoing *u, const struct undo_change *c, bool written)
{
	_cleanup_(buf_done) struct buf text = {0};
	const struct change *change = c->out.change;
	bool left = c->out.left.n > 0;

	if (!written) {
		tell(u, c, c->entry->number, !left,
		    left ? "it is left as it is" : "all is as it was before already");
		return;
	}
	if (c->tombstone || change->op == CHANGE_ADD) {
		describe_return(u, c, &text);
	} else {
		buf_printf(&text, "%s ", change_op_name(change->op));
		change_brief(change, &text);
	}
	if (left)
		buf_add_str(&text, "; the rest is left as it is");
	buf_add_char(&text, '\0');
	tell(u, c, c->entry->number, !left, text.failed ? "" : (const char *)text.data);
}

/* ---- writing ---- */

struct single {
	struct undo_change *c;
	struct plan_step *step; /* NULL once it was given */
	bool refused, drifted;
	char text[400];
};

static int
next_step(void *arg, struct plan_step **ret, struct err *err)
{
	(void)err;
	*ret = TAKE(((struct single *)arg)->step);
	return 0;
}

static int
intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err)
{
	(void)s;
	return undo_note_intent(t, ((struct single *)arg)->c, err);
}

static int
ended(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct single *one = arg;

	if (!e->err)
		return undo_note_done(t, one->c, e->step->changes[0].change, err);
	one->refused = true;
	one->drifted = e->failure == SETTLE_DRIFT;
	err_escape(one->text, sizeof one->text, bytes_of(e->err->text));
	return 0;
}

static int
make_step(struct undo_change *c, bool again, struct plan_step **ret, struct err *err)
{
	struct change *copy = change_dup(c->out.change);

	if (!copy)
		return err_nomem(err);
	if (plan_step_of(&c->entry->source, c->entry->side, copy,
		c->tombstone ? c->tombstone : c->now, REASON, ret, err) < 0)
		return -1;
	(*ret)->undoes = c->entry->number;
	(*ret)->looked_again = again;
	return 0;
}

/* All of an undo has one number. */
static int
carry_out(struct undoing *u, struct single *one, struct err *err)
{
	static const struct exec_ops ops = {
	    .next = next_step, .intend = intend, .ended = ended, .batch = 1};
	int rc = exec_run(one->c->run, &ops, one, err);

	plan_step_free(one->step);
	for (size_t i = 0; i < u->n_flows; i++)
		u->flow[i].cycle = one->c->run->cycle;
	return rc;
}

/* ---- one change ---- */

static int
pretend(struct undoing *u, struct undo_change *c, struct err *err)
{
	tell_outcome(u, c, true);
	return undo_note_pretended(u, c, err);
}

static int
write_one(struct undoing *u, struct undo_change *c, bool again, bool *ret_again, struct err *err)
{
	struct single one = {.c = c};

	if (make_step(c, again, &one.step, err) < 0 || carry_out(u, &one, err) < 0)
		return -1;
	*ret_again = one.drifted;
	if (one.refused && c->tombstone) {
		*ret_again = true;
		(void)snprintf(c->refused, sizeof c->refused, "%s", one.text);
	}
	if (one.refused) {
		(void)snprintf(c->text, sizeof c->text, "%s", one.text);
		return 0;
	}
	c->text[0] = '\0';
	if ((c->tombstone || c->out.change->op == CHANGE_ADD) && undo_note_made(c, err) < 0)
		return -1;
	tell_outcome(u, c, true);
	return 0;
}

/* What an object was found to be when it was left, nobody needs to be told twice. */
static int
try_one(struct undoing *u, struct undo_change *c, bool again, bool *ret_again, struct err *err)
{
	*ret_again = false;
	if (undo_look(u, c, err) < 0)
		return -1;
	if (c->out.change)
		return u->dry_run ? pretend(u, c, err) : write_one(u, c, again, ret_again, err);
	c->text[0] = '\0';
	if (undo_made_object(c) && !c->out.left.n && !u->dry_run && undo_note_gone(c, err) < 0)
		return -1;
	tell_outcome(u, c, false);
	return 0;
}

/* It is not in a directory: the map alone has it. */
static int
undo_said(struct undoing *u, struct undo_change *c, struct err *err)
{
	const struct bytes nothing = {NULL, 0};
	const char *text = "";
	bool left = false;

	if (undo_resolution(u, c, &left, &text, err) < 0)
		return -1;
	if (left &&
	    undo_leave(&c->out, c->entry->change->dn, RESOLUTION_ATTR, nothing, text, err) < 0)
		return -1;
	tell(u, c, c->entry->number, !left, left ? "it is left as it is" : text);
	return 0;
}

static int
undo_one(struct undoing *u, uint64_t number, struct err *err)
{
	_cleanup_(undo_change_done) struct undo_change c = {.run = NULL};
	bool again = true;

	if (undo_load(u, number, &c, err) < 0)
		return -1;
	if (!c.entry || !c.run) {
		tell(u, &c, number, false,
		    c.entry ? "it is of another link" : "the journal has it no more");
		return 0;
	}
	if (c.cut) {
		tell(u, &c, number, false, "the journal has what it took back no more");
		return 0;
	}
	if (c.entry->outcome != JOURNAL_DONE) {
		tell(u, &c, number, true, "it was not made");
		return 0;
	}
	if (resolution_is_change(c.entry))
		return undo_said(u, &c, err);
	for (int i = 0; again && i < TRIES; i++)
		if (try_one(u, &c, i > 0, &again, err) < 0)
			return -1;
	if (*c.text) {
		finish_blockers_done(&c.out.left);
		tell(u, &c, number, false, c.text);
	}
	return 0;
}

/* ---- all of them ---- */

static int
newest_first(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p > q ? -1 : p < q;
}

static int
undo_all(struct undoing *u, const struct undo_order *o, struct err *err)
{
	_cleanup_(free) uint64_t *order = calloc(o->n + 1, sizeof *order);

	if (!order)
		return err_nomem(err);
	if (o->n)
		memcpy(order, o->changes, o->n * sizeof *order);
	qsort(order, o->n, sizeof *order, newest_first);
	for (size_t i = 0; i < o->n; i++) {
		if (undo_one(u, order[i], err) < 0)
			return -1;
		run_progress(&u->flow[SOURCE], RUN_PHASE_APPLY, i + 1, o->n);
	}
	return 0;
}

static int
open_flows(struct undoing *u, struct run *run, struct err *err)
{
	bool known = false;

	if (run_open_known(run, err) < 0 || (!u->dry_run && turns_resume(run, err) < 0))
		return -1;
	u->flow[SOURCE] = run_job(run);
	u->n_flows = 1;
	if (!run->link->back)
		return 0;
	u->flow[TARGET] = run_back(run);
	if (run_is_known(&u->flow[TARGET], &known, err) < 0)
		return -1;
	if (!known)
		return 0;
	u->n_flows = 2;
	if (run_open_known(&u->flow[TARGET], err) < 0)
		return -1;
	return u->dry_run ? 0 : turns_resume(&u->flow[TARGET], err);
}

int
undo_run(struct run *run, const struct undo_order *o, struct undo_counts *ret, struct err *err)
{
	struct undoing u = {.dry_run = o->dry_run, .counts = ret};
	int rc;

	*ret = (struct undo_counts){0};
	rc = open_flows(&u, run, err);
	if (rc == 0 && undo_all(&u, o, err) < 0)
		rc = err_ctx(err, "what was taken back stays so; ask for the rest again");
	for (size_t i = 0; i < u.n_pretended; i++)
		entry_free(u.pretended[i].entry);
	free(u.pretended);
	free(u.said);
	return rc;
}
