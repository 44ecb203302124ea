/* SPDX-License-Identifier: MIT */
/* What a reference to a source object becomes, and whose the references of a target object are. */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/cycle/across_refs.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "dsa/rules/identity.h"

int
plan_owner_of(struct cycle *c, uint32_t index, uint32_t *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	uint32_t claim = WORLD_NONE;
	bool found = false;

	*ret = WORLD_NONE;
	if (world_get_owner(c->world, index, &claim, err) < 0)
		return -1;
	if (claim != WORLD_NONE && cycle_get_decision(c, claim, &d, &found, err) < 0)
		return -1;
	if (found && decision_has_target(&d) && d.target == index)
		*ret = claim;
	return 0;
}

struct named {
	enum side side;
	uint32_t link;
	const char *dn;
	bool found;
};

static int
is_named(const struct record *r, void *arg, struct err *err)
{
	struct named *w = arg;

	(void)err;
	w->found = r->link == w->link && dn_equal(r->side[w->side].dn, w->dn);
	return w->found;
}

/* Was DN on SIDE ever the name of an object of this link? Another one may have it now. */
static int
was_named(struct cycle *c, enum side side, const char *dn, bool *ret, struct err *err)
{
	struct named w = {side, c->run->link_id, dn_strip_extended(dn), false};

	if (store_lookup(c->run->map, KEY_DN, w.dn, is_named, &w, err) < 0)
		return -1;
	*ret = w.found;
	return 0;
}

/* The record of a source object that is in the working set, and what was decided about it. */
static int
record_by_index(
    struct cycle *c, uint32_t index, struct record **ret, struct decision *ret_d, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	bool decided;

	if (cycle_get_decision(c, index, ret_d, &decided, err) < 0 ||
	    (!decided && world_get(c->world, SOURCE, index, &e, err) < 0))
		return -1;
	return store_find_guid(
	    c->run->map, c->run->link_id, SOURCE, e ? &e->guid : &ret_d->source, ret, err);
}

/* What is no counterpart of this flow's is on the target in its own right: of such a reference it
 * is remembered that galsync put it there, and nothing else is taken away again. */
static int
resolve_across(struct planning *p, const char *attr, const char *source_dn, char **ret_dn)
{
	struct guid guid;
	int rc = across_refs_resolve(p->c, SOURCE, source_dn, ret_dn, &guid, p->err);

	if (rc != 1)
		return rc;
	if (!p->in.target || !attr_has_dn(entry_find(p->in.target, attr), *ret_dn))
		rc = across_refs_renew(p->c, TARGET, &guid, ret_dn, p->err);
	if (rc != 1) {
		free(TAKE(*ret_dn));
		return rc;
	}
	if (list_grow(p->lent, p->n_lent, p->cap_lent) < 0)
		return err_nomem(p->err);
	p->lent[p->n_lent++] = (struct plan_lent){diff_link_hash(attr, &guid),
	    record_written_hash(attr, bytes_of(*ret_dn)), diff_across_hash(attr)};
	return 1;
}

/* 2: there is one, but the group that refers to it cannot hold it. */
static int
recorded_target(struct planning *p, const char *attr, const char *dn, uint32_t index, char **ret_dn)
{
	struct cycle *c = p->c;
	struct err *err = p->err;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	uint32_t at = WORLD_NONE, owner = WORLD_NONE;
	_cleanup_(decision_done) struct decision d = {0};
	bool decided, holds = true;
	int rc;

	if (!c->run->map)
		return 0;
	if (index != WORLD_NONE ? record_by_index(c, index, &r, &d, err) < 0
				: cycle_record_by_dn(c, SOURCE, dn, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	/* What stood for it may be there still, although the other flow has one for it now. */
	if (record_has_left(r) && (rc = resolve_across(p, attr, dn, ret_dn)) != 0)
		return rc;
	if (strcmp(attr, "member") == 0 && plan_may_hold_recorded(p, r, &holds) < 0)
		return -1;
	if (!holds)
		return 2;
	decided = d.source_dn != NULL;
	/* Most references of a delta are of this sort, and not worth a request each. What became
	 * of the counterpart of one that left, the map need not know. */
	if (c->run->is_delta && !decided && !record_has_left(r) &&
	    !guid_is_zero(&r->side[TARGET].guid)) {
		*ret_dn = strdup(r->side[TARGET].dn);
		return *ret_dn ? 1 : err_nomem(err);
	}
	if (cycle_find_recorded(c, r, &at, &target, err) < 0)
		return -1;
	if (!target)
		return 0;
	if (plan_owner_of(c, at, &owner, err) < 0)
		return -1;
	if (owner != WORLD_NONE && owner != index)
		return 0;
	*ret_dn = strdup(target->dn);
	return *ret_dn ? 1 : err_nomem(err);
}

/* Is what a delta has read under the name DN a counterpart, as it was decided in this cycle? The
 * map does not know it yet, or not by that name. */
static int
is_decided(struct cycle *c, const char *dn, bool *ret, struct err *err)
{
	uint32_t index = WORLD_NONE, owner = WORLD_NONE;

	if (world_find_read_dn(c->world, TARGET, dn, &index, err) < 0 ||
	    (index != WORLD_NONE && plan_owner_of(c, index, &owner, err) < 0))
		return -1;
	*ret = owner != WORLD_NONE;
	return 0;
}

static int
judge_ours(struct cycle *c, const char *dn, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index = WORLD_NONE, owner = WORLD_NONE;

	*ret = false;
	if (c->run->is_delta) {
		if (cycle_record_by_dn(c, TARGET, dn, &r, err) < 0)
			return -1;
		*ret = r != NULL;
		if (!r && is_decided(c, dn, ret, err) < 0)
			return -1;
		if (*ret)
			return 0;
		if (!c->run->map || was_named(c, TARGET, dn, ret, err) < 0 || !*ret)
			return -1;
		*ret = false;
	}
	if (world_find_dn(c->world, TARGET, dn, &index, err) < 0 || index == WORLD_NONE ||
	    plan_owner_of(c, index, &owner, err) < 0)
		return -1;
	*ret = owner != WORLD_NONE;
	if (*ret || !c->run->map)
		return 0;
	if (world_get(c->world, TARGET, index, &e, err) < 0 ||
	    store_find_guid(c->run->map, c->run->link_id, TARGET, &e->guid, &r, err) < 0)
		return -1;
	*ret = r && identity_is_recorded(r, e, c->run->link->target->stamp_attribute);
	return 0;
}

bool
plan_is_ours(struct cycle *c, const char *dn)
{
	struct err ignored;
	bool ours;

	return judge_ours(c, dn, &ours, &ignored) == 0 && ours;
}

/* ---- references ---- */

bool
plan_is_on_stack(const struct planning *p, uint32_t index)
{
	for (; p; p = p->parent)
		if (p->index == index)
			return true;
	return false;
}

/* A group in a group may have to be of another type before it is (plan_nesting.c). */
static bool
is_typed(const char *attr, const struct decision *d)
{
	return d->shape == SHAPE_GROUP && d->created && strcmp(attr, "member") == 0;
}

/* What a reference to the source object numbered INDEX becomes. */
static int
resolve_decided(struct planning *p, const char *attr, uint32_t index, char **ret_dn)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *former = NULL;
	bool found, first, holds = true;

	if (cycle_get_decision(p->c, index, &d, &found, p->err) < 0)
		return -1;
	if (!found || !decision_has_target(&d))
		return 0;
	first = d.state != DECIDE_MATCHED || is_typed(attr, &d);
	if (first && d.step == DECISION_UNPLANNED && !plan_is_on_stack(p, index)) {
		if (plan_referred(p, index) < 0 ||
		    cycle_get_decision(p->c, index, &d, &found, p->err) < 0)
			return -1;
		/* Planning it may have ended in a conflict. */
		if (!found || !decision_has_target(&d))
			return 0;
	}
	/* Until a contact has given way it is what is named: it takes its references with it. */
	if (d.former != WORLD_NONE && world_get(p->c->world, TARGET, d.former, &former, p->err) < 0)
		return -1;
	*ret_dn = strdup(former ? former->dn : d.target_dn);
	if (!*ret_dn)
		return err_nomem(p->err);
	if (former)
		return 1;
	if (strcmp(attr, "member") == 0 && plan_may_hold(p, index, &d, &holds) < 0)
		return -1;
	if (!holds) {
		free(TAKE(*ret_dn));
		return 2;
	}
	/* What is there can be named at once. But mail to a group misses a new recipient. */
	if (d.state == DECIDE_MATCHED &&
	    (d.step == DECISION_UNPLANNED || (d.rule == MATCH_RECORD && !first) ||
		strcmp(attr, "member") != 0))
		return 1;
	if (d.step == DECISION_UNPLANNED) {
		int rc = change_mod_str(p->links, MOD_ADD, attr, *ret_dn);

		free(TAKE(*ret_dn));
		return rc < 0 ? err_nomem(p->err) : 2;
	}
	if (d.step != DECISION_NO_STEP && d.step >= p->step->after)
		p->step->after = d.step + 1;
	return 1;
}

struct referrer {
	const struct guid *guid;
	bool found;
};

static int
is_of(const struct waiting_ref *w, void *arg, struct err *err)
{
	struct referrer *r = arg;

	(void)err;
	r->found = guid_equal(&w->referrer, r->guid);
	return r->found;
}

/* A foreign security principal with the SID of the text SID that nobody knows is told of once: then
 * the map has it among what is waited for. */
static int
note_foreign(struct planning *p, const char *attr, const char *dn, const char *sid)
{
	struct referrer known = {&p->in.source->guid, false};
	const struct run *run = p->c->run;

	if (run->map && store_each_waiting(run->map, run->link_id, sid, is_of, &known, p->err) < 0)
		return -1;
	plan_note(p, known.found ? LOG_DEBUG : LOG_NOTICE, p->in.source->dn,
	    "%s '%s' stands for an object of another forest of which no link knows a counterpart: "
	    "it is left out",
	    attr, dn);
	return 0;
}

/* What DN stands for is waited for: by its name, or by its SID where it is another forest's. */
static int
wait_for(struct planning *p, const char *attr, const char *dn)
{
	_cleanup_(free) char *norm = dn_normalize(dn, p->err);
	char text[SID_TEXT_SIZE];
	uint8_t sid[SID_MAX_LEN];
	size_t len;

	if (!norm)
		return -1;
	if (!sid_of_foreign(norm, sid, &len) || !sid_format((struct bytes){sid, len}, text))
		return plan_step_add_waiting(p->step, attr, norm, p->err);
	if (note_foreign(p, attr, dn, text) < 0)
		return -1;
	return plan_step_add_waiting(p->step, attr, text, p->err);
}

int
plan_resolve_ref(const char *attr, const char *source_dn, void *arg, char **ret_dn, struct err *err)
{
	struct planning *p = arg;
	uint32_t index = WORLD_NONE;
	int rc = 0;

	if (world_find_dn(p->c->world, SOURCE, source_dn, &index, err) < 0)
		return -1;
	if (index != WORLD_NONE)
		rc = resolve_decided(p, attr, index, ret_dn);
	if (rc)
		return rc == 2 ? 0 : rc;
	rc = recorded_target(p, attr, source_dn, index, ret_dn);
	if (rc == 0)
		rc = resolve_across(p, attr, source_dn, ret_dn);
	if (rc)
		return rc == 2 ? 0 : rc;
	return wait_for(p, attr, dn_strip_extended(source_dn));
}
