/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/conflicts.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/leave.h"

const char *
conflicts_taken_text(bool whole)
{
	return whole ? "the object is not synchronized until that is resolved"
		     : "the address is left out";
}

void
conflicts_report_taken(const struct cycle *c, const struct run_event *e, const char *address,
    const char *holder, bool whole)
{
	run_event(c->run, e, TAKEN_FORMAT, address, holder, conflicts_taken_text(whole));
}

void
conflicts_of(const struct decision *d, char *candidates[DECISION_CANDIDATES],
    struct guid guids[DECISION_CANDIDATES], struct conflict *ret)
{
	*ret = (struct conflict){.source = d->source,
	    .reason = d->reason,
	    .source_dn = d->source_dn,
	    .what = d->what ? d->what : d->evidence,
	    .candidates = candidates,
	    .candidate_guids = guids,
	    .since = clock_realtime_s()};
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++) {
		guids[i] = d->candidate_guids[i];
		candidates[ret->n_candidates++] = d->candidates[i];
	}
}

static int
put_conflict(
    struct cycle *c, struct store_txn *t, const struct decision *d, bool *again, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {.reason = CONFLICT_AMBIGUOUS};
	bool found;
	char *candidates[DECISION_CANDIDATES];
	struct guid guids[DECISION_CANDIDATES];
	struct conflict x;

	conflicts_of(d, candidates, guids, &x);
	if (store_find_conflict(t, c->run->link_id, &d->source, &old, &found, err) < 0)
		return -1;
	*again = found && old.reason == x.reason && strcmp(old.what, x.what) == 0;
	return store_put_conflict(t, c->run->link_id, &x, err);
}

static int
collect_conflict(uint32_t link, const struct conflict *x, void *arg, struct err *err)
{
	(void)link;
	return guid_list_add(arg, &x->source, err);
}

static int
clear_conflict(struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {.reason = CONFLICT_AMBIGUOUS};
	struct run_event e = {.kind = RUN_RESOLVED, .level = LOG_INFO, .source = source};
	bool found;

	if (store_find_conflict(t, c->run->link_id, source, &old, &found, err) < 0 ||
	    store_clear_conflict(t, c->run->link_id, source, err) < 0)
		return -1;
	e.dn = old.source_dn;
	if (found)
		run_event(c->run, &e, "the conflict is resolved (%s: %s)",
		    conflict_reason_name(old.reason), old.what);
	return 0;
}

/* After a full cycle: forgets the stored conflicts of objects that are in none any more. */
static int
clear_resolved(struct cycle *c, struct store_txn *t, struct err *err)
{
	struct guid_list known = {0};
	int rc = store_each_conflict(t, c->run->link_id, collect_conflict, &known, err);

	for (size_t i = 0; rc == 0 && i < known.n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		rc = cycle_find_decision(c, &known.v[i], &d, &found, err);
		if (rc == 0 && !(found && d.in_conflict))
			rc = clear_conflict(c, t, &known.v[i], err);
	}
	free(known.v);
	return rc;
}

static void
tell_conflict(const struct cycle *c, const struct decision *d, bool again)
{
	const struct run_event e = {.kind = RUN_CONFLICT,
	    .level = LOG_WARNING,
	    .source = &d->source,
	    .dn = d->source_dn,
	    .again = again};
	const char *help = conflict_reason_help(d->reason);
	_cleanup_(buf_done) struct buf b = {0};

	if (d->reason == CONFLICT_ADDRESS) {
		conflicts_report_taken(
		    c, &e, d->what, d->candidates[0], d->state == DECIDE_CONFLICT);
		return;
	}
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
		buf_printf(&b, "%s'%s'", i ? " and " : "", d->candidates[i]);
	run_event(c->run, &e, "conflict (%s): %s%s%s; %s until it is resolved%s%s",
	    conflict_reason_name(d->reason), d->what ? d->what : "", b.len ? ": " : "",
	    b.len ? (char *)b.data : "",
	    d->state == DECIDE_CONFLICT	    ? "nothing is written"
	    : d->reason == CONFLICT_FOREIGN ? "it is left out"
					    : "its contact goes on",
	    help ? ": " : "", help ? help : "");
}

/* In a delta: the concerned that were in conflict and are deleted. What an answer only lacks may be
 * a rival still. */
static int
find_gone(struct cycle *c, struct guid_list *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < delta_about(c)->n; i++) {
		_cleanup_(conflict_done) struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
		const struct guid *g = &delta_about(c)->v[i];
		bool found, gone, missed;

		if (store_find_conflict(t, c->run->link_id, g, &known, &found, err) < 0)
			return -1;
		if (!found)
			continue;
		if (leave_prove_gone(c, g, &gone, &missed, err) < 0 ||
		    (gone && guid_list_add(ret, g, err) < 0))
			return -1;
	}
	return 0;
}

/* Calls for every decision in conflict; T NULL: only reports. A delta knows of those it decided
 * about that they are in no conflict. */
static int
walk_conflicts(struct cycle *c, struct store_txn *t, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	c->res->conflicts = 0;
	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found, again = false;

		if (cycle_get_decision(c, i, &d, &found, err) < 0)
			return -1;
		if (found && !d.in_conflict && t && c->run->is_delta &&
		    clear_conflict(c, t, &d.source, err) < 0)
			return -1;
		if (!found || !d.in_conflict)
			continue;
		c->res->conflicts++;
		if (t && put_conflict(c, t, &d, &again, err) < 0)
			return -1;
		tell_conflict(c, &d, again);
	}
	return 0;
}

/* A delta did not look at all that there are. One that was asked for, about certain objects,
 * answers for these. */
static int
count_conflicts(struct cycle *c, struct store_txn *t, struct err *err)
{
	struct store_counts counts;

	if (store_count(t, c->run->link_id, &counts, err) < 0)
		return -1;
	c->res->conflicts = c->opt->n_objects ? 0 : counts.conflicts;
	for (size_t i = 0; i < c->opt->n_objects; i++) {
		_cleanup_(conflict_done) struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
		bool found;

		if (store_find_conflict(
			t, c->run->link_id, &c->opt->objects[i], &known, &found, err) < 0)
			return -1;
		c->res->conflicts += found;
	}
	return 0;
}

static int
store_conflicts(struct cycle *c, const struct guid_list *gone, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < gone->n; i++)
		if (clear_conflict(c, t, &gone->v[i], err) < 0)
			return -1;
	if ((!c->run->is_delta && clear_resolved(c, t, err) < 0) || walk_conflicts(c, t, err) < 0 ||
	    count_conflicts(c, t, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

int
conflicts_store(struct cycle *c, struct err *err)
{
	struct guid_list gone = {0};
	int rc = 0;

	if (c->opt->plan_only)
		return walk_conflicts(c, NULL, err);
	if (c->run->is_delta)
		rc = find_gone(c, &gone, err);
	if (rc == 0)
		rc = store_conflicts(c, &gone, err);
	free(gone.v);
	return rc;
}

static int
store_again(struct cycle *c, struct store_txn *t, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found, again = false;

	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (!d.in_conflict)
		return clear_conflict(c, t, &d.source, err);
	if (put_conflict(c, t, &d, &again, err) < 0)
		return -1;
	tell_conflict(c, &d, again);
	return 0;
}

int
conflicts_store_again(struct cycle *c, const uint32_t *indexes, size_t n, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (n == 0)
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (store_again(c, t, indexes[i], err) < 0)
			return -1;
	return count_conflicts(c, t, err) < 0 ? -1 : store_commit(TAKE(t), err);
}
