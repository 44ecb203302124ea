/* SPDX-License-Identifier: MIT */
/*
 * What is read and written for a slice, and what a crash leaves behind:
 *
 *   next        the wave that is due                                     nothing
 *   open        both directories                                         nothing
 *   begin       the wave is running, and since when                      a running wave
 *   take        the next mailboxes without a result                      the same
 *   resume      turns of others that were interrupted                    see turn_run.c
 *   turn        the mailboxes                                            turned, without a result
 *   store       their results; after the last one the wave is done       the results
 *
 * A mailbox that was turned without a result is "switched already" in the next slice.
 */
#include "dsa/jobs/waves.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/jobs/turns.h"
#include "dsa/run/hook_event.h"
#include "mapping/wave.h"

#define SLICE 256 /* what turn_run() takes at once */

struct outcome {
	struct guid source;
	bool ok;
	char text[400];
};

struct slice {
	struct run *run;
	uint32_t *current;
	struct wave wave; /* as it was when the slice began */
	int64_t now;
	struct wave_member *open; /* in the order of their lines */
	size_t n_open, cap_open;
	struct outcome outcomes[SLICE];
	size_t n_outcomes;
	const struct err *err; /* why it waits */
};

/* In a new map that took waves up, no mailbox is known before the first cycle was completed. */
static int
find_wave(struct store *store, const char *link, struct wave *ret, bool *found, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(free) char *summary = NULL;
	uint32_t id;

	*found = false;
	if (store_begin(store, STORE_READ, &t, err) < 0 || store_link_id(t, link, &id, err) < 0 ||
	    (id && store_get_summary(t, id, &summary, err) < 0))
		return -1;
	return summary ? wave_next(t, id, ret, found, err) : 0;
}

int64_t
waves_due(struct store *store, const char *link)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct err ignored;
	bool found;

	if (find_wave(store, link, &w, &found, &ignored) < 0 || !found)
		return WAVES_NEVER;
	return w.state == WAVE_RUNNING ? 0 : w.at;
}

/* ---- the wave ---- */

PRINTF_LIKE(3, 4)
static void
report(struct slice *s, int level, const char *fmt, ...)
{
	const struct run_event e = {.kind = RUN_WAVE, .level = level};
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	run_event(s->run, &e, "wave %u%s%s: %s", s->wave.id, *s->wave.name ? " " : "", s->wave.name,
	    text);
}

/* Changes the wave in the map as it is now, unless it is over: it may have been cancelled since it
 * was read. *RET_OPEN says. */
typedef int change_fn(struct slice *s, struct store_txn *t, struct wave *now, struct err *err);

static int
change(struct slice *s, change_fn *fn, bool *ret_open, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(wave_done) struct wave now = {0};
	bool found;

	if (store_begin(s->run->store, STORE_WRITE, &t, err) < 0 ||
	    wave_get(t, s->wave.id, &now, &found, err) < 0)
		return -1;
	*ret_open = found && wave_is_open(now.state);
	if (!found)
		return 0;
	if (fn(s, t, &now, err) < 0 || wave_put(t, &now, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static int
set_why(struct wave *w, const char *why, struct err *err)
{
	char *copy = strdup(why);

	if (!copy)
		return err_nomem(err);
	free(w->why);
	w->why = copy;
	return 0;
}

static int
begin_now(struct slice *s, struct store_txn *t, struct wave *now, struct err *err)
{
	(void)t;
	if (!wave_is_open(now->state))
		return 0;
	if (now->state == WAVE_PLANNED)
		now->started_at = s->now;
	now->state = WAVE_RUNNING;
	return set_why(now, "", err);
}

static void
report_begin(struct slice *s)
{
	const char *verb = s->wave.undo ? "undo" : "switch";
	long long late = (long long)(s->now - s->wave.at);

	if (*s->current == s->wave.id)
		return;
	*s->current = s->wave.id;
	if (s->wave.state == WAVE_RUNNING)
		report(s, LOG_NOTICE, "goes on: %u of %u mailboxes are left",
		    s->wave.total - s->wave.succeeded - s->wave.failed, s->wave.total);
	else if (late >= WAVES_LATE_S)
		report(s, LOG_WARNING, "begins, %lld s late: %s of %u mailboxes", late, verb,
		    s->wave.total);
	else
		report(s, LOG_NOTICE, "begins: %s of %u mailboxes", verb, s->wave.total);
}

static int
begin(struct slice *s, bool *ret_open, struct err *err)
{
	if (change(s, begin_now, ret_open, err) < 0)
		return -1;
	if (*ret_open)
		report_begin(s);
	return 0;
}

static int
wait_for(struct slice *s, struct store_txn *t, struct wave *now, struct err *err)
{
	(void)t;
	return wave_is_open(now->state) ? set_why(now, s->err->text, err) : 0;
}

/* The wave says what it waits for. A daemon that is about to end is no reason. */
static void
waits(struct slice *s, const struct err *why)
{
	struct err ignored;
	bool open;

	if (why->src == ERR_SYS && why->code == ECANCELED)
		return;
	if (!*s->wave.why)
		report(s, LOG_WARNING, "waits: %s; it goes on as soon as it can", why->text);
	s->err = why;
	if (strcmp(s->wave.why, why->text) != 0)
		(void)change(s, wait_for, &open, &ignored);
}

/* ---- its mailboxes ---- */

static int
take_open(const struct wave_member *m, void *arg, struct err *err)
{
	struct slice *s = arg;

	if (m->result != WAVE_OPEN)
		return 0;
	if (list_grow(s->open, s->n_open, s->cap_open) < 0)
		return err_nomem(err);
	s->open[s->n_open++] = (struct wave_member){.source = m->source, .line = m->line};
	return 0;
}

static int
by_line(const void *x, const void *y)
{
	uint32_t p = ((const struct wave_member *)x)->line,
		 q = ((const struct wave_member *)y)->line;

	return p < q ? -1 : p > q;
}

static int
take_members(struct slice *s, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s->run->store, STORE_READ, &t, err) < 0 ||
	    wave_each_member(t, s->wave.id, take_open, s, err) < 0)
		return -1;
	if (s->n_open)
		qsort(s->open, s->n_open, sizeof *s->open, by_line);
	if (s->n_open > SLICE)
		s->n_open = SLICE;
	return 0;
}

static void
keep(struct slice *s, const struct guid *source, bool ok, const char *text)
{
	struct outcome *o = &s->outcomes[s->n_outcomes];

	if (s->n_outcomes == SLICE)
		return;
	s->n_outcomes++;
	*o = (struct outcome){.source = *source, .ok = ok};
	(void)snprintf(o->text, sizeof o->text, "%s", text);
}

static void
on_event(const struct run_event *e, void *arg)
{
	const struct run_observer *o = ((struct slice *)arg)->run->observer;

	if (o->event)
		o->event(e, o->arg);
}

static void
on_result(const struct run_result *r, void *arg)
{
	struct slice *s = arg;

	keep(s, r->source, r->ok, r->text);
	run_result(s->run, r->source, r->dn, r->ok, r->text);
}

static void
on_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct slice *s = arg;

	(void)total;
	run_progress(s->run, phase, s->wave.succeeded + s->wave.failed + done, s->wave.total);
}

static int
turn(struct slice *s, struct err *err)
{
	const struct run_observer o = {
	    .event = on_event, .progress = on_progress, .result = on_result, .arg = s};
	struct guid sources[SLICE];
	const struct turn_order order = {.turn = s->wave.undo ? TURN_UNDO : TURN_SWITCH,
	    .force = s->wave.force,
	    .sources = sources,
	    .n = s->n_open};
	struct run own = *s->run;

	own.observer = &o;
	own.asked = (struct asker){ASKED_BY_WAVE, s->wave.id};
	for (size_t i = 0; i < s->n_open; i++)
		sources[i] = s->open[i].source;
	return turns_run(&own, &order, err);
}

/* No mailbox may be left without a result by a slice that succeeded: the wave would never end. */
static void
complete(struct slice *s)
{
	size_t said = s->n_outcomes;

	for (size_t i = 0; i < s->n_open; i++) {
		size_t j = 0;

		while (j < said && !guid_equal(&s->outcomes[j].source, &s->open[i].source))
			j++;
		if (j == said)
			keep(s, &s->open[i].source, false, "it was not turned");
	}
}

static int
store_results(struct slice *s, struct store_txn *t, struct wave *now, struct err *err)
{
	bool found;

	for (size_t i = 0; i < s->n_outcomes; i++) {
		const struct outcome *o = &s->outcomes[i];
		const struct wave_outcome end = {o->source, o->ok, s->now, o->text};

		if (wave_end_member(t, now, &end, &found, err) < 0)
			return -1;
	}
	if (now->state != WAVE_RUNNING || now->succeeded + now->failed < now->total)
		return 0;
	now->state = WAVE_DONE;
	now->ended_at = s->now;
	report(s, now->failed ? LOG_ERR : LOG_NOTICE, "done: %u of %u mailboxes, %u failed%s",
	    now->succeeded, now->total, now->failed,
	    now->failed ? ": see \"galsyncctl wave show\"" : "");
	return hook_event_store_wave(s->run, t, now, err);
}

static int
run_slice(struct slice *s, struct err *err)
{
	bool open;
	int rc;
	struct err ignored;

	if (run_open(s->run, err) < 0 || begin(s, &open, err) < 0)
		return -1;
	if (!open)
		return 0;
	if (take_members(s, err) < 0)
		return -1;
	rc = s->n_open ? turn(s, err) : 0;
	if (rc == 0)
		complete(s);
	/* What has ended before a connection was lost has ended. */
	if (change(s, store_results, &open, rc < 0 ? &ignored : err) < 0)
		return -1;
	return rc;
}

int
waves_run(struct run *run, uint32_t *current, int64_t now, bool *ret_ran, struct err *err)
{
	struct slice *s;
	bool found = false;
	int rc = 0;

	*ret_ran = false;
	if (waves_due(run->store, run->link->name) > now)
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return err_nomem(err);
	*s = (struct slice){.run = run, .current = current, .now = now};
	rc = find_wave(run->store, run->link->name, &s->wave, &found, err);
	if (rc == 0 && found && (s->wave.state == WAVE_RUNNING || s->wave.at <= now)) {
		*ret_ran = true;
		rc = run_slice(s, err);
		if (rc < 0)
			waits(s, err);
	}
	wave_done(&s->wave);
	free(s->open);
	free(s);
	return rc;
}
