/* SPDX-License-Identifier: MIT */
#include "dsa/rules/repair.h"

#include <string.h>

#include "dsa/base/str.h"
#include "redirect/address.h"

void
repair_done(struct repair *r)
{
	for (size_t i = 0; i < r->n; i++)
		change_free(r->fix[i].change);
	*r = (struct repair){.n = 0};
}

static const char *
target_address(const struct entry *e)
{
	return entry_get_str(e, "targetAddress");
}

/* E with "smtp:ADDRESS" instead of all that it has in DOMAIN. */
static struct entry *
readdressed(const struct entry *e, const char *domain, const char *address)
{
	_cleanup_(entry_free) struct entry *copy = entry_dup(e);
	_cleanup_(free) char *own = str_printf("smtp:%s", address);
	const struct attr *a = entry_find(e, "proxyAddresses");

	if (!copy || !own)
		return NULL;
	entry_remove(copy, "proxyAddresses");
	if (entry_add_str(copy, "proxyAddresses", own) < 0)
		return NULL;
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!address_in_domain(a->values[i], domain) &&
		    entry_add(copy, "proxyAddresses", a->values[i]) < 0)
			return NULL;
	return TAKE(copy);
}

/* The object of SIDE as it is when the step gave it its redirect address, beside an older one that
 * the other side may still redirect to. *RET NULL if it gets none. */
static int
as_it_will_be(const struct project_in *in, enum side side, struct entry **ret, struct err *err)
{
	const struct conf_link *link = in->link;
	const char *domain = (side == SOURCE ? link->source : link->target)->redirect_domain;
	_cleanup_(free) char *address = NULL;

	if (!domain || (side == TARGET && !project_has_redirect(in)))
		return 0;
	if (project_redirect_address(in, side, &address, err) < 0)
		return -1;
	*ret = readdressed(side == SOURCE ? in->source : in->target, domain, address);
	return *ret ? 0 : err_nomem(err);
}

static struct turn_conf
turn_conf_of(const struct conf_link *link)
{
	return (struct turn_conf){
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .routing_domain = link->target->routing_domain,
	    .marker_attribute = link->marker_attribute};
}

/* The counterpart is made in the same step, and will lead to the source: what that leads to is
 * gone, and would be there again. */
static int
take_away(const struct project_in *in, struct repair *ret, struct err *err)
{
	const struct turn_conf conf = turn_conf_of(in->link);
	const struct turn_facts f = {.record = in->record, .side = {in->source, NULL}};
	struct change *change = NULL;

	if (turn_take_away(&conf, TURN_UNDO, &f, &change, err) < 0)
		return -1;
	if (!change)
		return 0;
	ret->broken[SOURCE] = !in->verdict.moved;
	ret->fix[ret->n].side = SOURCE;
	ret->fix[ret->n++].change = change;
	return 0;
}

/* Does the target of SIDE lead to a tenant of which the configuration knows nothing? */
static bool
is_in_tenant(const struct project_in *in, enum side side)
{
	return side == TARGET && !in->link->target->routing_domain &&
	       kind_is_remote_mailbox(in->target) &&
	       in->verdict.facts.leads[TARGET] == LEADS_NOWHERE;
}

/* The changes of TURN that lead mail to the active side. */
static int
fixes(const struct project_in *in, enum turn turn, const struct turn_facts *f, int64_t now,
    struct repair *ret, struct err *err)
{
	const struct turn_conf conf = turn_conf_of(in->link);
	struct change *changes[TURN_CHANGES] = {NULL, NULL};

	if (turn_changes(&conf, turn, f, now, changes, err) < 0)
		return -1;
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		enum side side = turn_side(turn, i);

		if (changes[i] && (side == SOURCE || in->active == TARGET) &&
		    in->verdict.facts.leads[side] != LEADS_AWAY && !is_in_tenant(in, side)) {
			ret->fix[ret->n].side = side;
			ret->fix[ret->n++].change = TAKE(changes[i]);
		}
		change_free(changes[i]);
	}
	return 0;
}

/* Is there anything to put right? */
static bool
needs_look(const struct project_in *in)
{
	const struct active_facts *f = &in->verdict.facts;

	if (!in->redirects || !in->record)
		return false;
	if (in->active == TARGET)
		return in->target != NULL;
	return f->leads[SOURCE] == LEADS_ACROSS || f->leads[SOURCE] == LEADS_HOME ||
	       f->marker == WITNESS_TARGET;
}

/* Is it not the marker or the guard alone that FIX of the pair puts right? */
static bool
is_broken(const struct project_in *in, enum side side)
{
	const char *to = target_address(in->source);
	bool leads = active_leads_to(to, in->target, NULL) ||
		     active_is_adopted(to, in->link->adopted_domains[TARGET]);

	if (in->verdict.moved)
		return false;
	if (side == TARGET || in->active == SOURCE)
		return in->verdict.facts.leads[side] != LEADS_NOWHERE;
	return !leads;
}

int
repair_plan(const struct project_in *in, int64_t now, struct repair *ret, struct err *err)
{
	enum turn turn = in->active == SOURCE ? TURN_UNDO : TURN_SWITCH;
	_cleanup_(entry_free) struct entry *after = NULL;
	struct turn_facts f = {.record = in->record, .side = {in->source, in->target}};

	if (!needs_look(in))
		return 0;
	if (!in->target)
		return take_away(in, ret, err);
	if (as_it_will_be(in, in->active, &after, err) < 0)
		return -1;
	if (!after)
		return 0;
	f.side[in->active] = after;
	if (fixes(in, turn, &f, now, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		ret->broken[ret->fix[i].side] = is_broken(in, ret->fix[i].side);
	return 0;
}

/* ---- circles ---- */

int
repair_end_circle(const struct active_side *a, const struct entry *const objects[SIDES],
    enum side side, struct change **ret, struct err *err)
{
	const struct entry *e = objects[side];
	_cleanup_(change_free) struct change *c = NULL;

	*ret = NULL;
	if (!active_goes_round(a, objects, side))
		return 0;
	c = change_new(CHANGE_MODIFY, e->dn, &e->guid);
	if (!c || change_mod_str(c, MOD_DELETE, "targetAddress", target_address(e)) < 0)
		return err_nomem(err);
	*ret = TAKE(c);
	return 0;
}

bool
repair_takes_away(const struct change *change, struct bytes to)
{
	for (size_t i = 0; i < change->n_mods; i++) {
		const struct mod *m = &change->mods[i];

		for (size_t j = 0; m->op == MOD_DELETE && j < m->n_values; j++)
			if (str_equal_nocase(m->attr, "targetAddress") &&
			    bytes_equal(m->values[j], to))
				return true;
	}
	return false;
}

/* ---- what a limit is about ---- */

static bool
knows_domain(const struct record *r, const char *domain)
{
	for (size_t i = 0; i < r->n_addresses; i++) {
		const char *at = strrchr(r->addresses[i], '@');

		if (at && str_equal_nocase(at + 1, domain))
			return true;
	}
	return false;
}

/* Does V, a targetAddress that the counterpart has, lead to the source's mailbox, and is it known
 * from OLD? A map that was made anew does not know what galsync put, but which addresses both had.
 */
static bool
is_redirection(const struct project_in *in, const struct record *old, struct bytes v)
{
	return active_leads_to(
		   v.data, in->redirects ? in->source : NULL, in->link->source->redirect_domain) &&
	       (record_was_written(old, TARGET, record_written_hash("targetAddress", v)) ||
		   record_has_address(old, address_value(v).data));
}

bool
repair_was_in_place(
    const struct project_in *in, const struct record *old, const struct record *record)
{
	return in->link->source->redirect_domain && in->target && old && !record_has_left(old) &&
	       record->synced_at;
}

/* Does C bring V, which M takes away, back in another spelling, or the reverse? It leads to where
 * it led. */
static bool
is_respelled(const struct change *c, const struct mod *m, struct bytes v)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *other = &c->mods[i];

		for (size_t j = 0; other->op != m->op && j < other->n_values; j++)
			if (str_equal_nocase(other->attr, m->attr) &&
			    bytes_equal_nocase(other->values[j], v))
				return true;
	}
	return false;
}

bool
repair_is_about(const struct project_in *in, const struct record *old, const struct change *change,
    bool *broken)
{
	const char *domain = in->link->source->redirect_domain;
	bool takes = false, brings = false;

	for (size_t i = 0; i < change->n_mods; i++) {
		const struct mod *m = &change->mods[i];

		if (!str_equal_nocase(m->attr, "targetAddress"))
			continue;
		for (size_t j = 0; j < m->n_values; j++)
			if (is_respelled(change, m, m->values[j]))
				continue;
			else if (m->op == MOD_DELETE)
				takes |= is_redirection(in, old, m->values[j]);
			else
				brings |= address_in_domain(m->values[j], domain) &&
					  knows_domain(old, domain);
	}
	*broken |= brings && !takes;
	return takes || brings;
}

bool
repair_is_first(const struct project_in *in, const struct record *old, const struct change *change)
{
	const char *domain = in->link->source->redirect_domain;
	bool brings = false;

	if (!domain || !active_has_mailbox(in->target, TARGET) || !old->synced_at ||
	    record_has_left(old) || knows_domain(old, domain))
		return false;
	for (size_t i = 0; i < change->n_mods; i++) {
		const struct mod *m = &change->mods[i];

		for (size_t j = 0; j < m->n_values; j++)
			brings |= m->op == MOD_ADD && str_equal_nocase(m->attr, "targetAddress") &&
				  address_in_domain(m->values[j], domain);
	}
	return brings;
}
