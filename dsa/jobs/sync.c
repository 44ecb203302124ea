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

#include "dsa/jobs/ready_switch.h"
#include "dsa/jobs/rebuild.h"
#include "dsa/jobs/turns.h"

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
	if (!opt->plan_only && ready_switch(run, opt->ready, ret, err) < 0)
		return -1;
	return cycle_finish(c, err);
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

int
sync_link(struct run *run, bool full, const struct cycle_options *opt,
    struct cycle_result ret[SIDES], struct err *err)
{
	struct cycle_options own = *opt;
	struct run back;

	ret[TARGET] = (struct cycle_result){.number = 0};
	if (sync_run(run, full, opt, &ret[SOURCE], err) < 0)
		return -1;
	if (!run->link->back || opt->n_objects)
		return 0;
	back = run_back(run);
	own.toggling = false;
	return sync_run(&back, full, &own, &ret[TARGET], err);
}
