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
 * Whoever was turned without a result is "switched already" in the next slice.
 */
#include "dsa/jobs/waves.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/directory/dir.h"
#include "dsa/jobs/turns.h"

#define SLICE 256 /* what turn_run() takes at once */

struct outcome {
	struct guid source;
	bool ok;
	char text[400];
};

struct slice {
	struct waves *w;
	struct wave wave; /* as it was when the slice began */
	int64_t now;
	struct wave_member *open; /* in the order of their lines */
	size_t n_open, cap_open;
	struct outcome outcomes[SLICE];
	size_t n_outcomes;
	const struct err *err; /* why it waits */
	bool failed;
};

static int
find_wave(struct store *store, const char *link, struct wave *ret, bool *found, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t id;

	*found = false;
	if (store_begin(store, STORE_READ, &t, err) < 0 || store_link_id(t, link, &id, err) < 0)
		return -1;
	return id ? wave_next(t, id, ret, found, err) : 0;
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

static int PRINTF_LIKE(3, 4) note(struct slice *s, int level, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->w->note)
		s->w->note(level, &s->wave, text, s->w->arg);
	return 0;
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

	if (store_begin(s->w->store, STORE_WRITE, &t, err) < 0 ||
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
tell_begin(struct slice *s)
{
	const char *verb = s->wave.undo ? "undo" : "switch";
	long long late = (long long)(s->now - s->wave.at);

	if (s->w->current == s->wave.id)
		return;
	s->w->current = s->wave.id;
	if (s->wave.state == WAVE_RUNNING)
		(void)note(s, LOG_NOTICE, "goes on: %u of %u mailboxes are left",
		    s->wave.total - s->wave.succeeded - s->wave.failed, s->wave.total);
	else if (late >= WAVES_LATE_S)
		(void)note(s, LOG_WARNING, "begins, %lld s late: %s of %u mailboxes", late, verb,
		    s->wave.total);
	else
		(void)note(s, LOG_NOTICE, "begins: %s of %u mailboxes", verb, s->wave.total);
}

static int
begin(struct slice *s, bool *ret_open, struct err *err)
{
	if (change(s, begin_now, ret_open, err) < 0)
		return -1;
	if (*ret_open)
		tell_begin(s);
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
		(void)note(s, LOG_WARNING, "waits: %s; it goes on as soon as it can", why->text);
	s->err = why;
	if (strcmp(s->wave.why, why->text) != 0)
		(void)change(s, wait_for, &open, &ignored);
}

/* ---- its mailboxes ---- */

static int
take_open(const struct wave_member *m, void *arg)
{
	struct slice *s = arg;

	if (m->result != WAVE_OPEN)
		return 0;
	if (s->n_open == s->cap_open) {
		size_t cap = s->cap_open ? s->cap_open * 2 : SLICE;
		struct wave_member *v = realloc(s->open, cap * sizeof *v);

		if (!v) {
			s->failed = true;
			return 1;
		}
		s->open = v;
		s->cap_open = cap;
	}
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

	if (store_begin(s->w->store, STORE_READ, &t, err) < 0 ||
	    wave_each_member(t, s->wave.id, take_open, s, err) < 0)
		return -1;
	if (s->failed)
		return err_nomem(err);
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
on_result(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	struct slice *s = arg;

	keep(s, source, ok, text);
	s->w->result(source, dn, ok, text, s->w->arg);
}

/* A turn of before, which was interrupted: whoever is in this wave is asked for again. */
static void
on_resumed(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	struct slice *s = arg;

	s->w->result(source, dn, ok, text, s->w->arg);
}

static void
on_progress(size_t done, size_t total, void *arg)
{
	struct slice *s = arg;

	(void)total;
	if (s->w->progress)
		s->w->progress(
		    s->wave.succeeded + s->wave.failed + done, s->wave.total, s->w->work_arg);
}

static void
on_changed(uint64_t cycle, enum side side, const struct guid *source, const struct change *change,
    const char *reason, void *arg)
{
	const struct slice *s = arg;

	if (s->w->changed)
		s->w->changed(cycle, side, source, change, reason, s->w->work_arg);
}

static int
turn(struct slice *s, struct err *err)
{
	enum turn way = s->wave.undo ? TURN_UNDO : TURN_SWITCH;
	struct turn_env resume = {.result = on_resumed, .changed = on_changed, .arg = s};
	struct turn_env env = {
	    .result = on_result, .changed = on_changed, .progress = on_progress, .arg = s};
	struct guid sources[SLICE];

	for (size_t i = 0; i < s->n_open; i++)
		sources[i] = s->open[i].source;
	if (turns_run(s->w->link, s->w->dir, s->w->store, way, NULL, 0, &resume, err) < 0)
		return -1;
	return turns_run(s->w->link, s->w->dir, s->w->store, way, sources, s->n_open, &env, err);
}

/* Nobody may be left without a result by a slice that succeeded: the wave would never end. */
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

		if (wave_end_member(t, now, &o->source, o->ok, s->now, o->text, &found, err) < 0)
			return -1;
	}
	if (now->state == WAVE_RUNNING && now->succeeded + now->failed >= now->total) {
		now->state = WAVE_DONE;
		now->ended_at = s->now;
		(void)note(s, now->failed ? LOG_ERR : LOG_NOTICE,
		    "done: %u of %u mailboxes, %u failed%s", now->succeeded, now->total,
		    now->failed, now->failed ? ": see \"galsyncctl wave show\"" : "");
	}
	return 0;
}

static int
run_slice(struct slice *s, struct err *err)
{
	bool open;
	int rc;
	struct err ignored;

	if (dir_open(s->w->dir[SOURCE], err) < 0 || dir_open(s->w->dir[TARGET], err) < 0 ||
	    begin(s, &open, err) < 0)
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
waves_run(struct waves *w, int64_t now, bool *ret_ran, struct err *err)
{
	struct slice *s;
	bool found = false;
	int rc = 0;

	*ret_ran = false;
	if (waves_due(w->store, w->link->name) > now)
		return 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return err_nomem(err);
	*s = (struct slice){.w = w, .now = now};
	rc = find_wave(w->store, w->link->name, &s->wave, &found, err);
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
