/* SPDX-License-Identifier: MIT */
/*
 * Waves: planned, cancelled, given another time. What they did is read from the map.
 *
 * A list of mailboxes comes in parts, which are kept in the connection. Each part is answered with
 * what is wrong in it, so that neither a request nor an answer is long; a list with a mistake in it
 * is never planned. Nothing of it is in the map before the whole is, in one transaction.
 */
#include "dsa/daemon/verbs_wave.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/base/keyed_hash.h"
#include "dsa/base/list.h"
#include "dsa/base/log.h"
#include "dsa/base/str.h"
#include "dsa/daemon/verbs_wait.h"
#include "dsa/view/view_wave.h"

#define PART_MAX 500	     /* mailboxes in a request: its answer has a line for each */
#define MAILBOXES_MAX 100000 /* in a wave */
#define SLOTS 262144	     /* a power of two, much more than MAILBOXES_MAX */
#define NAME_MAX_LEN 100
/* A list takes its time; what was no past when it was begun is none when it is there. */
#define PAST_S 60

struct draft {
	char *link;
	uint32_t link_id;
	bool undo;
	struct wave_member *members;
	size_t n, cap, problems;
	uint32_t slots[SLOTS]; /* by GUID: the number of a member from 1, 0: free */
};

static void
draft_free(void *draft)
{
	struct draft *d = draft;

	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++)
		wave_member_done(&d->members[i]);
	free(d->members);
	free(d->link);
	free(d);
}

static uint32_t *
slot_of(struct draft *d, const struct guid *g)
{
	uint64_t i = keyed_hash(guid_bytes(g), 0);

	while (d->slots[i % SLOTS] && !guid_equal(&d->members[d->slots[i % SLOTS] - 1].source, g))
		i++;
	return &d->slots[i % SLOTS];
}

/* ---- who ---- */

struct found {
	uint32_t link;
	unsigned n;
	struct record *first;
};

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct found *f = arg;

	if (r->link != f->link || f->n++)
		return 0;
	return record_dup(r, &f->first, err);
}

static bool PRINTF_LIKE(3, 4) refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

/* May the mailbox of R be in a wave? */
static bool
check_record(struct store_txn *t, const struct record *r, bool undo, char *why, size_t size)
{
	struct err err;
	uint32_t wave;

	if (r->kind != KIND_USER)
		return refuse(why, size, "it is a %s, not a mailbox", kind_name(r->kind));
	if (guid_is_zero(&r->side[TARGET].guid))
		return refuse(why, size, "it has no counterpart yet");
	if (r->ended)
		return refuse(why, size, "it is finished: its coexistence was ended");
	if (record_has_left(r))
		return refuse(why, size, "its source object has left the synchronization");
	if (r->active == (undo ? SOURCE : TARGET))
		return refuse(why, size, "%s", undo ? "it is not switched" : "switched already");
	if (wave_holding(t, r->link, &r->side[SOURCE].guid, &wave, &err) < 0)
		return refuse(why, size, "%s", err.text);
	if (wave)
		return refuse(why, size, "it is in wave %u", wave);
	return true;
}

/* The record that WHO names in the draft's link; the caller's, also if it may not be in a wave. */
static bool
identify(struct store_txn *t, const struct draft *d, const char *who, struct record **ret,
    char *why, size_t size)
{
	struct found f = {.link = d->link_id};
	struct err err;
	bool ok;

	if (store_lookup_who(t, who, take_record, &f, &err) < 0) {
		record_free(f.first);
		return refuse(why, size, "%s", err.text);
	}
	*ret = f.first;
	ok = f.n == 1;
	if (f.n > 1)
		(void)refuse(why, size, "it is ambiguous: %u correspondences have it", f.n);
	else if (!ok && str_starts_nocase(who, "CN="))
		(void)refuse(why, size,
		    "it is not in the map of link '%s' (a DN with a separator in it must be "
		    "quoted)",
		    d->link);
	else if (!ok)
		(void)refuse(why, size, "it is not in the map of link '%s'", d->link);
	return ok && check_record(t, *ret, d->undo, why, size);
}

static bool
keep(struct draft *d, const struct record *r, uint32_t line, char *why, size_t size)
{
	uint32_t *slot = slot_of(d, &r->side[SOURCE].guid);
	char *dn, *text;

	if (*slot)
		return refuse(
		    why, size, "it is named twice: line %u has it", d->members[*slot - 1].line);
	if (d->n == MAILBOXES_MAX)
		return refuse(why, size, "a wave has at most %d mailboxes", MAILBOXES_MAX);
	if (list_grow(d->members, d->n, d->cap) < 0)
		return refuse(why, size, "out of memory");
	dn = strdup(r->side[SOURCE].dn);
	text = strdup("");
	d->members[d->n] = (struct wave_member){
	    .source = r->side[SOURCE].guid, .line = line, .dn = dn, .text = text};
	*slot = (uint32_t)++d->n;
	return dn && text ? true : refuse(why, size, "out of memory");
}

/* ---- a part of the list ---- */

/* The draft of C, begun if there is none; NULL: refused. */
static struct draft *
draft_of(struct verbs *v, struct client *c, const json_t *request)
{
	bool undo = json_is_true(json_object_get(request, "undo"));
	struct worker *w = verbs_worker(v, c, request);
	struct client_wait *wait = client_wait(c);
	struct draft *d = wait->draft;

	if (!w)
		return NULL;
	/* A connection has one list of one sort. */
	if (d && wait->draft_free != draft_free) {
		client_refuse(c, "the steps of a plan are being named: apply that first");
		return NULL;
	}
	if (d && (strcmp(d->link, worker_link(w)->name) != 0 || d->undo != undo)) {
		client_refuse(c, "a wave is of one link, and goes one way");
		return NULL;
	}
	if (!d) {
		d = calloc(1, sizeof *d);
		if (d)
			d->link = strdup(worker_link(w)->name);
		if (!d || !d->link) {
			draft_free(d);
			client_refuse(c, "out of memory");
			return NULL;
		}
		d->undo = undo;
		wait->draft = d;
		wait->draft_free = draft_free;
	}
	return d;
}

static void
add_one(struct store_txn *t, struct draft *d, const json_t *who, json_int_t line, json_t **problems)
{
	_cleanup_(record_free) struct record *r = NULL;
	const char *text = json_string_value(who);
	char why[512] = "it is no string";

	if (text && line > 0 && line <= UINT32_MAX && identify(t, d, text, &r, why, sizeof why) &&
	    keep(d, r, (uint32_t)line, why, sizeof why))
		return;
	d->problems++;
	json_add_item(problems, view_wave_problem(line, text ? text : "", why));
}

void
verb_wave_add(struct verbs *v, struct client *c, const json_t *request)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	const json_t *objects = json_object_get(request, "objects");
	const json_t *lines = json_object_get(request, "lines");
	size_t n = json_array_size(objects);
	struct draft *d;
	json_t *problems, *o;
	struct err err;

	if (n == 0 || n > PART_MAX || (lines && json_array_size(lines) != n)) {
		client_refuse(c,
		    "\"objects\" is a list of 1 to %d names, and \"lines\" has a number for each",
		    PART_MAX);
		return;
	}
	d = draft_of(v, c, request);
	if (!d)
		return;
	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_link_id(t, d->link, &d->link_id, &err) < 0) {
		client_refuse(c, "%s", err.text);
		return;
	}
	problems = json_array();
	for (size_t i = 0; i < n; i++)
		add_one(t, d, json_array_get(objects, i),
		    lines ? json_integer_value(json_array_get(lines, i))
			  : (json_int_t)(d->n + d->problems + 1),
		    &problems);
	o = client_answer(true);
	json_put_member(&o, "mailboxes", json_of_count(d->n));
	json_put_member(&o, "problems", problems);
	client_send(c, o);
}

/* ---- the plan ---- */

static void
log_wave(const char *link, const struct wave *w, const char *what)
{
	struct log_fields fields = {.link = link};
	char at[CLOCK_TEXT_SIZE];

	clock_format_local(w->at, at);
	log_event(LOG_NOTICE, LOG_ID_WAVE, &fields,
	    "link %s: wave %u%s%s: %s: %s of %u mailboxes at %s", link, w->id, *w->name ? " " : "",
	    w->name, what,
	    w->undo    ? "undo"
	    : w->force ? "forced switch"
		       : "switch",
	    w->total, at);
}

static void
answer(struct client *c, const struct wave *w, const char *link, bool had)
{
	json_t *o = client_answer(true);

	view_wave_answer(&o, w, link, had);
	client_send(c, o);
}

/* The time of REQUEST, now if it has none. */
static bool
time_of(struct client *c, const json_t *request, int64_t *ret)
{
	const json_t *at = json_object_get(request, "at");
	int64_t now = clock_realtime_s();
	char text[CLOCK_TEXT_SIZE];

	*ret = at ? json_integer_value(at) : now;
	if (at && !json_is_integer(at)) {
		client_refuse(c, "\"at\" is a number: seconds since 1970-01-01T00:00:00Z");
		return false;
	}
	clock_format_utc(*ret, text);
	if (*ret < now - PAST_S)
		client_refuse(c, "%s is past", text);
	return *ret >= now - PAST_S;
}

static bool
name_of(struct client *c, const json_t *request, const char **ret)
{
	const json_t *name = json_object_get(request, "name");

	*ret = name ? json_string_value(name) : "";
	if (*ret && strlen(*ret) <= NAME_MAX_LEN && !str_has_control(*ret))
		return true;
	client_refuse(c, "\"name\" is a string of at most %d octets, without control characters",
	    NAME_MAX_LEN);
	return false;
}

/* Since its part was looked at, a mailbox may have been switched, or put into another wave. */
static bool
still_fine(struct store_txn *t, const struct draft *d, char *why, size_t size)
{
	char text[512];
	struct err err;

	for (size_t i = 0; i < d->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		const struct wave_member *m = &d->members[i];

		if (store_find_guid(t, d->link_id, SOURCE, &m->source, &r, &err) < 0)
			return refuse(why, size, "%s", err.text);
		(void)snprintf(text, sizeof text, "it is not in the map any more");
		if (!r || !check_record(t, r, d->undo, text, sizeof text))
			return refuse(why, size, "nothing was planned: line %u: %.300s: %.300s",
			    m->line, m->dn, text);
	}
	return true;
}

static bool
put_down(struct verbs *v, const struct draft *d, struct wave *w, char *why, size_t size)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;

	/* The workers write often but never for long: this waits for milliseconds. */
	if (store_begin(v->store, STORE_WRITE, &t, &err) < 0)
		return refuse(why, size, "%s", err.text);
	if (!still_fine(t, d, why, size))
		return false;
	if (wave_add(t, w, d->members, d->n, &err) < 0 || store_commit(TAKE(t), &err) < 0)
		return refuse(why, size, "%s", err.text);
	return true;
}

static void
wake_worker(struct verbs *v, const char *link)
{
	struct worker *w = verbs_find_worker(v, link);

	if (w)
		worker_wake(w);
}

static void
plan(struct verbs *v, struct client *c, const json_t *request, const struct draft *d)
{
	char empty[] = "", why[768];
	const char *name;
	struct wave w = {
	    .link = d->link_id, .undo = d->undo, .planned_at = clock_realtime_s(), .why = empty};

	if (!time_of(c, request, &w.at) || !name_of(c, request, &name) ||
	    !verbs_take_flag(c, request, "force", &w.force))
		return;
	w.name = (char *)(uintptr_t)name;
	if (w.force && w.undo) {
		client_refuse(c, "\"force\" is for a wave that switches");
	} else if (d->problems) {
		client_refuse(c, "nothing was planned: %zu of %zu lines cannot be taken",
		    d->problems, d->n + d->problems);
	} else if (!put_down(v, d, &w, why, sizeof why)) {
		client_refuse(c, "%s", why);
	} else {
		log_wave(d->link, &w, "planned");
		wake_worker(v, d->link);
		answer(c, &w, d->link, false);
	}
}

/* Of those that could be in a wave: what is wrong with the others was told with their part. */
static void
look(struct verbs *v, struct client *c, const json_t *request, const struct draft *d)
{
	struct worker *w = verbs_find_worker(v, d->link);
	struct turn_order o = {.turn = d->undo ? TURN_UNDO : TURN_SWITCH};
	struct guid *g;

	if (!verbs_take_flag(c, request, "force", &o.force))
		return;
	g = calloc(d->n + 1, sizeof *g);
	if (!w || !g) {
		client_refuse(c, "%s", g ? "the link is gone" : "out of memory");
		free(g);
		return;
	}
	for (size_t i = 0; i < d->n; i++)
		g[i] = d->members[i].source;
	o.sources = g;
	o.n = d->n;
	verbs_wait_for(c, w, worker_request_look(w, &o), -1);
}

/* Whatever the answer is, the list is used up. */
void
verb_wave_plan(struct verbs *v, struct client *c, const json_t *request)
{
	struct client_wait *wait = client_wait(c);
	struct draft *d = wait->draft_free == draft_free ? TAKE(wait->draft) : NULL;
	bool dry_run;

	if (!d)
		client_refuse(c, "no mailbox was named: \"wave-add\" comes first");
	else if (verbs_take_flag(c, request, "dry_run", &dry_run))
		(dry_run ? look : plan)(v, c, request, d);
	draft_free(d);
}

/* ---- a wave that is planned ---- */

/* Gives the wave of REQUEST another time, or cancels it if AT is NULL. */
static bool
alter(struct verbs *v, uint32_t id, const int64_t *at, struct wave *ret, char **ret_link, char *why,
    size_t size)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;
	bool found;

	if (store_begin(v->store, STORE_WRITE, &t, &err) < 0 ||
	    wave_get(t, id, ret, &found, &err) < 0)
		return refuse(why, size, "%s", err.text);
	if (!found)
		return refuse(why, size, "there is no wave %u", id);
	if (!wave_is_open(ret->state) || (at && ret->state != WAVE_PLANNED))
		return refuse(why, size, "wave %u is %s", id, wave_state_name(ret->state));
	if (at) {
		ret->at = *at;
		*ret->why = '\0';
	} else {
		ret->state = WAVE_CANCELLED;
		ret->ended_at = clock_realtime_s();
	}
	if (store_link_name(t, ret->link, ret_link, &err) < 0 || wave_put(t, ret, &err) < 0 ||
	    store_commit(TAKE(t), &err) < 0)
		return refuse(why, size, "%s", err.text);
	return true;
}

static void
change(struct verbs *v, struct client *c, const json_t *request, const int64_t *at)
{
	_cleanup_(wave_done) struct wave w = {0};
	_cleanup_(free) char *link = NULL;
	json_int_t id = json_integer_value(json_object_get(request, "wave"));
	char why[768];

	if (id < 1 || id > UINT32_MAX) {
		client_refuse(c, "\"wave\" is the number of a wave");
		return;
	}
	if (!alter(v, (uint32_t)id, at, &w, &link, why, sizeof why)) {
		client_refuse(c, "%s", why);
		return;
	}
	log_wave(link ? link : "?", &w, at ? "rescheduled" : "cancelled");
	wake_worker(v, link);
	answer(c, &w, link ? link : "?", true);
}

void
verb_wave_cancel(struct verbs *v, struct client *c, const json_t *request)
{
	change(v, c, request, NULL);
}

void
verb_wave_reschedule(struct verbs *v, struct client *c, const json_t *request)
{
	int64_t at;

	if (time_of(c, request, &at))
		change(v, c, request, &at);
}
