/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/heirs_priv.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/heir_memory.h"
#include "dsa/cycle/outcome.h"
#include "dsa/cycle/replan.h"
#include "dsa/directory/kind.h"
#include "dsa/exec/exec.h"
#include "mapping/match.h"

#define ATTEMPTS 3 /* while others write to the same objects */
#define MAX_ATTRS 32
#define CONTACT "contact "
#define BEGUN " gives way"

int
heirs_new(struct heirs **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

void
heirs_free(struct heirs *h)
{
	if (h)
		free(h->v);
	free(h);
}

int
heirs_add(
    struct cycle *c, uint32_t source, enum side side, const struct entry *contact, struct err *err)
{
	struct heirs *h = c->heirs;

	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].source == source && guid_equal(&h->v[i].contact, &contact->guid))
			return 0;
	if (list_grow(h->v, h->n, h->cap) < 0)
		return err_nomem(err);
	h->v[h->n++] = (struct heir){source, side, contact->guid};
	if (c->opt->plan_only)
		run_message(c->run, LOG_INFO, NULL, contact->dn,
		    "the contact gives way to the object that takes its place: what it has moves "
		    "when that is written");
	return 0;
}

bool
heirs_names_contact(const char *why, struct guid *ret)
{
	char guid[GUID_TEXT_SIZE];

	if (strncmp(why, CONTACT, sizeof CONTACT - 1) != 0 ||
	    strlen(why) < sizeof CONTACT - 1 + GUID_TEXT_SIZE - 1)
		return false;
	(void)snprintf(guid, sizeof guid, "%s", why + sizeof CONTACT - 1);
	return guid_parse(guid, ret);
}

/* ---- what is there ---- */

static void
forget_read(struct over *o)
{
	entry_free(TAKE(o->contact));
	entry_free(TAKE(o->to));
	entry_free(TAKE(o->native));
	record_free(TAKE(o->back));
}

void
over_done(struct over *o)
{
	forget_read(o);
	entry_free(o->source);
}

static const char *
stamp_attr(const struct over *o, enum side side)
{
	const struct conf_link *link = o->c->run->link;

	return (side == SOURCE ? link->source : link->target)->stamp_attribute;
}

int
over_read(struct over *o, enum side side, const struct guid *g, const char *dn, struct entry **ret)
{
	struct dir *d = o->c->run->dir[side];
	const char *attrs[MAX_ATTRS];
	const char *const *from = heir_read();
	size_t n = 0;

	while (from[n] && n + 2 < ARRAY_SIZE(attrs)) {
		attrs[n] = from[n];
		n++;
	}
	attrs[n++] = stamp_attr(o, side);
	attrs[n] = NULL;
	return g ? dir_read_guid(d, g, attrs, ret, o->err)
		 : d->ops->read(d, dn, attrs, ret, o->err);
}

/* The counterpart of O's source object; *RET NULL if it is none by its own stamp. */
static int
read_counterpart(struct over *o, struct entry **ret)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *known = NULL, *e = NULL;
	struct cycle *c = o->c;
	struct stamp stamp;
	bool found;

	if (cycle_get_decision(c, o->heir->source, &d, &found, o->err) < 0)
		return -1;
	if (!found || !decision_has_target(&d))
		return 0;
	if (d.state == DECIDE_MATCHED && world_get(c->world, TARGET, d.target, &known, o->err) < 0)
		return -1;
	if (over_read(o, TARGET, known ? &known->guid : NULL, d.target_dn, &e) < 0)
		return -1;
	if (e && stamp_of(e, stamp_attr(o, TARGET), &stamp) &&
	    guid_equal(&stamp.source, &o->source->guid))
		*ret = TAKE(e);
	return 0;
}

int
over_read_both(struct over *o, over_counterpart_fn *read)
{
	_cleanup_(entry_free) struct entry *counterpart = NULL;

	forget_read(o);
	if (over_read(o, o->heir->side, &o->heir->contact, NULL, &o->contact) < 0 ||
	    read(o, &counterpart) < 0)
		return -1;
	if (!o->contact || !counterpart)
		return 0;
	if (o->heir->side == TARGET) {
		o->to = TAKE(counterpart);
		return 1;
	}
	if (over_read(o, SOURCE, &o->source->guid, NULL, &o->to) < 0 ||
	    heir_memory_find(o->c->run, &counterpart->guid, &o->back, o->err) < 0)
		return -1;
	o->native = TAKE(counterpart);
	return o->to != NULL;
}

/* Reads contact and heir. 1 if the directories say that they are that. */
static int
read_both(struct over *o)
{
	const struct conf_link *link = o->c->run->link;
	int rc = over_read_both(o, read_counterpart);

	if (rc <= 0)
		return rc;
	if (o->heir->side == TARGET)
		return kind_of(o->to) != KIND_CONTACT &&
		       heir_is_leftover(link, o->contact, &o->source->guid);
	return !guid_equal(&o->to->guid, &o->contact->guid) &&
	       heir_is_return_contact(link, o->contact, &o->native->guid);
}

struct heir_pair
over_pair(const struct over *o)
{
	struct stamp stamp;
	bool made = o->heir->side == TARGET && stamp_of(o->to, stamp_attr(o, TARGET), &stamp) &&
		    stamp.created;

	return (struct heir_pair){o->c->run->link, o->contact, o->to,
	    made && !entry_get_bool(o->source, HEIR_HIDES), o->native, o->back};
}

/* ---- what is written ---- */

/* Carries out S (taken over): as exec_step(). */
static int
carry_out(struct over *o, struct plan_step *s)
{
	size_t n = s->n_changes;
	int rc;

	o->c->res->changes += n;
	rc = exec_step(o->c->run, s, o->err);
	if (rc == 0)
		o->c->res->applied += n;
	else
		o->c->res->changes -= n;
	return rc;
}

/* CHANGE is taken over. Without anything to do it is done. */
static int
write_one(struct over *o, struct change *change, const struct entry *present)
{
	struct plan_step *s = NULL;

	if (plan_step_of(
		&o->source->guid, o->heir->side, change, present, HEIRS_REASON, &s, o->err) < 0)
		return -1;
	if (s->n_changes)
		return carry_out(o, s);
	plan_step_free(s);
	return 0;
}

/* What names the contact, in the source: it is projected otherwise now. */
static int
plan_referrer(struct over *o, const char *dn)
{
	static const struct guid none;
	uint32_t index;

	if (o->heir->side != SOURCE)
		return 0;
	if (world_find_dn(o->c->world, SOURCE, dn, &index, o->err) < 0)
		return -1;
	return index == WORLD_NONE ? 0
				   : replan_add(o->c, index, &none, REPLAN_WAITED,
					 "what it referred to has given way", o->err);
}

static int
move_references(struct over *o)
{
	const struct heir_pair p = over_pair(o);
	struct change **v = NULL;
	size_t n = 0;
	int rc = heir_references(&p, &v, &n, o->err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = plan_referrer(o, v[i]->dn);
		if (rc == 0 && o->heir->side == SOURCE)
			rc = heir_memory_reference(
			    o->c->run, v[i], &o->contact->guid, &o->to->guid, o->err);
		if (rc == 0)
			rc = write_one(o, TAKE(v[i]), NULL);
		change_free(v[i]);
	}
	free(v);
	return rc;
}

/* The heir was refused what the contact has let go of. O->err stays what it is. */
static int
put_back(struct over *o)
{
	const struct err why = *o->err;
	struct change *back = NULL;
	int rc = read_both(o);

	if (rc == 1) {
		const struct heir_pair p = over_pair(o);

		rc = heir_put_back(&p, &back, o->err);
		if (rc == 0)
			rc = write_one(o, back, o->contact);
	}
	if (rc < 0)
		return -1;
	*o->err = why;
	return 1;
}

/* Both writes are in the journal before the first is made, and nothing comes between them. */
static int
move_part(struct over *o, enum heir_part part)
{
	const struct heir_pair p = over_pair(o);
	struct change *pair[2] = {NULL, NULL};
	struct plan_step *s = NULL;
	int rc;

	if (heir_move(&p, part, pair, o->err) < 0)
		return -1;
	rc = heir_memory_addresses(o->c->run, o->back, &o->source->guid, pair[1], o->err);
	if (rc == 0)
		rc = plan_step_of(
		    &o->source->guid, o->heir->side, pair[0], o->contact, HEIRS_REASON, &s, o->err);
	else
		change_free(pair[0]);
	if (rc < 0)
		change_free(pair[1]);
	else
		rc = plan_step_add(s, o->heir->side, pair[1], o->to, HEIRS_REASON, o->err);
	if (rc == 0 && s->n_changes)
		rc = carry_out(o, TAKE(s));
	plan_step_free(s);
	return rc == 1 && o->err->retry != ERR_REREAD ? put_back(o) : rc;
}

static int
end_contact(struct over *o)
{
	struct change *del = change_new(CHANGE_DELETE, o->contact->dn, &o->contact->guid);

	return del ? write_one(o, del, o->contact) : err_nomem(o->err);
}

/* ---- what the map learns ---- */

/* Does the retry of O's object say that this contact is given up? *RET_REFUSED: it was refused. */
static int
find_begun(struct over *o, struct store_txn *t, bool *ret, bool *ret_refused)
{
	struct store_retry old = {.attempts = 0};
	struct guid contact;
	bool found;

	if (store_find_retry(t, o->c->run->link_id, &o->source->guid, &old, &found, o->err) < 0)
		return -1;
	*ret = found && heirs_names_contact(old.why, &contact) &&
	       guid_equal(&contact, &o->heir->contact);
	*ret_refused = *ret && !strstr(old.why, BEGUN);
	store_retry_done(&old);
	return 0;
}

/* Before the first write: a process may die in the middle. */
static int
note_begun(struct over *o)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	char why[GUID_TEXT_SIZE + 32], guid[GUID_TEXT_SIZE];
	bool begun, refused;

	if (store_begin(o->c->run->store, STORE_WRITE, &t, o->err) < 0 ||
	    find_begun(o, t, &begun, &refused) < 0)
		return -1;
	guid_format(&o->heir->contact, guid);
	(void)snprintf(why, sizeof why, CONTACT "%s" BEGUN, guid);
	if (!begun && store_put_retry(t, o->c->run->link_id, &o->source->guid, o->source->dn, why,
			  clock_realtime_s(), o->err) < 0)
		return -1;
	return store_commit(TAKE(t), o->err);
}

static int
note_ended(struct over *o, struct store_txn *t)
{
	const struct guid *source = &o->source->guid;
	bool begun, refused;

	if (find_begun(o, t, &begun, &refused) < 0)
		return -1;
	if (refused)
		return outcome_settle(o->c, t, source, o->err);
	return begun ? store_clear_retry(t, o->c->run->link_id, source, o->err) : 0;
}

/* Values that the source has, and its counterpart has by its contact's end, are galsync's there. */
static int
note_inherited(const struct over *o, struct record *r)
{
	const struct attr *a = entry_find(o->to, "proxyAddresses");
	const struct attr *has = entry_find(o->source, "proxyAddresses");

	for (size_t i = 0; a && has && i < a->n_values; i++) {
		uint64_t hash = record_written_hash("proxyAddresses", a->values[i]);

		if (attr_has(has, a->values[i], true) &&
		    record_add_written(r, TARGET, &hash, 1) < 0)
			return -1;
	}
	return 0;
}

/* The record of the heir's correspondence. */
static int
note_heir(struct over *o, struct store_txn *t)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, o->c->run->link_id, SOURCE, &o->source->guid, &r, o->err) < 0)
		return -1;
	if (!r)
		return 0;
	r->side[TARGET].guid = o->to->guid;
	record_forget_written(r, TARGET, record_written_hash(HEIR_HIDES, bytes_of("TRUE")));
	if (record_set_str(&r->side[TARGET].dn, o->to->dn) < 0 ||
	    record_set_sid(&r->side[TARGET], entry_get(o->to, "objectSid")) < 0 ||
	    note_inherited(o, r) < 0)
		return err_nomem(o->err);
	return store_put(t, r, o->err);
}

/* The record of a return contact. */
static int
forget_contact(struct over *o, struct store_txn *t)
{
	_cleanup_(record_free) struct record *r = NULL;
	uint32_t id = 0;

	if (store_link_id(t, o->c->run->link->back->name, &id, o->err) < 0)
		return -1;
	if (!id)
		return 0;
	if (store_find_guid(t, id, TARGET, &o->heir->contact, &r, o->err) < 0)
		return -1;
	return r ? store_delete(t, r->id, o->err) : 0;
}

static int
note_in_map(struct over *o)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(o->c->run->store, STORE_WRITE, &t, o->err) < 0 ||
	    (o->heir->side == TARGET ? note_heir(o, t) : forget_contact(o, t)) < 0 ||
	    note_ended(o, t) < 0)
		return -1;
	return store_commit(TAKE(t), o->err);
}

/* Both are planned as they are now. */
static int
plan_again(struct over *o)
{
	static const struct guid none;
	struct cycle *c = o->c;
	const enum side side = o->heir->side;
	uint32_t index = WORLD_NONE;

	if (world_find_guid(c->world, side, &o->heir->contact, &index, o->err) < 0 ||
	    (index != WORLD_NONE &&
		world_refresh(c->world, side, &o->heir->contact, NULL, &index, o->err) < 0))
		return -1;
	index = WORLD_NONE;
	if (side == TARGET &&
	    (world_find_guid(c->world, TARGET, &o->to->guid, &index, o->err) < 0 ||
		world_refresh(c->world, TARGET, &o->to->guid, NULL, &index, o->err) < 0))
		return -1;
	return replan_add(
	    c, o->heir->source, &none, REPLAN_WAITED, "a contact has given way to it", o->err);
}

static int
succeed(struct over *o)
{
	o->c->res->gave_way++;
	run_message(o->c->run, LOG_NOTICE, &o->source->guid, o->source->dn,
	    "the contact '%s' has given way to '%s', which has its addresses, names and references "
	    "now",
	    o->contact->dn, o->to->dn);
	return note_in_map(o) < 0 ? -1 : plan_again(o);
}

static int
tell_refused(struct over *o)
{
	char guid[GUID_TEXT_SIZE];
	_cleanup_(free) char *text = NULL;
	struct run_event e = {.kind = RUN_REFUSED,
	    .level = LOG_ERR,
	    .source = &o->source->guid,
	    .dn = o->source->dn,
	    .side = o->heir->side,
	    .op = "modify"};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	guid_format(&o->heir->contact, guid);
	text = str_printf(CONTACT "%s ('%s') cannot give way to '%s': %s", guid,
	    o->contact ? o->contact->dn : "", o->to ? o->to->dn : o->source->dn, o->err->text);
	if (!text)
		return err_nomem(o->err);
	o->c->res->failed++;
	if (store_begin(o->c->run->store, STORE_WRITE, &t, o->err) < 0 ||
	    outcome_refuse(o->c, t, &e, text, o->err) < 0 ||
	    outcome_remember(o->c, t, &o->source->guid, text, NULL, o->err) < 0)
		return -1;
	run_event(o->c->run, &e, "%s; tried again in the next cycle", text);
	return store_commit(TAKE(t), o->err);
}

/* ---- all of it ---- */

static int
changed(struct over *o)
{
	(void)err_set(o->err, ERR_DATA, ERR_ENTRY, ERR_REREAD, 0, "others wrote to it meanwhile");
	return 1;
}

/* 0: nothing is left at the contact that belongs to its heir. 1: something is, with ERR; -1. */
static int
check_moved(struct over *o)
{
	const struct heir_pair p = over_pair(o);
	struct change **references = NULL, *pair[2] = {NULL, NULL};
	size_t n = 0;
	int rc = heir_references(&p, &references, &n, o->err);
	bool left = n > 0;

	for (size_t i = 0; i < n; i++)
		change_free(references[i]);
	free(references);
	for (int part = 0; rc == 0 && part < HEIR_PARTS; part++) {
		rc = heir_move(&p, (enum heir_part)part, pair, o->err);
		for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(pair); i++) {
			left |= !change_is_empty(pair[i]);
			change_free(TAKE(pair[i]));
		}
	}
	return rc == 0 && left ? changed(o) : rc;
}

/* 0: the contact is gone. 1: not yet, with ERR; -1. */
static int
hand_over(struct over *o)
{
	int rc = move_references(o);

	for (int part = 0; rc == 0 && part < HEIR_PARTS; part++) {
		rc = move_part(o, (enum heir_part)part);
		if (rc == 0 && (rc = read_both(o)) >= 0)
			rc = rc == 1 ? 0 : changed(o);
	}
	if (rc == 0)
		rc = check_moved(o);
	return rc == 0 ? end_contact(o) : rc;
}

/* *RET_READY: the directories say that they are contact and heir. */
static int
run_one(struct cycle *c, const struct heir *h, bool *ret_ready, struct err *err)
{
	_cleanup_(over_done) struct over o = {.c = c, .heir = h, .err = err};
	int rc;

	if (world_get(c->world, SOURCE, h->source, &o.source, err) < 0)
		return -1;
	if (!*o.source->dn)
		return 0;
	for (int i = 0; i < ATTEMPTS; i++) {
		rc = read_both(&o);
		if (rc <= 0)
			return rc;
		*ret_ready = true;
		if (i == 0 && note_begun(&o) < 0)
			return -1;
		rc = hand_over(&o);
		if (rc == 0)
			return succeed(&o);
		if (rc < 0)
			return -1;
		if (err->retry != ERR_REREAD)
			break;
	}
	return tell_refused(&o);
}

int
heirs_run(struct cycle *c, bool last, struct err *err)
{
	struct heirs *h = c->heirs;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		bool ready = false;

		if (run_one(c, &h->v[i], &ready, err) < 0)
			return -1;
		if (!ready && !last)
			h->v[n++] = h->v[i];
	}
	h->n = n;
	return 0;
}
