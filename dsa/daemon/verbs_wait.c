/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/json.h"

#define PLAN_CHUNK 16384

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
	wait->plan_lines = false;
}

static json_t *
answer_of(struct worker *w, uint64_t number)
{
	_cleanup_(worker_answer_free) struct worker_answer *a = worker_take_answer(w, number);
	json_t *o = client_answer(a && a->status != 1);

	json_put_member(&o, "status", json_integer(a ? a->status : 1));
	json_put_member(&o, "error", json_of_text(a ? a->error : "out of memory for the answer"));
	if (!a)
		return o;
	json_put_member(&o, "summary",
	    a->cycle ? cycle_link_summary(worker_link(w), a->result, a->finished_at) : json_null());
	/* What only looks gives members of its own. */
	if (!json_is_object(a->results) && a->results)
		json_put_member(&o, "results", json_incref(a->results));
	else if (a->results && json_object_update(o, a->results) < 0)
		json_decref(TAKE(o));
	return o;
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
		json_t *o;

		if (n <= 0) {
			(void)close(wait->plan_fd);
			wait->plan_fd = -1;
			break;
		}
		/* LDIF is ASCII but for names in comments; lines are UTF-8: no character is cut in
		 * half. */
		while (whole && (piece[whole - 1] & 0x80))
			whole--;
		if (!whole)
			whole = (size_t)n;
		wait->plan_at += (int64_t)whole;
		o = json_object();
		json_put_member(&o, "event", json_of_text("plan"));
		json_put_member(&o, wait->plan_lines ? "lines" : "ldif",
		    json_of_octets((struct bytes){piece, whole}));
		client_send(c, o);
	}
	return wait->plan_fd < 0;
}

static void
send_progress(struct client *c, const struct worker_state *s)
{
	json_t *o = json_object();

	json_put_member(&o, "event", json_of_text("progress"));
	view_worker_progress(&o, s);
	client_send(c, o);
}

static void
look_at(struct client *c, void *arg)
{
	struct verbs *v = arg;
	struct client_wait *wait = client_wait(c);
	struct worker *w = verbs_find_worker(v, wait->link);
	struct worker_state s;

	/* A slow watcher misses states and keeps the connection. */
	if (wait->watching && client_pending(c) < PLAN_CHUNK)
		verbs_send_state(v, c);
	if (!wait->number || wait->answer)
		return;
	if (!w) {
		stop_waiting(wait);
		client_refuse(c, "the link is gone: the configuration was reloaded");
		return;
	}
	worker_get_state(w, &s);
	if (s.request_done < wait->number) {
		if (s.phase == WORKER_RUNNING && !wait->watching && client_pending(c) == 0)
			send_progress(c, &s);
		return;
	}
	wait->answer = answer_of(w, wait->number);
	/* What there is of a plan that failed is no plan. */
	if (!json_is_true(json_object_get(wait->answer, "ok"))) {
		closep(&wait->plan_fd);
		wait->plan_fd = -1;
	}
	verbs_drained(c, v);
}

void
verbs_drained(struct client *c, void *arg)
{
	struct client_wait *wait = client_wait(c);
	json_t *answer;

	(void)arg;
	if (!wait->answer || (wait->plan_fd >= 0 && !send_plan(c)))
		return;
	answer = TAKE(wait->answer);
	stop_waiting(wait);
	client_send(c, answer);
}

void
verbs_changed(struct verbs *v)
{
	uint64_t *done = calloc(v->n_workers + 1, sizeof *done);

	for (size_t i = 0; done && i < v->n_workers; i++) {
		struct worker_state s;

		worker_get_state(v->workers[i], &s);
		done[i] = s.request_done;
	}
	control_each(v->control, look_at, v);
	/* The clients that waited for these have them now, or have gone. */
	for (size_t i = 0; done && i < v->n_workers; i++)
		worker_forget_answers(v->workers[i], done[i]);
	free(done);
}
