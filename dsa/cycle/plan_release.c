/* SPDX-License-Identifier: MIT */
/*
 * An address that changes hands. Whose source object has it no more is no holder: the counterpart
 * lets go of it before another takes it.
 *
 *   the holder is                                  the taker
 *   a counterpart whose own step lets go of it     waits for that step, and needs its success; if
 *                                                  a limit may hold that, or it needs too many
 *                                                  already, as in a ring
 *   one that is being planned just now: a ring     does without it, in a state in which mail still
 *                                                  flows, and is planned again behind the others
 *   left: its source has left, and gave it up      takes it away there, in its own step; if that
 *                                                  has no room for it, as in a ring
 *   any other, of an X500 name, which no step      the same
 *   lets go of
 *   leaving in this cycle                          is planned again when that is done
 *   a contact that gives way to it, on either      has it from that when the plan was carried out
 *   side                                           (heirs.h)
 *   anything else                                  is in conflict
 *
 * What is planned again finds the holder as it is then. That ends: an object waits again only for
 * fewer things than the last time, or because something of the round before has failed, and that
 * only a few times. So what is planned in a cycle is at most a constant times the objects that are
 * concerned and what they are to have, and a chain of any length takes as few rounds as one of two.
 */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/replan.h"
#include "dsa/directory/dn.h"
#include "redirect/address.h"

/* What a step needs room for beside the releases. */
#define OWN_CHANGES 3

/* Does E have ADDRESS ("smtp:..." or "X500:...") in any way? */
static bool
has_address(const struct entry *e, struct bytes address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *own = entry_get_str(e, address_is_x500(address) ? "legacyExchangeDN" : "mail");

	return (a && attr_has(a, address, true)) ||
	       (own && bytes_equal_nocase(bytes_of(own), address_value(address)));
}

/* Is E without ADDRESS once C, a change of it, is made? */
static bool
lets_go(const struct entry *e, const struct change *c, struct bytes address)
{
	const char *mail = entry_get_str(e, "mail");
	bool gone = false, back = false;
	bool mail_gone = !mail || !bytes_equal_nocase(bytes_of(mail), address_value(address));

	if (c->op != CHANGE_MODIFY || !dn_equal(c->dn, e->dn))
		return false;
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];
		bool addresses = str_equal_nocase(m->attr, "proxyAddresses");

		mail_gone |= str_equal_nocase(m->attr, "mail") && m->op == MOD_DELETE;
		for (size_t j = 0; addresses && j < m->n_values; j++) {
			bool same = bytes_equal_nocase(m->values[j], address);

			gone |= same && m->op == MOD_DELETE;
			back |= same && m->op == MOD_ADD;
		}
	}
	return gone && !back && (mail_gone || address_is_x500(address));
}

/* P's object is to wait for one thing more. *RET: it may. */
static int
may_wait(struct planning *p, bool *ret)
{
	*ret = !p->d->waited || p->waits + 1 < p->d->waited || p->tries;
	if (*ret)
		return 0;
	if (replan_may_try(p->c, &p->in.source->guid, &p->tries, p->err) < 0)
		return -1;
	*ret = p->tries;
	return 0;
}

int
plan_later(struct planning *p, const char *what, uint32_t former)
{
	static const struct guid none;
	_cleanup_(free) char *why = str_printf("%s was not free yet", what);
	bool may;

	if (!why)
		return err_nomem(p->err);
	if (may_wait(p, &may) < 0)
		return -1;
	if (!may)
		return 0;
	p->waits++;
	if (p->c->opt->plan_only) {
		plan_note(p, LOG_INFO, p->in.source->dn,
		    "%s comes later in the cycle, when another object has let go of it", what);
		return 1;
	}
	if (former != WORLD_NONE && replan_add(p->c, former, &none, REPLAN_TAKES, why, p->err) < 0)
		return -1;
	return replan_add(p->c, p->index, &none, REPLAN_TAKES, why, p->err) < 0 ? -1 : 1;
}

/* The address comes in a later round. */
static int
defer(struct planning *p)
{
	int rc = plan_later(p, "an address", WORLD_NONE);

	p->deferred = rc > 0;
	return rc;
}

/* Does the planned step NUMBER take ADDRESS from HOLDER? Then P's waits for it; or for a later
 * round, where a limit may hold it, or P's step waits for too many already. */
static int
wait_for_step(struct planning *p, uint64_t number, const struct entry *holder, struct bytes address)
{
	_cleanup_(plan_step_free) struct plan_step *s = NULL;
	bool frees = false;

	if (plan_find(p->c->plan, PLAN_OBJECTS, number, &s, p->err) < 0)
		return -1;
	for (size_t i = 0; s && i < s->n_changes; i++)
		frees |=
		    s->changes[i].side == TARGET && lets_go(holder, s->changes[i].change, address);
	if (!frees)
		return 0;
	if (s->counts == 0 && plan_step_need(p->step, number))
		return 1;
	return defer(p);
}

/* In a later round: the holder as it is now. 1: it has ADDRESS no more. */
static int
look_again(struct planning *p, uint32_t index, const struct entry *holder, struct bytes address)
{
	_cleanup_(entry_free) struct entry *now = NULL;

	if (!plan_round(p->c->plan))
		return 0;
	if (world_refresh(p->c->world, TARGET, &holder->guid, holder->dn, &index, p->err) < 0 ||
	    world_get(p->c->world, TARGET, index, &now, p->err) < 0)
		return -1;
	return !has_address(now, address);
}

/* What P's step takes away from HOLDER so far, which is no part of the step any more; or a change
 * that takes nothing. *RET NULL: the step has no room for it. */
static int
begin_release(struct planning *p, const struct entry *holder, struct change **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < p->step->n_changes; i++)
		if (p->step->changes[i].side == TARGET &&
		    strcmp(p->step->changes[i].reason, PLAN_RELEASE) == 0 &&
		    dn_equal(p->step->changes[i].change->dn, holder->dn)) {
			*ret = plan_step_take(p->step, i);
			return 0;
		}
	if (p->step->n_changes + OWN_CHANGES > PLAN_MAX_CHANGES)
		return 0;
	*ret = change_new(CHANGE_MODIFY, holder->dn, &holder->guid);
	return *ret ? 0 : err_nomem(p->err);
}

/* Takes ADDRESS away from HOLDER in P's own step: its source has left, or has the name no more. */
static int
take_away(struct planning *p, const struct entry *holder, struct bytes address)
{
	_cleanup_(change_free) struct change *c = NULL;
	const struct attr *a = entry_find(holder, "proxyAddresses");
	const char *mail = entry_get_str(holder, "mail");

	if (begin_release(p, holder, &c) < 0)
		return -1;
	if (!c)
		return defer(p);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], address) &&
		    change_mod(c, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(p->err);
	if (mail && address_is_smtp(address) &&
	    bytes_equal_nocase(bytes_of(mail), address_value(address)) &&
	    change_mod_str(c, MOD_DELETE, "mail", mail) < 0)
		return err_nomem(p->err);
	if (plan_step_add(p->step, TARGET, TAKE(c), holder, PLAN_RELEASE, p->err) < 0)
		return -1;
	plan_note(p, LOG_NOTICE, p->in.source->dn,
	    "%s goes over from '%s', whose source has it no more", (const char *)address.data,
	    holder->dn);
	return 1;
}

/* The record of R's HOLDER says that galsync put ADDRESS there. */
static bool
is_put(const struct record *r, const struct entry *holder, struct bytes address)
{
	const struct attr *a = entry_find(holder, "proxyAddresses");

	for (size_t i = 0; !r->created && a && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], address) &&
		    record_was_written(
			r, TARGET, record_written_hash("proxyAddresses", a->values[i])))
			return true;
	return r->created;
}

/* An X500 name goes from no counterpart by itself, since replies are addressed by it. But whose
 * source has it no more gives it up to the one which has it now. R is HOLDER's record. */
static int
give_name(
    struct planning *p, const struct record *r, const struct entry *holder, struct bytes address)
{
	const char *own = entry_get_str(holder, "legacyExchangeDN");

	if (!address_is_x500(address) || r->active == TARGET || !is_put(r, holder, address) ||
	    (own && bytes_equal_nocase(bytes_of(own), address_value(address))))
		return 0;
	return take_away(p, holder, address);
}

static int
find_record(struct planning *p, const struct entry *holder, struct record **ret)
{
	struct run *run = p->c->run;

	*ret = NULL;
	return run->map
		   ? store_find_guid(run->map, run->link_id, TARGET, &holder->guid, ret, p->err)
		   : 0;
}

/* HOLDER is the counterpart of a source entry whose step lets go of nothing. */
static int
ask_for_name(struct planning *p, const struct entry *holder, struct bytes address)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (find_record(p, holder, &r) < 0)
		return -1;
	return r ? give_name(p, r, holder, address) : 0;
}

/* It could not be planned on the way to what waits for it: that is too far down a chain. */
static bool
is_too_deep(const struct decision *d)
{
	return decision_has_target(d) && d->step == DECISION_UNPLANNED;
}

/* HOLDER is the counterpart of source entry OWNER. */
static int
ask_owner(struct planning *p, uint32_t owner, uint32_t index, const struct entry *holder,
    struct bytes address)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	bool found;
	int rc;

	if (world_get(p->c->world, SOURCE, owner, &source, p->err) < 0)
		return -1;
	if (has_address(source, address))
		return 0;
	rc = look_again(p, index, holder, address);
	if (rc)
		return rc;
	if (plan_is_on_stack(p, owner))
		return defer(p);
	if (plan_referred(p, owner) < 0 || cycle_get_decision(p->c, owner, &d, &found, p->err) < 0)
		return -1;
	if (found && is_too_deep(&d))
		return defer(p);
	rc = !found || d.step >= DECISION_NO_STEP ? 0 : wait_for_step(p, d.step, holder, address);
	return rc ? rc : ask_for_name(p, holder, address);
}

/* HOLDER, target entry INDEX, is no counterpart in this cycle, but perhaps it was one. */
static int
ask_record(struct planning *p, uint32_t index, const struct entry *holder, struct bytes address)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *source = NULL;
	struct cycle *c = p->c;
	uint32_t former;
	int rc;

	if (!c->run->map)
		return 0;
	if (find_record(p, holder, &r) < 0)
		return -1;
	/* With its record it may have been deleted by this very cycle. */
	if (!r)
		return look_again(p, index, holder, address);
	if (r->state == RECORD_FINISHED || r->ended || r->active == TARGET)
		return 0;
	if (world_find_guid(c->world, SOURCE, &r->side[SOURCE].guid, &former, p->err) < 0 ||
	    (former != WORLD_NONE && world_get(c->world, SOURCE, former, &source, p->err) < 0))
		return -1;
	if (source && has_address(source, address))
		return 0;
	if (r->state == RECORD_LEFT)
		return is_put(r, holder, address) ? take_away(p, holder, address) : 0;
	rc = source ? give_name(p, r, holder, address) : 0;
	if (rc == 0)
		rc = look_again(p, index, holder, address);
	return rc ? rc : defer(p);
}

int
plan_may_go(uint32_t index, const struct entry *holder, void *arg, struct err *err)
{
	const struct plan_taking *t = arg;
	uint32_t owner;
	int rc = plan_gives_way(t->p, t->side, index, holder);

	if (rc > 0)
		t->p->deferred = true;
	/* Of the source's objects nothing else is taken away. */
	if (rc || t->side == SOURCE)
		return rc;
	if (plan_owner_of(t->p->c, index, &owner, err) < 0)
		return -1;
	return owner != WORLD_NONE ? ask_owner(t->p, owner, index, holder, t->address)
				   : ask_record(t->p, index, holder, t->address);
}

/* Has another source object than P's the X500 name NAME, which P's has no more? */
static int
has_moved(struct planning *p, const char *name, bool *ret)
{
	_cleanup_(free) char *value = address_x500_of(name);
	_cleanup_(entry_free) struct entry *holder = NULL;

	*ret = false;
	if (!value)
		return err_nomem(p->err);
	if (has_address(p->in.source, bytes_of(value)))
		return 0;
	if (world_find_holder(
		p->c->world, SOURCE, bytes_of(value), p->index, p->index, &holder, p->err) < 0)
		return -1;
	*ret = holder != NULL;
	return 0;
}

int
plan_forget_names(struct planning *p, struct record *record)
{
	for (int side = SOURCE; side < SIDES; side++) {
		struct record_side *s = &record->side[side];
		size_t i = 0;

		while (i < s->n_legacy_dns) {
			bool moved;

			if (has_moved(p, s->legacy_dns[i], &moved) < 0)
				return -1;
			if (moved)
				record_forget_legacy_dn(s, i);
			else
				i++;
		}
	}
	return 0;
}

int
plan_drop_moved_names(struct planning *p, struct entry *want)
{
	_cleanup_(entry_free) struct entry *copy = entry_dup_attr(want, "proxyAddresses");
	const struct attr *a = copy ? entry_find(copy, "proxyAddresses") : NULL;
	const struct record *r = p->in.record;

	if (!copy)
		return err_nomem(p->err);
	for (size_t i = 0; r && a && i < a->n_values; i++) {
		struct bytes v = a->values[i];
		bool moved;

		if (!address_is_x500(v) ||
		    !record_was_written(r, TARGET, record_written_hash("proxyAddresses", v)))
			continue;
		if (has_moved(p, address_value(v).data, &moved) < 0 ||
		    (moved && plan_remove_value(want, "proxyAddresses", v, p->err) < 0))
			return -1;
	}
	return 0;
}
