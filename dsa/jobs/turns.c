/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/turns.h"

#include <syslog.h>

#include "dsa/exec/recover.h"
#include "dsa/jobs/clients.h"
#include "dsa/jobs/finish.h"
#include "dsa/jobs/toggle.h"

static void
on_event(const struct run_event *e, void *arg)
{
	const struct run *run = arg;

	if (run->observer->event)
		run->observer->event(e, run->observer->arg);
}

/* It was asked for in another run: an event of this one, and no result. */
static void
on_resumed(const struct run_result *r, void *arg)
{
	run_message(arg, r->ok ? LOG_NOTICE : LOG_ERR, r->source, r->dn,
	    "the turn that was interrupted is %s%s%s", r->ok ? "finished" : "ended",
	    *r->text ? ": " : "", r->text);
}

static void
on_finished(const struct run_result *r, void *arg)
{
	run_message(arg, r->ok ? LOG_NOTICE : LOG_ERR, r->source, r->dn,
	    "the end of its coexistence, which was interrupted, is %s%s%s",
	    r->ok ? "complete" : "given up", *r->text ? ": " : "", r->text);
}

int
turns_resume_switches(const struct run *run, struct err *err)
{
	struct run own = *run;
	const struct run_observer o = {.event = on_event, .result = on_resumed, .arg = &own};
	const struct run_observer of = {.event = on_event, .result = on_finished, .arg = &own};
	struct run turned = *run, finished = *run;

	turned.observer = &o;
	finished.observer = &of;
	/* Who asks for something now did not ask for this. */
	turned.asked = finished.asked = (struct asker){ASKED_BY_NOBODY, 0};
	if (exec_recover(run, err) < 0 || clients_settle(&own, err) < 0 ||
	    turn_resume(&turned, err) < 0)
		return -1;
	return finish_resume(&finished, err);
}

int
turns_resume(const struct run *run, struct err *err)
{
	return turns_resume_switches(run, err) < 0 ? -1 : toggle_resume(run, err);
}

int
turns_run(struct run *run, const struct turn_order *o, struct err *err)
{
	if (run_open_known(run, err) < 0)
		return -1;
	if (turns_resume(run, err) < 0 || turn_run(run, o, err) < 0)
		return err_ctx(
		    err, "a turn under way is finished, or turned back, before the next cycle");
	return 0;
}
