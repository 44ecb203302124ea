/* SPDX-License-Identifier: MIT */
/*
 * The automatic switch (ready.h) as part of a cycle:
 *
 *   find     what was read, and the records, before anything is written     nothing
 *   limit    too many are held, and none of them is switched                nothing
 *   flags    whose readiness counts again, or is used up                    found again
 *   turn     the mailboxes that are synchronized completely by now          see turn_run.c
 *   retry    those that could not be switched                               found again
 *
 * All of it before the cursors advance: a cycle that dies finds the same again. Who could not be
 * switched is put down to be tried again after a pause, and the reason is told when it is another
 * one than before.
 */
#include "dsa/cycle/cycle_priv.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/jobs/turns.h"

#define WHY "ready, but not switched: "

/* ---- who ---- */

static int
look_at(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	enum ready verdict;
	bool found;

	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || d.kind != KIND_USER || !decision_has_target(&d))
		return 0;
	/* A toggle under way changes its objects once more at its end: they are looked at then. */
	if (c->opt->toggling && cycle_is_asked_for(c, &d.source))
		return 0;
	if (workset_get(c->ws[SOURCE], index, &source, err) < 0 ||
	    (c->read && store_find_guid(c->read, c->link_id, SOURCE, &d.source, &r, err) < 0))
		return -1;
	verdict = ready_judge(ready_is(c->link, source), r, d.rule);
	if (verdict == READY_SWITCH && c->opt->plan_only)
		buf_printf(&c->ready_text, "# ready to be switched: %s\n", source->dn);
	return verdict == READY_NOTHING ? 0 : guid_list_add(&c->ready[verdict], &d.source, err);
}

/* Keeps of the list whom an operator approved, and if they are not too many those nobody decided
 * about. */
static int
limit(struct cycle *c, struct err *err)
{
	struct guid_list *l = &c->ready[READY_SWITCH], *waits = &c->limited[HELD_SWITCHES].waits;
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		enum held_verdict said;

		if (cycle_judge(c, HELD_SWITCHES, &l->v[i], &said, err) < 0)
			return -1;
		if (said == HELD_APPROVED)
			l->v[kept++] = l->v[i];
	}
	if (cycle_limit(c, HELD_SWITCHES, err) < 0)
		return -1;
	if (!c->limited[HELD_SWITCHES].held)
		for (size_t i = 0; i < waits->n; i++)
			l->v[kept++] = waits->v[i];
	l->n = kept;
	return 0;
}

int
cycle_find_ready(struct cycle *c, struct err *err)
{
	uint32_t n = workset_count(c->ws[SOURCE]);

	for (uint32_t i = 0; c->link->readiness_attribute && i < n; i++)
		if (look_at(c, i, err) < 0)
			return -1;
	c->res->ready = c->ready[READY_SWITCH].n;
	return limit(c, err);
}

/* ---- their switches ---- */

static int
set_used(struct cycle *c, struct store_txn *t, const struct guid *g, bool used, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, c->link_id, SOURCE, g, &r, err) < 0)
		return -1;
	if (!r || r->ready_used == used)
		return 0;
	r->ready_used = used;
	if (used)
		cycle_note(c, LOG_NOTICE, g, r->side[SOURCE].dn,
		    "ready, but the map was made anew and does not know since when: not switched "
		    "until '%s' is taken away and set again",
		    c->link->readiness_attribute);
	return store_put(t, r, err);
}

static int
set_flags(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (c->ready[READY_AGAIN].n + c->ready[READY_USED].n == 0)
		return 0;
	if (store_begin(c->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->ready[READY_AGAIN].n; i++)
		if (set_used(c, t, &c->ready[READY_AGAIN].v[i], false, err) < 0)
			return -1;
	for (size_t i = 0; i < c->ready[READY_USED].n; i++)
		if (set_used(c, t, &c->ready[READY_USED].v[i], true, err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

/* The attempt is put down; *NEWS if it is the first one that failed so. */
static int
put_retry(struct cycle *c, const struct guid *source, const char *dn, const char *why, bool *news,
    struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct store_retry old = {0};
	bool found;

	if (store_begin(c->store, STORE_WRITE, &t, err) < 0 ||
	    store_find_retry(t, c->link_id, source, &old, &found, err) < 0)
		return -1;
	*news = !found || strcmp(old.why, why) != 0;
	store_retry_done(&old);
	if (store_put_retry(t, c->link_id, source, dn, why, clock_realtime_s(), err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

/* Not yet: told once, and looked at again after a while, or when the counterpart changes. */
static int
let_wait(struct cycle *c, const struct record *r, const char *why, struct err *err)
{
	bool news;

	if (put_retry(c, &r->side[SOURCE].guid, r->side[SOURCE].dn, why, &news, err) < 0)
		return -1;
	if (news)
		cycle_note(c, LOG_INFO, &r->side[SOURCE].guid, r->side[SOURCE].dn,
		    "%s; looked at again", why);
	return 0;
}

static int
get_record(struct cycle *c, const struct guid *g, struct record **ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_find_guid(t, c->link_id, SOURCE, g, ret, err);
}

/* Keeps of the list who is synchronized completely, and nobody while anything else is held. What
 * failed comes again when it is tried again. */
static int
keep_synced(struct cycle *c, struct guid_list *l, struct err *err)
{
	bool held = c->limited[HELD_DELETES].held || c->limited[HELD_REDIRECTIONS].held;
	const char *why = held ? WHY "not while the link is held"
			       : WHY "Exchange has not finished the mailbox in the target yet";
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (get_record(c, &l->v[i], &r, err) < 0 ||
		    (r && (held || r->state == RECORD_WAITING) && let_wait(c, r, why, err) < 0))
			return -1;
		if (r && !held && r->state == RECORD_SYNCED && r->active == SOURCE)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return 0;
}

struct switching {
	struct cycle *c;
	struct err *err;
	bool failed; /* the map could not be written */
};

static void
on_switched(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	struct switching *s = arg;
	struct cycle *c = s->c;
	char why[512];
	bool news = false;

	if (ok) {
		c->res->switched++;
		cycle_note(c, LOG_NOTICE, source, dn, "switched: '%s' says that it is ready%s%s",
		    c->link->readiness_attribute, *text ? ": " : "", text);
		return;
	}
	c->res->problems++;
	(void)snprintf(why, sizeof why, WHY "%s", text);
	s->failed |= put_retry(c, source, dn, why, &news, s->err) < 0;
	if (news)
		cycle_note(c, LOG_WARNING, source, dn, "%s; tried again until it works", why);
}

static void
on_changed(uint64_t number, enum side side, const struct guid *source, const struct change *change,
    const char *reason, void *arg)
{
	const struct switching *s = arg;

	cycle_turn_changed(number, side, source, change, reason, s->c);
}

int
cycle_switch_ready(struct cycle *c, struct err *err)
{
	struct guid_list *l = &c->ready[READY_SWITCH];
	struct err retry;
	struct switching s = {.c = c, .err = &retry};
	struct turn_env env = {.result = on_switched, .changed = on_changed, .arg = &s};

	if (set_flags(c, err) < 0)
		return -1;
	if (l->n == 0)
		return 0;
	if (keep_synced(c, l, err) < 0)
		return -1;
	turns_env(c->link, c->dir, c->store, c->link_id, &env);
	if (turn_run(&env, TURN_SWITCH, l->v, l->n, err) < 0)
		return -1;
	if (s.failed)
		*err = retry;
	return s.failed ? -1 : 0;
}
