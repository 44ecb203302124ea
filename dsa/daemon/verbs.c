/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"

#define PLAN_CHUNK 16384

static json_t *
time_or_null(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (!t)
		return json_null();
	clock_format_utc(t, text);
	return json_string(text);
}

static json_t *
number(uint64_t n)
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
	    "state", worker_phase_name(s.phase), "cycles", number(s.cycles), "failing", s.failing,
	    "error", s.error, "failing_since", time_or_null(s.failing ? s.failing_since : 0),
	    "next_attempt", time_or_null(s.failing ? s.next : 0), "finished",
	    time_or_null(s.finished_at), "last", last);
	if (o && s.phase == WORKER_RUNNING) {
		(void)json_object_set_new(o, "phase", json_string(cycle_phase_name(s.cycle)));
		(void)json_object_set_new(o, "done", number(s.done));
		(void)json_object_set_new(o, "total", number(s.total));
	}
	return o;
}

/* The worker of the link the request names; the only one if it names none. */
static struct worker *
find_worker(struct verbs *v, struct client *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "link"));

	if (!name && v->n_workers == 1)
		return v->workers[0];
	for (size_t i = 0; name && i < v->n_workers; i++)
		if (strcmp(worker_link(v->workers[i])->name, name) == 0)
			return v->workers[i];
	if (name)
		client_refuse(c, "there is no link '%s'", name);
	else
		client_refuse(c, "there are several links: name one");
	return NULL;
}

static json_t *
links_json(struct verbs *v)
{
	json_t *links = json_array();

	for (size_t i = 0; i < v->n_workers; i++)
		(void)json_array_append_new(links, worker_json(v->workers[i]));
	return links;
}

static void
verb_status(struct verbs *v, struct client *c, const json_t *request)
{
	(void)request;
	client_send(
	    c, json_pack("{s:b, s:s, s:i, s:o, s:o}", "ok", 1, "program", GALSYNC_VERSION, "pid",
		   (int)getpid(), "started", time_or_null(v->started_at), "links", links_json(v)));
}

static void
verb_watch(struct verbs *v, struct client *c, const json_t *request)
{
	(void)request;
	client_wait(c)->watching = true;
	client_send(c, json_pack("{s:s, s:o}", "event", "state", "links", links_json(v)));
}

static void
set_pause(struct verbs *v, struct client *c, const json_t *request, bool pause)
{
	const char *name = json_string_value(json_object_get(request, "link"));
	size_t n = 0;

	for (size_t i = 0; i < v->n_workers; i++)
		if (!name || strcmp(worker_link(v->workers[i])->name, name) == 0) {
			worker_pause(v->workers[i], pause);
			n++;
		}
	if (n)
		client_send(c, json_pack("{s:b, s:i}", "ok", 1, "links", (int)n));
	else
		client_refuse(c, "there is no link '%s'", name ? name : "");
}

static void
verb_pause(struct verbs *v, struct client *c, const json_t *request)
{
	set_pause(v, c, request, true);
}

static void
verb_resume(struct verbs *v, struct client *c, const json_t *request)
{
	set_pause(v, c, request, false);
}

/* Puts down what C waits for. NUMBER 0: the worker has a request already. */
static void
wait_for(struct client *c, struct worker *w, uint64_t request_number, int plan_fd)
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

struct who {
	struct guid guid;
	char *link;
	unsigned n;
	bool failed;
};

static int
take_who(const struct record *r, void *arg)
{
	struct who *w = arg;

	w->guid = r->side[SOURCE].guid;
	w->n++;
	return 0;
}

/* The source object that WHO names: by the map, or a GUID that the map does not know yet. False
 * with the reason in WHY. */
static bool
identify(struct verbs *v, const char *who, struct guid *ret, char *why, size_t size)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct who w = {.n = 0};
	struct err err;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_lookup_who(t, who, take_who, &w, &err) < 0) {
		(void)snprintf(why, size, "%s", err.text);
		return false;
	}
	if (w.n == 1)
		*ret = w.guid;
	else if (w.n > 1)
		(void)snprintf(
		    why, size, "'%.200s' is ambiguous: %u correspondences have it", who, w.n);
	else if (!guid_parse(who, ret))
		(void)snprintf(why, size,
		    "'%.200s' is not in the map; a source object that is not there yet is named "
		    "by its GUID",
		    who);
	else
		return true;
	return w.n == 1;
}

static bool
find_object(struct verbs *v, struct client *c, const char *who, struct guid *ret)
{
	char why[512];
	bool ok = identify(v, who, ret, why, sizeof why);

	if (!ok)
		client_refuse(c, "%s", why);
	return ok;
}

static void
verb_resync(struct verbs *v, struct client *c, const json_t *request)
{
	const char *who = json_string_value(json_object_get(request, "object"));
	struct worker *w = find_worker(v, c, request);
	struct guid *g = who ? malloc(sizeof *g) : NULL;

	if (who && !g)
		client_refuse(c, "out of memory");
	if (!w || (who && (!g || !find_object(v, c, who, g)))) {
		free(g);
		return;
	}
	wait_for(
	    c, w, worker_request(w, who ? REQUEST_OBJECT : REQUEST_FULL, g, who ? 1 : 0, -1), -1);
}

/* Identifies every one of OBJECTS into G. What is wrong is put into PROBLEMS, all of it. */
static void
identify_all(struct verbs *v, const json_t *objects, struct guid *g, json_t *problems)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const char *who = json_string_value(json_array_get(objects, i));
		char why[512] = "it is no string";
		bool ok = who && identify(v, who, &g[i], why, sizeof why);

		for (size_t j = 0; ok && j < i; j++)
			if (guid_equal(&g[j], &g[i])) {
				(void)snprintf(why, sizeof why, "it is named twice");
				ok = false;
			}
		if (!ok)
			(void)json_array_append_new(
			    problems, json_pack("{s:s, s:s, s:b, s:s}", "guid", "", "dn",
					  who ? who : "", "ok", 0, "text", why));
	}
}

/* Every object must be known before anything begins: a list with a mistake is refused whole, with
 * all its mistakes. */
static void
turn(struct verbs *v, struct client *c, const json_t *request, enum worker_request what)
{
	const json_t *objects = json_object_get(request, "objects");
	struct worker *w = find_worker(v, c, request);
	size_t n = json_array_size(objects);
	json_t *problems;
	struct guid *g;

	if (!w)
		return;
	if (n == 0) {
		client_refuse(c, "\"objects\" is a list of who is to be turned");
		return;
	}
	g = calloc(n, sizeof *g);
	problems = json_array();
	if (g)
		identify_all(v, objects, g, problems);
	if (!g) {
		client_refuse(c, "out of memory");
	} else if (json_array_size(problems)) {
		char text[96];

		(void)snprintf(text, sizeof text, "nothing was begun: %zu of %zu cannot be taken",
		    json_array_size(problems), n);
		client_send(
		    c, json_pack("{s:b, s:s, s:O}", "ok", 0, "error", text, "results", problems));
		free(g);
	} else {
		wait_for(c, w, worker_request(w, what, g, n, -1), -1);
	}
	json_decref(problems);
}

static void
verb_switch(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_SWITCH);
}

static void
verb_undo_switch(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_UNDO);
}

/* The worker writes the plan to a file without a name, which is sent when it is complete. */
static void
verb_plan(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w = find_worker(v, c, request);
	int fd, copy;

	if (!w)
		return;
	fd = open(v->state_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		client_refuse(c, "a file for the plan in '%s': %s", v->state_directory,
		    strerrordesc_np(errno));
		closep(&fd);
		return;
	}
	wait_for(c, w, worker_request(w, REQUEST_PLAN, NULL, 0, copy), fd);
}

static void
verb_proxy_toggle(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_TOGGLE);
}

static void
verb_verify(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w = find_worker(v, c, request);

	if (w)
		wait_for(c, w, worker_request(w, REQUEST_VERIFY, NULL, 0, -1), -1);
}

static const struct {
	const char *name;
	enum control_right needs;
	void (*run)(struct verbs *v, struct client *c, const json_t *request);
} verbs[] = {
    {"status", CONTROL_READ, verb_status},
    {"watch", CONTROL_READ, verb_watch},
    {"plan", CONTROL_READ, verb_plan},
    {"verify", CONTROL_READ, verb_verify},
    {"pause", CONTROL_CHANGE, verb_pause},
    {"resume", CONTROL_CHANGE, verb_resume},
    {"resync", CONTROL_CHANGE, verb_resync},
    {"switch", CONTROL_CHANGE, verb_switch},
    {"undo-switch", CONTROL_CHANGE, verb_undo_switch},
    {"proxy-toggle", CONTROL_CHANGE, verb_proxy_toggle},
};

void
verbs_request(struct client *c, const json_t *request, void *arg)
{
	const char *name = json_string_value(json_object_get(request, "verb"));
	char known[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (name && strcmp(name, verbs[i].name) == 0) {
			if (client_right(c) < verbs[i].needs)
				client_refuse(c,
				    "permission denied: '%s' needs root or the group galsync-admin",
				    name);
			else if (client_wait(c)->number)
				client_refuse(c, "the last request is not answered yet");
			else
				verbs[i].run(arg, c, request);
			return;
		}
		(void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
		    i ? ", " : "", verbs[i].name);
	}
	if (name)
		client_refuse(c, "there is no verb '%.64s': it is one of %s", name, known);
	else
		client_refuse(c, "a request has a \"verb\": one of %s", known);
}

/* ---- who waits ---- */

static void
answer(struct client *c, struct worker *w, const struct worker_state *s)
{
	struct client_wait *wait = client_wait(c);
	char *summary = cycle_summary_json(worker_link(w), &s->result);
	json_t *results = worker_take_results(w);
	json_t *o = json_pack("{s:b, s:i, s:s, s:o}", "ok", s->request_status != 1, "status",
	    s->request_status, "error", s->request_status == 1 ? s->error : "", "summary",
	    summary ? json_loads(summary, 0, NULL) : json_null());

	if (o && results)
		(void)json_object_set(o, "results", results);
	json_decref(results);
	free(summary);
	free(wait->link);
	*wait = (struct client_wait){.watching = wait->watching, .plan_fd = -1};
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
		client_send(c, json_pack("{s:s, s:o}", "event", "state", "links", links_json(v)));
	if (!wait->number)
		return;
	if (!w) {
		*wait = (struct client_wait){.watching = wait->watching, .plan_fd = -1};
		client_refuse(c, "the link is gone: the configuration was reloaded");
		return;
	}
	worker_get_state(w, &s);
	if (s.request_done < wait->number) {
		if (s.phase == WORKER_RUNNING && !wait->watching && client_pending(c) == 0)
			client_send(c, json_pack("{s:s, s:s, s:o, s:o}", "event", "progress",
					   "phase", cycle_phase_name(s.cycle), "done",
					   number(s.done), "total", number(s.total)));
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
