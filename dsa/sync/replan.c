/* SPDX-License-Identifier: MIT */
/*
 * When the directory has moved on since it was read: the objects concerned are read again, and
 * decided and planned as if they had been read so in the first place. A few rounds of that are
 * enough unless somebody keeps writing to the very same objects.
 */
#include "dsa/sync/cycle_priv.h"

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/sync/planner.h"

/* Reads one object of SIDE again, by GUID or, if that is zero, by DN, into its working set. */
static int
refresh(struct cycle *c, enum side side, const struct guid *g, const char *dn, uint32_t *index,
    struct err *err)
{
	struct dir *d = c->dir[side];
	const char *const *attrs = side == SOURCE ? c->table->source_attrs : c->table->target_attrs;
	_cleanup_(entry_free) struct entry *e = NULL;
	int rc = guid_is_zero(g) ? d->ops->read(d, dn, attrs, &e, err)
				 : dir_read_guid(d, g, attrs, &e, err);

	if (rc < 0)
		return -1;
	if (e)
		return cycle_index(c, side, e, index, err);
	if (*index == DECISION_NO_TARGET)
		return 0;
	/* It is gone: what remains in the working set answers to nothing any more. */
	e = entry_new("");
	return e ? workset_replace(c->ws[side], *index, e, err) : err_nomem(err);
}

static int
replan_one(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0}, old = {0};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	bool found;

	if (cycle_get_decision(c, index, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (refresh(c, SOURCE, &old.source, NULL, &index, err) < 0 ||
	    workset_get(c->ws[SOURCE], index, &source, err) < 0)
		return -1;
	if (old.target != DECISION_NO_TARGET) {
		if (workset_get(c->ws[TARGET], old.target, &target, err) < 0 ||
		    refresh(c, TARGET, &target->guid, NULL, &old.target, err) < 0)
			return -1;
	} else if (*old.target_dn) {
		static const struct guid none;
		uint32_t there = DECISION_NO_TARGET;

		/* Something has appeared under the name that was free, perhaps our own work. */
		if (cycle_find_dn(c, TARGET, old.target_dn, &there, err) < 0 ||
		    refresh(c, TARGET, &none, old.target_dn, &there, err) < 0)
			return -1;
	}
	if (!*source->dn) {
		decision_done(&old);
		return cycle_put_decision(c, index, &old, err);
	}
	if (cycle_decide_one(c, index, source, &d, err) < 0)
		return -1;
	if ((d.state == DECIDE_CREATE || d.state == DECIDE_PROMOTE) &&
	    cycle_choose_names(c, index, source, &d, err) < 0)
		return -1;
	if (cycle_put_decision(c, index, &d, err) < 0)
		return -1;
	return cycle_plan_object(c, index, 0, err);
}

/* Source entry INDEX could not be planned again: nobody may refer to what was to be created. */
static int
set_aside(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || d.state == DECIDE_MATCHED)
		return 0;
	d.state = DECIDE_NOTHING;
	return cycle_put_decision(c, index, &d, err);
}

static int
replan_each(struct cycle *c, struct again *again, size_t n, size_t *ret_failed, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (replan_one(c, again[i].source, err) == 0)
			continue;
		if (err->scope != ERR_ENTRY)
			return -1;
		again[*ret_failed].source = again[i].source;
		err_escape(again[*ret_failed].why, sizeof again->why, bytes_of(err->text));
		(*ret_failed)++;
		if (set_aside(c, again[i].source, err) < 0)
			return -1;
	}
	return 0;
}

/* Counted, told, and put down for the next cycle, which may be a delta. */
int
cycle_give_up(
    struct cycle *c, const struct again *failed, size_t n, const char *what, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (n == 0)
		return 0;
	if (store_begin(c->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		struct cycle_event event = {.kind = CYCLE_REFUSED};

		if (workset_get(c->ws[SOURCE], failed[i].source, &e, err) < 0)
			return -1;
		c->res->failed++;
		event.source = &e->guid;
		event.dn = e->dn;
		if (outcome_refuse(c, t, &event, failed[i].why, err) < 0)
			return -1;
		cycle_tell(c, &event, "%s: %s; tried again in the next cycle", what, failed[i].why);
	}
	return store_commit(TAKE(t), err);
}

int
cycle_replan(struct cycle *c, struct err *err)
{
	_cleanup_(free) struct again *again = TAKE(c->again);
	size_t n = c->n_again, failed = 0;
	int rc;

	c->n_again = c->cap_again = 0;
	c->round++;
	c->res->drift += n;
	if (store_begin(c->store, STORE_READ, &c->read, err) < 0)
		return -1;
	rc = replan_each(c, again, n, &failed, err);
	store_abort(TAKE(c->read));
	return rc < 0 ? -1
		      : cycle_give_up(c, again, failed,
			    "the directory changed while it was written, and then", err);
}
