/* SPDX-License-Identifier: MIT */
/*
 * By what an object is found, and of which flow it is an original:
 *
 *   on the source   the counterpart of a native (the return flow's record, or its stamp): that
 *                   native; else itself, of the forward flow
 *   on the target   a counterpart (record, or a stamp that names a source object that is there):
 *                   its source object; else itself, of the return flow
 */
#include "dsa/jobs/explaining.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/jobs/explaining_find.h"
#include "mapping/wave.h"

void
explaining_done(struct explaining *e)
{
	for (size_t i = 0; i < e->n_hits; i++) {
		free(e->hits[i].dn);
		free(e->hits[i].name);
		free(e->hits[i].address);
	}
	free(e->hits);
	explain_done(&e->x);
	for (size_t i = 0; i < e->n_notes; i++)
		free(e->notes[i].text);
	free(e->notes);
	for (size_t i = 0; i < e->n_written; i++) {
		free(e->written[i].attr);
		free(e->written[i].reason);
		free(e->written[i].server);
		free(e->written[i].error);
	}
	free(e->written);
	free(e->retry_why);
	client_reports_done(&e->clients);
	*e = (struct explaining){.n_hits = 0};
}

/* ---- what the cycle says ---- */

struct listening {
	struct explaining *to;
	const struct guid *source;
	const struct run_observer *others; /* who observes the run that this is a part of */
	bool failed;
};

static bool
is_about(const struct run_event *e, const struct guid *source)
{
	return e->source && guid_equal(e->source, source) && *e->text;
}

static void
hear(const struct run_event *e, void *arg)
{
	struct listening *l = arg;
	struct explaining *x = l->to;

	if (e->kind == RUN_CONNECTED || e->kind == RUN_LOST || e->kind == RUN_FEED) {
		if (l->others->event)
			l->others->event(e, l->others->arg);
		return;
	}
	/* The decision has the conflict. */
	if (!is_about(e, l->source) || e->kind == RUN_CONFLICT)
		return;
	if (list_grow(x->notes, x->n_notes, x->cap_notes) < 0) {
		l->failed = true;
		return;
	}
	x->notes[x->n_notes].level = e->kind == RUN_DECIDED ? LOG_DEBUG : e->level;
	x->notes[x->n_notes].text = strdup(e->text);
	l->failed |= !x->notes[x->n_notes].text;
	x->n_notes++;
}

static void
pass_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	const struct listening *l = arg;

	if (l->others->progress)
		l->others->progress(phase, done, total, l->others->arg);
}

int
explaining_look(const struct run *run, const struct guid *source, const struct resolution *assumed,
    struct explaining *e, struct err *err)
{
	struct listening l = {.to = e, .source = source, .others = run->observer};
	const struct run_observer observer = {
	    .event = hear, .progress = pass_progress, .arg = &l, .decisions = true};
	struct run own = *run;

	own.observer = &observer;
	if (explain_run(&own, source, assumed, &e->x, err) < 0)
		return -1;
	return l.failed ? err_nomem(err) : 0;
}

/* ---- the journal ---- */

struct reading {
	struct explaining *to;
	uint32_t link;
};

static int
set_text(char **field, const char *s, struct err *err)
{
	free(*field);
	*field = s ? strdup(s) : NULL;
	return s && !*field ? err_nomem(err) : 0;
}

static struct explaining_written *
find_written(struct explaining *x, enum side side, const char *attr, struct err *err)
{
	struct explaining_written *w;

	for (size_t i = 0; i < x->n_written; i++)
		if (x->written[i].side == side && str_equal_nocase(x->written[i].attr, attr))
			return &x->written[i];
	if (list_grow(x->written, x->n_written, x->cap_written) < 0) {
		(void)err_nomem(err);
		return NULL;
	}
	w = &x->written[x->n_written];
	*w = (struct explaining_written){.side = side, .attr = strdup(attr)};
	if (!w->attr) {
		(void)err_nomem(err);
		return NULL;
	}
	x->n_written++;
	return w;
}

static int
note_written(struct explaining *x, const struct journal_entry *j, const char *attr, struct err *err)
{
	struct explaining_written *w = find_written(x, j->side, attr, err);

	if (!w)
		return -1;
	w->number = j->number;
	w->cycle = j->cycle;
	w->at = j->at;
	w->outcome = j->outcome;
	return set_text(&w->reason, j->reason, err) < 0 ||
		       set_text(&w->server, j->server, err) < 0 ||
		       set_text(&w->error, j->error, err) < 0
		   ? -1
		   : 0;
}

/* Oldest first: the last one stays. */
static int
take_journal(const struct journal_entry *j, void *arg, struct err *err)
{
	struct reading *r = arg;

	if (j->link != r->link)
		return 0;
	if (strcmp(j->reason, "leave") == 0 && j->outcome == JOURNAL_DONE)
		r->to->left_at = j->at;
	for (size_t i = 0; j->change->entry && i < j->change->entry->n_attrs; i++)
		if (note_written(r->to, j, j->change->entry->attrs[i].name, err) < 0)
			return -1;
	for (size_t i = 0; i < j->change->n_mods; i++)
		if (note_written(r->to, j, j->change->mods[i].attr, err) < 0)
			return -1;
	return 0;
}

static int
take_wave(struct store_txn *t, uint32_t link, struct explaining *e, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {.id = 0};
	bool found = false;

	if (wave_holding(t, link, &e->x.source, &e->wave, err) < 0)
		return -1;
	if (e->wave && wave_get(t, e->wave, &w, &found, err) < 0)
		return -1;
	e->wave_at = w.at;
	e->wave_undoes = found && w.undo;
	return 0;
}

static int
take_retry(struct store_txn *t, uint32_t link, struct explaining *e, struct err *err)
{
	struct store_retry r = {.attempts = 0};
	bool found;
	int rc;

	if (store_find_retry(t, link, &e->x.source, &r, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	e->attempts = r.attempts;
	e->retry_at = r.next;
	rc = set_text(&e->retry_why, r.why, err);
	store_retry_done(&r);
	return rc;
}

/* What the map knows beside the record. */
static int
read_map(const struct run *run, struct explaining *e, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct reading r = {.to = e};

	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_link_id(t, e->x.link->name, &r.link, err) < 0)
		return -1;
	if (!r.link)
		return 0;
	if (journal_each_of(t, &e->x.source, take_journal, &r, err) < 0 ||
	    take_wave(t, r.link, e, err) < 0 ||
	    store_get_clients(t, r.link, &e->x.source, &e->clients, err) < 0)
		return -1;
	return take_retry(t, r.link, e, err);
}

/* ---- all of it ---- */

int
explaining_run(const struct run *run, const char *who, struct explaining *ret, struct err *err)
{
	struct run flow;

	if (run_open(run, err) < 0 || explaining_find(run, who, ret, err) < 0)
		return -1;
	if (ret->n_hits != 1)
		return 0;
	ret->no_flow = ret->hits[0].origin == TARGET && !run->link->back;
	if (ret->no_flow)
		return 0;
	flow = ret->hits[0].origin == TARGET ? run_back(run) : run_job(run);
	return explaining_look(&flow, &ret->hits[0].source, NULL, ret, err) < 0
		   ? -1
		   : read_map(&flow, ret, err);
}
