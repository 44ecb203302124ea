/* SPDX-License-Identifier: MIT */
/*
 * The turn of many mailboxes, CHUNK at a time:
 *
 *   read both sides -> check -> write down -> change 1 -> change 2 -> read again -> group -> record
 *                                  |             |           |             |          |
 *   a crash leaves:    nothing     +-------------+-----------+-------------+----------+  an
 * operation
 *
 * The operation in the map says what was meant. turn_resume() asks for the same turn again: the
 * changes are differences from what is there, so whichever of them was made is not made twice. If
 * the turn cannot be finished any more (its preconditions are gone) it is turned back instead; both
 * ways obey the order that never lets both sides redirect. If there is no way back either, what was
 * set is taken away at least: no mail may go where no mailbox is.
 *
 * The two changes of a mailbox are one step of the executor (exec.h): the second is sent as soon as
 * the first is acknowledged. Order is important! If the first is refused nothing has happened. If
 * the second is refused, the mailbox is turned back. The operation and whose a guard is are stored
 * with the step's intents.
 *
 * The members of the marker group are changed while the operation is still written down: after a
 * crash nothing else would know of them. What could not be changed is put down with the record
 * (turn_group.c).
 */
#include "dsa/jobs/turn_priv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/run/hook_event.h"
#include "dsa/world/world.h"

static void
end(struct mailbox *m, bool ok, const char *text)
{
	m->state = STATE_ENDED;
	run_result(m->chunk->run, &m->source,
	    m->side[SOURCE] ? m->side[SOURCE]->dn
	    : m->record	    ? m->record->side[SOURCE].dn
			    : "",
	    ok, text);
}

bool
turn_is_fatal(const struct err *err)
{
	return err->scope == ERR_PEER || err->src == ERR_SYS;
}

static int
forget_operation(struct mailbox *m, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(m->chunk->run->store, STORE_WRITE, &t, err) < 0 ||
	    (m->owed != MEMBER_ANY && turn_put_owed(t, m, err) < 0) ||
	    store_clear_operation(t, m->chunk->run->link_id, &m->source, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static int
load_records(struct chunk *c, struct err *err)
{
	if (turn_find_records(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		if (c->m[i].record)
			continue;
		if (c->resuming && forget_operation(&c->m[i], err) < 0)
			return -1;
		end(&c->m[i], false, "it is not in the map");
	}
	return 0;
}

/* ---- deciding ---- */

static const char *
reason_of(enum turn turn)
{
	return turn == TURN_SWITCH ? "switch" : "undo switch";
}

/* The changes of a turn in their order, each NULL if there is none. */
struct changes {
	struct change *v[TURN_CHANGES];
};

static void
changes_donep(struct changes *c)
{
	for (size_t i = 0; i < TURN_CHANGES; i++)
		change_free(c->v[i]);
}

static int
make_ready(struct mailbox *m, struct changes *c, struct err *err)
{
	m->step = plan_step_new(WORLD_NONE, &m->source);
	if (!m->step)
		return err_nomem(err);
	m->step->number = (uint64_t)(m - m->chunk->m);
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		enum side side = turn_side(m->turn, i);

		if (c->v[i] && plan_step_add(m->step, side, TAKE(c->v[i]), m->side[side],
				   reason_of(m->turn), err) < 0)
			return -1;
	}
	m->state = STATE_READY;
	return 0;
}

static int
decide(struct mailbox *m, struct err *err)
{
	const struct turn_conf *conf = &m->chunk->conf;
	_cleanup_(changes_done) struct changes c = {{NULL}};
	struct turn_facts f = turn_facts_of(m);
	bool done = false;

	if (!turn_check(conf, m->turn, &f, &done, m->why, sizeof m->why)) {
		if (m->turned_back && turn_take_away(conf, m->turn, &f, &c.v[0], err) < 0)
			return -1;
		m->taken_away = c.v[0] != NULL;
		m->state = STATE_FAILED;
		return m->taken_away ? make_ready(m, &c, err) : 0;
	}
	if (done) {
		/* The marker group may still be wrong, and the operation written down. */
		m->already = true;
		m->state = STATE_CHANGED;
		return 0;
	}
	if (turn_changes(conf, m->turn, &f, clock_realtime_s(), c.v, err) < 0)
		return -1;
	return make_ready(m, &c, err);
}

/* ---- carrying out ---- */

/* Gives the executor what is ready. */
static int
next_step(void *arg, struct plan_step **ret, struct err *err)
{
	struct chunk *c = arg;

	(void)err;
	*ret = NULL;
	while (!*ret && c->given < c->n) {
		struct mailbox *m = &c->m[c->given++];

		if (m->state != STATE_READY)
			continue;
		m->state = STATE_RUNNING;
		*ret = TAKE(m->step);
	}
	return 0;
}

/* Whose a guard is the record knows, and must know before it is there. */
static int
intend_guard(struct store_txn *t, struct mailbox *m, const struct plan_step *s, struct err *err)
{
	enum side active = m->record->active;
	bool any = false;
	int rc;

	for (size_t i = 0; i < s->n_changes; i++) {
		bool noted = false;

		if (turn_note_guard(s->changes[i].change, s->changes[i].side, m->record, &noted) <
		    0)
			return err_nomem(err);
		any |= noted;
	}
	if (!any)
		return 0;
	/* While it is turned back the record says what is not so. */
	m->record->active = m->was;
	rc = store_put(t, m->record, err);
	m->record->active = active;
	return rc;
}

static int
intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err)
{
	struct chunk *c = arg;
	struct mailbox *m = &c->m[s->number];
	struct store_operation o = {.source = m->source,
	    .kind = m->turn == TURN_SWITCH ? OPERATION_SWITCH : OPERATION_UNDO,
	    .since = clock_realtime_s()};

	return store_put_operation(t, c->run->link_id, &o, err) < 0 ? -1
								    : intend_guard(t, m, s, err);
}

static int
end_step(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct chunk *c = arg;
	struct mailbox *m = &c->m[e->step->number];

	(void)t;
	(void)err;
	m->made += e->made;
	m->state = e->err ? STATE_FAILED : STATE_CHANGED;
	if (!e->err)
		return 0;
	m->err = *e->err;
	m->failure = e->failure;
	err_escape(m->why, sizeof m->why, bytes_of(e->err->text));
	return 0;
}

/* Without a connection all ends here: what was begun is resumed by the next run. */
static int
carry_out(struct chunk *c, struct err *err)
{
	static const struct exec_ops ops = {
	    .next = next_step, .intend = intend, .ended = end_step, .batch = CHUNK};

	c->given = 0;
	return exec_run(c->run, &ops, c, err);
}

/* ---- recording ---- */

/* A turn that was turned back changed nothing, and a repeated one did not either: neither
 * is told. */
static int
tell(struct store_txn *t, const struct mailbox *m, struct err *err)
{
	const struct entry *const side[SIDES] = {m->side[SOURCE], m->side[TARGET]};

	if (m->was == m->record->active)
		return 0;
	return hook_event_store(m->chunk->run, t,
	    m->turn == TURN_SWITCH ? EVENT_SWITCHED : EVENT_UNDONE, m->record, side, err);
}

static enum side
active_after(enum turn turn)
{
	return turn == TURN_SWITCH ? TARGET : SOURCE;
}

/* The record, its event and the end of the operation are one transaction: after a death
 * before it the turn is made again, after a death behind it all was told. */
static int
record_turn(struct store_txn *t, struct mailbox *m, struct err *err)
{
	m->record->active = active_after(m->turn);
	m->record->switched_at = m->turn == TURN_SWITCH ? clock_realtime_s() : 0;
	m->record->source_guard &= m->turn == TURN_SWITCH;
	/* After an undo it is not switched at once again; a switch that had to be turned back was
	 * no undo that was asked for. */
	if (!m->turned_back)
		m->record->ready_used = m->turn == TURN_UNDO;
	return store_put(t, m->record, err) < 0 ? -1 : tell(t, m, err);
}

/* After both sides were read again. */
static void
verify(struct chunk *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];
		struct turn_facts f = turn_facts_of(m);

		if (m->state != STATE_CHANGED)
			continue;
		if (!m->taken_away && turn_verify(&c->conf, m->turn, &f, m->why, sizeof m->why)) {
			m->member = m->turn == TURN_SWITCH ? MEMBER_YES : MEMBER_NO;
			continue;
		}
		m->state = STATE_FAILED;
		m->made = TURN_CHANGES;
	}
}

static const char *
remark_of(const struct mailbox *m)
{
	if (m->turned_back)
		return m->first_why;
	if (m->already && !m->chunk->resuming)
		return m->turn == TURN_SWITCH ? "switched already" : "not switched";
	if (m->turn == TURN_SWITCH && !turn_can_mark(&m->chunk->conf, m->side[SOURCE]))
		return "not marked: the marker attribute has another value, which stays";
	return "";
}

/* Mail goes where it was asked to go, whatever the group says. */
static void
end_turned(struct mailbox *m)
{
	const char *remark = remark_of(m);
	char text[1100];

	(void)snprintf(text, sizeof text, "%s%s%s", remark, *remark && *m->group_why ? "; " : "",
	    m->group_why);
	end(m, !m->turned_back, text);
}

static int
record_verified(struct chunk *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (m->state != STATE_CHANGED)
			continue;
		/* The map may have believed otherwise: the directories are right. */
		if ((!(m->already && m->was == active_after(m->turn)) &&
			record_turn(t, m, err) < 0) ||
		    turn_put_owed(t, m, err) < 0 ||
		    store_clear_operation(t, c->run->link_id, &m->source, err) < 0)
			return -1;
	}
	if (store_commit(TAKE(t), err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (c->m[i].state == STATE_CHANGED)
			end_turned(&c->m[i]);
	return 0;
}

/* ---- one chunk ---- */

static int
try_once(struct chunk *c, struct err *err)
{
	if (turn_read(c, true, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (c->m[i].state == STATE_NEW && decide(&c->m[i], err) < 0)
			return -1;
	return carry_out(c, err);
}

/* Those that failed because the object has changed are tried from the beginning; true if there
 * are any. A lost connection ends all, with the error. */
static int
again(struct chunk *c, bool *ret, struct err *err)
{
	*ret = false;
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (m->state != STATE_FAILED || m->err.src == ERR_SRC_NONE)
			continue;
		if (turn_is_fatal(&m->err)) {
			*err = m->err;
			return -1;
		}
		if (m->failure != SETTLE_DRIFT)
			continue;
		m->err = (struct err){0};
		m->state = STATE_NEW;
		*ret = true;
	}
	return 0;
}

static void
turn_back(struct mailbox *m)
{
	(void)snprintf(m->first_why, sizeof m->first_why, "turned back: %s", m->why);
	m->turned_back = true;
	m->turn = m->turn == TURN_SWITCH ? TURN_UNDO : TURN_SWITCH;
	m->record->active = m->turn == TURN_SWITCH ? SOURCE : TARGET;
	m->state = STATE_NEW;
}

/* What could not be finished is turned back; if nothing was changed there is nothing to turn. */
static int
give_up(struct chunk *c, bool may_turn_back, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];
		bool begun = m->made || c->resuming;

		if (m->state != STATE_FAILED)
			continue;
		if (begun && may_turn_back)
			turn_back(m);
		else if (begun)
			m->member = m->was == TARGET ? MEMBER_YES : MEMBER_NO;
	}
	if (turn_change_group(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (m->state != STATE_FAILED)
			continue;
		if (forget_operation(m, err) < 0)
			return -1;
		end(m, false, m->why);
	}
	return 0;
}

static int
turn_chunk(struct chunk *c, struct err *err)
{
	for (int pass = 0; pass < 2; pass++) {
		bool more = true;

		for (int i = 0; more && i < TRIES; i++)
			if (try_once(c, err) < 0 || again(c, &more, err) < 0)
				return -1;
		if (turn_read(c, false, err) < 0)
			return -1;
		verify(c);
		if (turn_change_group(c, err) < 0 || record_verified(c, err) < 0)
			return -1;
		for (size_t i = 0; i < c->n; i++)
			if (c->m[i].state == STATE_NEW)
				c->m[i].state = STATE_FAILED;
		if (give_up(c, pass == 0, err) < 0)
			return -1;
	}
	return 0;
}

struct turn_conf
turn_conf_of(const struct conf_link *link)
{
	return (struct turn_conf){
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .routing_domain = link->target->routing_domain,
	    .stamp_attribute = link->target->stamp_attribute,
	    .marker_attribute = link->marker_attribute,
	    .marker_group = link->marker_group};
}

static int
run_some(struct run *run, const struct turn_order *o, bool resuming, struct err *err)
{
	struct chunk *c = NULL;
	int rc;

	/* A chunk is half a megabyte, and most cycles have nothing to resume. */
	if (o->n == 0)
		return 0;
	c = calloc(1, sizeof *c);
	rc = c ? 0 : err_nomem(err);
	for (size_t from = 0; rc == 0 && from < o->n; from += CHUNK) {
		*c = (struct chunk){.run = run,
		    .conf = turn_conf_of(run->link),
		    .resuming = resuming,
		    .force = o->force};
		for (size_t i = from; i < o->n && c->n < CHUNK; i++)
			c->m[c->n++] = (struct mailbox){.chunk = c,
			    .turn = o->turn,
			    .source = o->sources[i],
			    .begun = resuming};
		rc = load_records(c, err);
		if (rc == 0)
			rc = turn_chunk(c, err);
		run_progress(run, RUN_PHASE_APPLY, from + c->n, o->n);
		turn_chunk_clear(c);
	}
	free(c);
	return rc;
}

int
turn_run(const struct run *run, const struct turn_order *o, struct err *err)
{
	struct run own = run_job(run);

	return run_some(&own, o, false, err);
}

static int
collect(const struct store_operation *o, void *arg, struct err *err)
{
	struct guid_list *of = arg; /* by turn */

	if (o->kind != OPERATION_SWITCH && o->kind != OPERATION_UNDO)
		return 0;
	return guid_list_add(
	    &of[o->kind == OPERATION_SWITCH ? TURN_SWITCH : TURN_UNDO], &o->source, err);
}

int
turn_resume(const struct run *run, struct err *err)
{
	struct guid_list of[2] = {0};
	struct run own = run_job(run);
	struct store_txn *t = NULL;
	int rc = store_begin(run->store, STORE_READ, &t, err);

	if (rc == 0)
		rc = store_each_operation(t, run->link_id, collect, of, err);
	store_abort(t);
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		const struct turn_order o = {
		    .turn = (enum turn)i, .sources = of[i].v, .n = of[i].n};

		rc = run_some(&own, &o, true, err);
	}
	free(of[0].v);
	free(of[1].v);
	if (rc == 0) {
		const struct turn_conf conf = turn_conf_of(run->link);

		rc = turn_pay_owed(&own, &conf, err);
	}
	return rc;
}
