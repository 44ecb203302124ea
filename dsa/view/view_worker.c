/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_worker.h"

#include "dsa/base/json.h"
#include "dsa/cycle/summary.h"

static const char *const phase_names[] = {
    [WORKER_IDLE] = "idle",
    [WORKER_RUNNING] = "running",
    [WORKER_WAITING] = "waiting",
    [WORKER_PAUSED] = "paused",
};
_Static_assert(ARRAY_SIZE(phase_names) == WORKER_PHASE_MAX, "a name for each phase");

static const char *const feed_names[] = {
    [WORKER_FEED_UNKNOWN] = NULL,
    [WORKER_FEED_DIRSYNC] = "dirsync",
    [WORKER_FEED_USN] = "usn-changed",
};
_Static_assert(ARRAY_SIZE(feed_names) == WORKER_FEED_MAX, "a name for each way");

const char *
worker_phase_name(enum worker_phase p)
{
	return phase_names[p];
}

const char *
worker_feed_name(enum worker_feed f)
{
	return feed_names[f];
}

static json_t *
view_feeds(const enum worker_feed feed[SIDES])
{
	json_t *o = json_object();

	for (int side = SOURCE; side < SIDES; side++)
		json_put_member(
		    &o, side_name((enum side)side), json_of_text(worker_feed_name(feed[side])));
	return o;
}

static json_t *
view_forests(const struct conf_link *link)
{
	json_t *o = json_object();

	json_put_member(
	    &o, side_name(SOURCE), json_of_text(link->source ? link->source->name : NULL));
	json_put_member(
	    &o, side_name(TARGET), json_of_text(link->target ? link->target->name : NULL));
	return o;
}

void
view_worker_progress(json_t **o, const struct worker_state *s)
{
	json_put_member(o, "phase", json_of_text(run_phase_name(s->cycle)));
	json_put_member(o, "done", json_of_count(s->done));
	json_put_member(o, "total", json_of_count(s->total));
}

json_t *
view_worker(const struct conf_link *link, const struct worker_state *s)
{
	json_t *o = json_object();

	json_put_member(&o, "link", json_of_text(link->name));
	json_put_member(&o, "forests", view_forests(link));
	json_put_member(&o, "state", json_of_text(worker_phase_name(s->phase)));
	json_put_member(&o, "cycles", json_of_count(s->cycles));
	json_put_member(&o, "failing", json_boolean(s->failing));
	json_put_member(&o, "error", json_of_text(s->error));
	json_put_member(&o, "failing_since", json_of_time(s->failing ? s->failing_since : 0));
	json_put_member(&o, "next_attempt", json_of_time(s->failing ? s->next : 0));
	json_put_member(&o, "interval_s", json_integer(link->interval_s));
	json_put_member(&o, "finished", json_of_time(s->finished_at));
	json_put_member(&o, "last",
	    s->finished_at ? cycle_link_summary(link, s->result, s->finished_at) : json_null());
	json_put_member(&o, "changes_by", view_feeds(s->feed));
	if (s->phase == WORKER_RUNNING)
		view_worker_progress(&o, s);
	return o;
}
