/* SPDX-License-Identifier: MIT */
/*
 * A synchronization, step by step, and what a crash leaves behind:
 *
 *   connect   both directories                                             nothing
 *   settle    open journal entries; turns and toggles that were            the same, open
 *             interrupted
 *   rebuild   records, before a full cycle, if the map was lost            see rebuild.c
 *   cycle     see cycle.c                                                  open intents
 *   switch    whose readiness attribute appeared                           see turn_run.c
 *   finish    the cursors advance                                          the old cursors
 *
 * A half-done turn is finished before the cycle reads: the cycle would take it for a mistake of
 * others and repair it.
 */
#include "dsa/jobs/sync.h"

#include <stdlib.h>

#include "dsa/cycle/reading.h"
#include "dsa/jobs/ready_switch.h"
#include "dsa/jobs/rebuild.h"
#include "dsa/jobs/turns.h"
#include "mapping/store.h"

static int
settle(struct run *run, const struct cycle_options *opt, struct err *err)
{
	if (opt->plan_only || !run->link_id)
		return 0;
	/* The cycle of a toggle under way is no reason to end it. */
	return opt->toggling ? turns_resume_switches(run, err) : turns_resume(run, err);
}

/* Before a full cycle: a delta that finds nothing of the link in the map is none. */
static int
rebuild(struct run *run, bool full, const struct cycle_options *opt, struct err *err)
{
	return !full || opt->plan_only || !run->link_id ? 0 : rebuild_if_lost(run, err);
}

static int
run_cycle(struct run *run, bool full, const struct cycle_options *opt, struct cycle_result *ret,
    bool *ret_full, struct err *err)
{
	_cleanup_(cycle_free) struct cycle *c = NULL;

	if (cycle_new(run, !full, opt, ret, &c, err) < 0 || cycle_connect(c, err) < 0 ||
	    settle(run, opt, err) < 0 || rebuild(run, full, opt, err) < 0 ||
	    cycle_run(c, ret_full, err) < 0)
		return -1;
	if (*ret_full)
		return 0;
	if (!opt->plan_only && !opt->only && ready_switch(run, opt->ready, ret, err) < 0)
		return -1;
	if (cycle_finish(c, err) < 0)
		return -1;
	reading_leave(c);
	return 0;
}

static int
sync_once(struct run *run, bool full, const struct cycle_options *opt, struct cycle_result *ret,
    bool *ret_full, struct err *err)
{
	struct cycle_ready ready = {.link_is_held = false};
	struct cycle_options own = *opt;
	int rc;

	own.ready = &ready;
	rc = run_cycle(run, full, &own, ret, ret_full, err);
	cycle_ready_done(&ready);
	return rc;
}

int
sync_delta(struct run *run, const struct cycle_options *opt, struct cycle_result *ret,
    bool *ret_full, struct err *err)
{
	return sync_once(run, false, opt, ret, ret_full, err);
}

int
sync_run(struct run *run, bool full, const struct cycle_options *opt, struct cycle_result *ret,
    struct err *err)
{
	bool needs_full = full;

	if (!full && sync_delta(run, opt, ret, &needs_full, err) < 0)
		return -1;
	return needs_full ? sync_once(run, true, opt, ret, &needs_full, err) : 0;
}

/* Both flows of a link. */
struct flows {
	struct guid_list asked[SIDES]; /* for by a cycle, by the side of the original */
	struct shared_reading reading;
};

static void
flows_donep(struct flows *f)
{
	for (int side = SOURCE; side < SIDES; side++)
		free(f->asked[side].v);
	shared_reading_done(&f->reading);
}

/* Is G a native, as the return flow with number FLOW knows? */
static int
is_native(struct store_txn *t, uint32_t flow, const struct guid *g, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(conflict_done) struct conflict c = {.n_candidates = 0};

	if (store_find_guid(t, flow, SOURCE, g, &r, err) < 0)
		return -1;
	*ret = r != NULL;
	return r ? 0 : store_find_conflict(t, flow, g, &c, ret, err);
}

static int
part_objects(
    const struct run *run, const struct cycle_options *opt, struct flows *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t flows[SIDES] = {0};

	if (run->store && opt->n_objects &&
	    (store_begin(run->store, STORE_READ, &t, err) < 0 ||
		store_flow_ids(t, run->link->name, flows, err) < 0))
		return -1;
	for (size_t i = 0; i < opt->n_objects; i++) {
		bool native = false;

		if (flows[TARGET] &&
		    is_native(t, flows[TARGET], &opt->objects[i], &native, err) < 0)
			return -1;
		if (guid_list_add(&ret->asked[native ? TARGET : SOURCE], &opt->objects[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Who asks for objects waits for these alone. */
static bool
is_wanted(
    const struct run *run, const struct cycle_options *opt, const struct flows *f, enum side from)
{
	return (from == SOURCE || run->link->back) && (opt->n_objects == 0 || f->asked[from].n);
}

static int
run_flow(struct run *run, bool full, const struct cycle_options *opt, struct flows *f,
    enum side from, struct cycle_result *ret, struct err *err)
{
	struct cycle_options own = *opt;

	own.objects = f->asked[from].v;
	own.n_objects = f->asked[from].n;
	if (from == TARGET)
		own.takes = &f->reading;
	else if (is_wanted(run, opt, f, TARGET))
		own.leaves = &f->reading;
	return sync_run(run, full, &own, ret, err);
}

int
sync_link(struct run *run, bool full, const struct cycle_options *opt,
    struct cycle_result ret[SIDES], struct err *err)
{
	_cleanup_(flows_done) struct flows flows = {.reading = {.world = NULL}};
	struct run back;

	ret[SOURCE] = ret[TARGET] = (struct cycle_result){.number = 0};
	if (part_objects(run, opt, &flows, err) < 0)
		return -1;
	if (is_wanted(run, opt, &flows, SOURCE) &&
	    run_flow(run, full, opt, &flows, SOURCE, &ret[SOURCE], err) < 0)
		return -1;
	if (!is_wanted(run, opt, &flows, TARGET))
		return 0;
	back = run_back(run);
	return run_flow(&back, full, opt, &flows, TARGET, &ret[TARGET], err);
}
