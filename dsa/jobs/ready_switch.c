/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/ready_switch.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/jobs/turn_run.h"

#define WHY "ready, but not switched: "

static int
set_used(struct run *run, struct store_txn *t, const struct guid *g, bool used, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, run->link_id, SOURCE, g, &r, err) < 0)
		return -1;
	if (!r || r->ready_used == used)
		return 0;
	r->ready_used = used;
	if (used)
		run_message(run, LOG_NOTICE, g, r->side[SOURCE].dn,
		    "ready, but the map was made anew and does not know since when: not switched "
		    "until '%s' is taken away and set again",
		    run->link->readiness_attribute);
	return store_put(t, r, err);
}

static int
set_flags(struct run *run, const struct cycle_ready *ready, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (ready->of[READY_AGAIN].n + ready->of[READY_USED].n == 0)
		return 0;
	if (store_begin(run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < ready->of[READY_AGAIN].n; i++)
		if (set_used(run, t, &ready->of[READY_AGAIN].v[i], false, err) < 0)
			return -1;
	for (size_t i = 0; i < ready->of[READY_USED].n; i++)
		if (set_used(run, t, &ready->of[READY_USED].v[i], true, err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

/* The attempt is put down; *NEWS if it is the first one that failed so. */
static int
put_retry(struct run *run, const struct guid *source, const char *dn, const char *why, bool *news,
    struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct store_retry old = {0};
	bool found;

	if (store_begin(run->store, STORE_WRITE, &t, err) < 0 ||
	    store_find_retry(t, run->link_id, source, &old, &found, err) < 0)
		return -1;
	*news = !found || strcmp(old.why, why) != 0;
	store_retry_done(&old);
	if (store_put_retry(t, run->link_id, source, dn, why, clock_realtime_s(), err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

/* Not yet: told once, and looked at again after a while, or when the counterpart changes. */
static int
let_wait(struct run *run, const struct record *r, const char *because, struct err *err)
{
	char why[512];
	bool news;

	(void)snprintf(why, sizeof why, WHY "%s", because);
	if (put_retry(run, &r->side[SOURCE].guid, r->side[SOURCE].dn, why, &news, err) < 0)
		return -1;
	if (news)
		run_message(run, LOG_INFO, &r->side[SOURCE].guid, r->side[SOURCE].dn,
		    "%s; looked at again", why);
	return 0;
}

static int
get_record(struct run *run, const struct guid *g, struct record **ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_find_guid(t, run->link_id, SOURCE, g, ret, err);
}

/* Keeps of the list the mailboxes that are synchronized completely, and none while anything else is
 * held. What failed comes again when it is tried again. */
static int
keep_synced(struct run *run, bool held, struct guid_list *l, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		const char *why;

		if (get_record(run, &l->v[i], &r, err) < 0)
			return -1;
		/* The cycle has just read its target object. */
		why = !r ? NULL : held ? "not while the link is held" : turn_unfinished(r, NULL);
		if (why && let_wait(run, r, why, err) < 0)
			return -1;
		if (r && !held && r->state == RECORD_SYNCED && r->active == SOURCE)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return 0;
}

struct switching {
	struct run *run;
	struct cycle_result *res;
	struct err err; /* the map could not be written, if it has a source */
};

static void
take_failed(struct switching *s, const struct run_result *r)
{
	char why[512];
	bool news = false;

	s->res->problems++;
	(void)snprintf(why, sizeof why, WHY "%s", r->text);
	if (s->err.src == ERR_SRC_NONE &&
	    put_retry(s->run, r->source, r->dn, why, &news, &s->err) < 0)
		return;
	if (news)
		run_message(
		    s->run, LOG_WARNING, r->source, r->dn, "%s; tried again until it works", why);
}

static void
on_switched(const struct run_result *r, void *arg)
{
	struct switching *s = arg;

	if (!r->ok) {
		take_failed(s, r);
		return;
	}
	s->res->switched++;
	run_message(s->run, LOG_NOTICE, r->source, r->dn,
	    "switched: '%s' says that it is ready%s%s", s->run->link->readiness_attribute,
	    *r->text ? ": " : "", r->text);
}

static void
on_event(const struct run_event *e, void *arg)
{
	const struct run_observer *o = ((struct switching *)arg)->run->observer;

	if (o->event)
		o->event(e, o->arg);
}

int
ready_switch(struct run *run, struct cycle_ready *ready, struct cycle_result *res, struct err *err)
{
	struct guid_list *l = &ready->of[READY_SWITCH];
	struct switching s = {.run = run, .res = res, .err = {.src = ERR_SRC_NONE}};
	const struct run_observer o = {.event = on_event, .result = on_switched, .arg = &s};
	struct turn_order order = {.turn = TURN_SWITCH};
	struct run own = *run;

	own.observer = &o;
	if (set_flags(run, ready, err) < 0)
		return -1;
	if (l->n == 0)
		return 0;
	if (keep_synced(run, ready->link_is_held, l, err) < 0)
		return -1;
	order.sources = l->v;
	order.n = l->n;
	if (turn_run(&own, &order, err) < 0)
		return -1;
	if (s.err.src == ERR_SRC_NONE)
		return 0;
	*err = s.err;
	return -1;
}
