/* SPDX-License-Identifier: MIT */
/* Addresses of an object being planned: no two objects may have the same one. */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/conflicts.h"
#include "dsa/rules/evidence.h"
#include "redirect/address.h"

static void
note_taken(struct planning *p, const char *address, const char *holder, bool whole)
{
	plan_note(p, LOG_WARNING, p->in.source->dn, TAKEN_FORMAT, address, holder,
	    conflicts_taken_text(whole));
}

/* One conflict of an object is kept and told with all others, that of its primary address before
 * that of another; what it leaves no room for is told here. All holders are candidates: their
 * changes concern the object. */
static int
set_conflict(struct planning *p, struct bytes what, const struct entry *holder, bool whole)
{
	struct decision *d = p->d;
	bool kept = d->in_conflict && !whole && !address_is_primary(what);
	char text[256];

	err_escape(text, sizeof text, what);
	if (kept)
		note_taken(p, text, holder->dn, whole);
	else if (d->in_conflict && d->candidates[0])
		note_taken(p, d->what, d->candidates[0], false);
	if (whole)
		d->state = DECIDE_CONFLICT;
	if (!kept) {
		d->in_conflict = true;
		d->reason = CONFLICT_ADDRESS;
		decision_clear_candidates(d);
		free(d->what);
		d->what = strdup(text);
	}
	if (!d->what || decision_add_candidate(d, holder->dn, &holder->guid) < 0)
		return err_nomem(p->err);
	return 0;
}

/* V is in a mail domain of the other organization, to which alone it is to give such addresses. */
static int
set_foreign(struct planning *p, struct bytes v, bool whole)
{
	struct decision *d = p->d;
	char text[256];

	err_escape(text, sizeof text, v);
	if (d->in_conflict && !whole && !address_is_primary(v)) {
		plan_note(p, LOG_WARNING, p->in.source->dn,
		    "%s is an address of the other organization: it is left out", text);
		return 0;
	}
	if (whole)
		d->state = DECIDE_CONFLICT;
	d->in_conflict = true;
	d->reason = CONFLICT_FOREIGN;
	decision_clear_candidates(d);
	free(d->what);
	d->what = strdup(text);
	return d->what ? 0 : err_nomem(p->err);
}

/* Has the flow there put V on the native that P's contact is of? Then it came from the forest to
 * which it goes: the source object that had it is gone, or it would be held. */
static int
came_from_there(const struct planning *p, struct bytes v, bool *ret)
{
	const struct conf_link *forth = p->in.link->forth;
	_cleanup_(record_free) struct record *r = NULL;
	struct store_txn *map = p->c->run->map;
	uint32_t id = 0;

	*ret = false;
	if (!forth || !map)
		return 0;
	if (store_link_id(map, forth->name, &id, p->err) < 0)
		return -1;
	if (id && store_find_guid(map, id, TARGET, &p->in.source->guid, &r, p->err) < 0)
		return -1;
	*ret = r && record_was_written(r, TARGET, record_written_hash("proxyAddresses", v));
	return 0;
}

/* Is V, which is to be added to the object of SIDE, an address that only that side's organization
 * gives? What the configured template gives it has given, but for the names of its offices. And of
 * a mailbox in use its organization gives the addresses, in whatever domain, but for those. */
static bool
is_foreign(const struct planning *p, enum side side, struct bytes v, const char *essential)
{
	const struct conf_link *link = p->c->run->link;
	struct dir *d = p->c->run->dir[side];
	struct own_domains own = own_domains_of(
	    side == TARGET ? link->target : link->source, d->ops->info(d)->domain_dns);
	bool given = side == SOURCE || (link->primary_template && address_is_primary(v));

	if (given && !address_is_office(v))
		return false;
	return !link->foreign_addresses && address_is_smtp(v) &&
	       own_domains_have(&own, address_value(v)) &&
	       !(essential && bytes_equal_nocase(address_value(v), bytes_of(essential)));
}

/* Not as long as another object may turn out to hold it. */
static int
claim_address(struct planning *p, enum side side, struct bytes v)
{
	return plan_is_incomplete(p) ? 0
				     : world_claim_address(p->c->world, side, v, p->index, p->err);
}

/* In a delta: asks at once for whatever holds one of the addresses that are to be added. */
static int
demand_holders(
    struct planning *p, enum side side, const struct attr *want, const struct attr *there)
{
	for (size_t i = 0; p->c->run->is_delta && want && i < want->n_values; i++) {
		const struct attr one = {
		    .name = want->name, .values = &want->values[i], .n_values = 1};

		if (there && attr_has(there, want->values[i], true))
			continue;
		if (world_demand_addresses(p->c->world, side, &one, p->err) < 0 ||
		    (side == TARGET &&
			world_demand_addresses(p->c->world, SOURCE, &one, p->err) < 0))
			return -1;
	}
	return 0;
}

int
plan_remove_value(struct entry *e, const char *attr, struct bytes v, struct err *err)
{
	_cleanup_(entry_free) struct entry *old = entry_dup_attr(e, attr);
	const struct attr *a = old ? entry_find(old, attr) : NULL;

	entry_remove(e, attr);
	if (!old || entry_touch(e, attr) < 0)
		return err_nomem(err);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!bytes_equal(a->values[i], v) && entry_add(e, attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* What lets go of V is no holder. P->deferred: but not yet. */
static int
find_holder(struct planning *p, enum side side, struct bytes v, uint32_t self, struct entry **ret)
{
	struct plan_taking taking = {p, v, side};
	const struct world_holding h = {.side = side,
	    .address = v,
	    .self = self,
	    .claimant = p->index,
	    .may_go = plan_may_go,
	    .arg = &taking};

	p->deferred = false;
	return world_find_lasting_holder(p->c->world, &h, ret, p->err);
}

/* V comes in a later round of this cycle. Until then an object whose primary address it is has its
 * redirect address, ESSENTIAL, as that, or none. */
static int
leave_out(struct planning *p, struct entry *want, struct bytes v, const char *essential)
{
	_cleanup_(free) char *secondary = str_printf("smtp:%s", essential ? essential : "");
	_cleanup_(free) char *primary = str_printf("SMTP:%s", essential ? essential : "");
	bool was_primary = address_is_primary(v);

	if (!secondary || !primary)
		return err_nomem(p->err);
	if (plan_remove_value(want, "proxyAddresses", v, p->err) < 0)
		return -1;
	if (!was_primary)
		return 0;
	entry_remove(want, "mail");
	if (!essential)
		return entry_touch(want, "mail") < 0 ? err_nomem(p->err) : 0;
	if (plan_remove_value(want, "proxyAddresses", bytes_of(secondary), p->err) < 0)
		return -1;
	return entry_add_str(want, "proxyAddresses", primary) < 0 ||
		       entry_add_str(want, "mail", essential) < 0
		   ? err_nomem(p->err)
		   : 0;
}

/* The primary address V may not be had, for now: the object keeps the one that it has, and whatever
 * else would say V. */
static int
keep_primary(struct planning *p, struct entry *want, const struct entry *present, struct bytes v)
{
	static const char *const attrs[] = {"mail", "targetAddress"};
	const struct attr *a = entry_find(present, "proxyAddresses");
	struct bytes address = address_value(v);

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		struct bytes said = entry_get(want, attrs[i]);

		if (said.data && bytes_equal_nocase(address_value(said), address))
			entry_remove(want, attrs[i]);
	}
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_primary(a->values[i]) &&
		    entry_add(want, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(p->err);
	return 0;
}

/* V is left out of WANT. BLOCKED: the object is not synchronized without it. */
static int
give_up(struct planning *p, struct entry *want, const struct entry *present, struct bytes v,
    bool blocked)
{
	if (plan_remove_value(want, "proxyAddresses", v, p->err) < 0)
		return -1;
	return blocked || !address_is_primary(v) ? 0 : keep_primary(p, want, present, v);
}

int
plan_check_addresses(struct planning *p, enum side side, struct entry *want,
    const struct entry *present, uint32_t self, const char *essential, bool *ret_blocked)
{
	_cleanup_(entry_free) struct entry *copy = entry_dup_attr(want, "proxyAddresses");
	const struct attr *a = copy ? entry_find(copy, "proxyAddresses") : NULL;
	const struct attr *there = present ? entry_find(present, "proxyAddresses") : NULL;

	if (!copy)
		return err_nomem(p->err);
	if (demand_holders(p, side, a, there) < 0)
		return -1;
	for (size_t i = 0; a && i < a->n_values && !*ret_blocked; i++) {
		struct bytes v = a->values[i];
		_cleanup_(entry_free) struct entry *holder = NULL;
		bool foreign, known = false;

		if ((!address_is_smtp(v) && !address_is_x500(v)) ||
		    (there && attr_has(there, v, true)))
			continue;
		foreign = is_foreign(p, side, v, essential);
		if (foreign && came_from_there(p, v, &known) < 0)
			return -1;
		if (foreign && !known) {
			*ret_blocked = address_is_primary(v) && !p->in.target;
			if (set_foreign(p, v, *ret_blocked) < 0 ||
			    give_up(p, want, present, v, *ret_blocked) < 0)
				return -1;
			continue;
		}
		if (find_holder(p, side, v, self, &holder) < 0)
			return -1;
		if (p->deferred && !holder) {
			if ((p->inherits[side] && present ? give_up(p, want, present, v, false)
							  : leave_out(p, want, v, essential)) < 0)
				return -1;
			p->deferred = false;
			continue;
		}
		if (!holder && side == TARGET &&
		    world_find_holder(p->c->world, SOURCE, v, p->index, p->index, &holder, p->err) <
			0)
			return -1;
		if (!holder) {
			if (claim_address(p, side, v) < 0)
				return -1;
			continue;
		}
		*ret_blocked =
		    (address_is_primary(v) && !p->in.target) ||
		    (essential && bytes_equal_nocase(address_value(v), bytes_of(essential)));
		if (set_conflict(p, v, holder, *ret_blocked) < 0 ||
		    give_up(p, want, present, v, *ret_blocked) < 0)
			return -1;
	}
	return 0;
}

/* The mail of a matched counterpart that CHANGE overwrites, if it is an address and not ours; else
 * NULL. Borrowed. */
static const char *
lost_mail(const struct project_in *in, const struct record *record, const struct change *change)
{
	const char *mail = entry_get_str(in->target, "mail");
	const char *at = mail ? strrchr(mail, '@') : NULL;
	_cleanup_(free) char *local = at ? strndup(mail, (size_t)(at - mail)) : NULL;
	bool overwritten = false;

	for (size_t i = 0; i < change->n_mods; i++)
		overwritten |=
		    change->mods[i].op == MOD_DELETE && strcmp(change->mods[i].attr, "mail") == 0;
	if (!overwritten || in->created || !local || !at[1] || !address_local_ok(local) ||
	    record_was_written(record, TARGET, record_written_hash("mail", bytes_of(mail))))
		return NULL;
	return mail;
}

int
plan_keep_mail(struct planning *p, const struct entry *want, const struct entry *target,
    const struct record *record, struct change *change)
{
	const char *mail = lost_mail(&p->in, record, change);
	const char *foreign = p->c->run->link->source->redirect_domain;
	const struct attr *w = entry_find(want, "proxyAddresses");
	const struct attr *there = entry_find(target, "proxyAddresses");
	_cleanup_(free) char *value = mail ? str_printf("smtp:%s", mail) : NULL;
	_cleanup_(entry_free) struct entry *holder = NULL;
	struct bytes v;

	if (!mail || !w)
		return 0;
	if (!value)
		return err_nomem(p->err);
	v = bytes_of(value);
	if (attr_has(w, v, true) || (there && attr_has(there, v, true)) ||
	    (foreign && address_in_domain(v, foreign)))
		return 0;
	if (world_find_holder(p->c->world, TARGET, v, p->d->target, p->index, &holder, p->err) < 0)
		return -1;
	if (holder)
		return set_conflict(p, v, holder, false);
	if (claim_address(p, TARGET, v) < 0)
		return -1;
	return change_mod(change, MOD_ADD, "proxyAddresses", v) < 0 ? err_nomem(p->err) : 0;
}
