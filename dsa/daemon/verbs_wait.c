/* SPDX-License-Identifier: MIT */
/* Who waits for what, and what is sent meanwhile. */
#include "dsa/daemon/verbs_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAN_CHUNK 16384

/* Puts down what C waits for. NUMBER 0: the worker has a request already. */
void
verbs_wait_for(struct client *c, struct worker *w, uint64_t request_number, int plan_fd)
{
	struct client_wait *wait = client_wait(c);

	if (!request_number) {
		closep(&plan_fd);
		client_refuse(c, "link '%s' has another request waiting: ask again when it is done",
		    worker_link(w)->name);
		return;
	}
	free(wait->link);
	wait->link = strdup(worker_link(w)->name);
	wait->number = wait->link ? request_number : 0;
	wait->plan_fd = plan_fd;
	if (!wait->link)
		client_refuse(c, "out of memory");
}

static void
stop_waiting(struct client_wait *wait)
{
	free(TAKE(wait->link));
	wait->number = 0;
	closep(&wait->plan_fd);
	wait->plan_fd = -1;
	wait->plan_at = 0;
}

static void
answer(struct client *c, struct worker *w, const struct worker_state *s)
{
	struct client_wait *wait = client_wait(c);
	char *summary = cycle_summary_json(worker_link(w), &s->result);
	json_t *results = worker_take_results(w);
	json_t *o = json_pack("{s:b, s:i, s:s, s:o}", "ok", s->request_status != 1, "status",
	    s->request_status, "error", s->request_error, "summary",
	    summary ? json_loads(summary, 0, NULL) : json_null());

	/* What only looks gives members of its own. */
	if (o && json_is_object(results))
		(void)json_object_update(o, results);
	else if (o && results)
		(void)json_object_set(o, "results", results);
	json_decref(results);
	free(summary);
	stop_waiting(wait);
	client_send(c, o);
}

static struct worker *
worker_of(struct verbs *v, const char *link)
{
	for (size_t i = 0; link && i < v->n_workers; i++)
		if (strcmp(worker_link(v->workers[i])->name, link) == 0)
			return v->workers[i];
	return NULL;
}

/* Sends the next pieces of the plan; true when all of it is under way. */
static bool
send_plan(struct client *c)
{
	struct client_wait *wait = client_wait(c);
	char piece[PLAN_CHUNK];

	while (wait->plan_fd >= 0 && client_pending(c) < (size_t)4 * PLAN_CHUNK) {
		ssize_t n = pread(wait->plan_fd, piece, sizeof piece, wait->plan_at);
		size_t whole = n > 0 ? (size_t)n : 0;

		if (n <= 0) {
			(void)close(wait->plan_fd);
			wait->plan_fd = -1;
			break;
		}
		/* LDIF is ASCII, but a comment may name a DN: no character is cut in half. */
		while (whole && (piece[whole - 1] & 0x80))
			whole--;
		if (!whole)
			whole = (size_t)n;
		wait->plan_at += (int64_t)whole;
		client_send(c, json_pack("{s:s, s:s%}", "event", "plan", "ldif", piece, whole));
	}
	return wait->plan_fd < 0;
}

static void
look_at(struct client *c, void *arg)
{
	struct verbs *v = arg;
	struct client_wait *wait = client_wait(c);
	struct worker *w = worker_of(v, wait->link);
	struct worker_state s;

	/* A watcher who is slow misses states, not the connection. */
	if (wait->watching && client_pending(c) < PLAN_CHUNK)
		client_send(c, json_pack("{s:s, s:o}", "event", "state", "links", verbs_links(v)));
	if (!wait->number)
		return;
	if (!w) {
		stop_waiting(wait);
		client_refuse(c, "the link is gone: the configuration was reloaded");
		return;
	}
	worker_get_state(w, &s);
	if (s.request_done < wait->number) {
		if (s.phase == WORKER_RUNNING && !wait->watching && client_pending(c) == 0)
			client_send(c, json_pack("{s:s, s:s, s:o, s:o}", "event", "progress",
					   "phase", cycle_phase_name(s.cycle), "done",
					   verbs_number(s.done), "total", verbs_number(s.total)));
		return;
	}
	if (wait->plan_fd >= 0 && s.request_status != 1)
		verbs_drained(c, v);
	else
		answer(c, w, &s);
}

void
verbs_drained(struct client *c, void *arg)
{
	struct client_wait *wait = client_wait(c);
	struct worker *w = worker_of(arg, wait->link);
	struct worker_state s;

	if (!wait->number || !w)
		return;
	worker_get_state(w, &s);
	if (s.request_done < wait->number || (wait->plan_fd >= 0 && !send_plan(c)))
		return;
	answer(c, w, &s);
}

void
verbs_changed(struct verbs *v)
{
	control_each(v->control, look_at, v);
}
