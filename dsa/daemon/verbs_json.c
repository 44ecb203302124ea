/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_json.h"

#include <stdlib.h>

#include "dsa/base/clock.h"

json_t *
verbs_time(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (!t)
		return json_null();
	clock_format_utc(t, text);
	return json_string(text);
}

json_t *
verbs_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
worker_json(struct worker *w)
{
	struct worker_state s;
	char *summary;
	json_t *last = json_null(), *o;

	worker_get_state(w, &s);
	if (s.finished_at && (summary = cycle_summary_json(worker_link(w), &s.result))) {
		json_decref(last);
		last = json_loads(summary, 0, NULL);
		free(summary);
	}
	o = json_pack("{s:s, s:s, s:o, s:b, s:s, s:o, s:o, s:o, s:o}", "link", worker_link(w)->name,
	    "state", worker_phase_name(s.phase), "cycles", verbs_number(s.cycles), "failing",
	    s.failing, "error", s.error, "failing_since",
	    verbs_time(s.failing ? s.failing_since : 0), "next_attempt",
	    verbs_time(s.failing ? s.next : 0), "finished", verbs_time(s.finished_at), "last",
	    last);
	if (o)
		(void)json_object_set_new(o, "changes_by",
		    json_pack("{s:s?, s:s?}", "source", worker_feed_name(s.feed[SOURCE]), "target",
			worker_feed_name(s.feed[TARGET])));
	if (o && s.phase == WORKER_RUNNING) {
		(void)json_object_set_new(o, "phase", json_string(run_phase_name(s.cycle)));
		(void)json_object_set_new(o, "done", verbs_number(s.done));
		(void)json_object_set_new(o, "total", verbs_number(s.total));
	}
	return o;
}

json_t *
verbs_links(struct verbs *v)
{
	json_t *links = json_array();

	for (size_t i = 0; i < v->n_workers; i++)
		(void)json_array_append_new(links, worker_json(v->workers[i]));
	return links;
}
