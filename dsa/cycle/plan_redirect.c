/* SPDX-License-Identifier: MIT */
/* The redirection of a mailbox being planned: what puts it right, and what a limit is about. */
#include "dsa/cycle/planner_priv.h"

#include <string.h>
#include <syslog.h>
#include <time.h>

#include "dsa/base/str.h"
#include "redirect/address.h"
#include "redirect/turn.h"

/* The target as it is before the source is led to it: the step gave it its redirect address, beside
 * an older one that the source still redirects to. *RET NULL if it has none. */
static int
with_redirect_address(struct planning *p, const struct entry *target, struct entry **ret)
{
	const char *domain = p->c->run->link->target->redirect_domain;
	const struct attr *a = entry_find(target, "proxyAddresses");
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(free) char *address = NULL, *value = NULL;

	if (!domain || !project_has_redirect(&p->in))
		return 0;
	if (project_redirect_address(p->c->run->link, TARGET, p->in.source, &address, p->err) < 0)
		return -1;
	e = entry_dup(target);
	value = str_printf("smtp:%s", address);
	if (!e || !value)
		return err_nomem(p->err);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_in_domain(a->values[i], domain) &&
		    planner_remove_value(e, "proxyAddresses", a->values[i], p->err) < 0)
			return -1;
	if (entry_add_str(e, "proxyAddresses", value) < 0)
		return err_nomem(p->err);
	*ret = TAKE(e);
	return 0;
}

/* The changes from the turn's rules that lead mail to the ACTIVE side, in their order: those of the
 * source alone if that is the active one, for what the target needs is projected. */
static int
add_turn(
    struct planning *p, const struct turn_facts *f, const struct entry *target, enum side active)
{
	const struct conf_link *link = p->c->run->link;
	enum turn turn = active == TARGET ? TURN_SWITCH : TURN_UNDO;
	struct turn_conf conf = {
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .marker_attribute = link->marker_attribute};
	struct change *changes[TURN_CHANGES] = {NULL, NULL};
	const char *to = entry_get_str(f->side[SOURCE], "targetAddress");
	bool leads = active == TARGET && turn_leads_to(to, target, NULL);

	if (turn_changes(&conf, turn, f, time(NULL), changes, p->err) < 0)
		return -1;
	for (size_t i = 0; i < TURN_CHANGES; i++) {
		enum side side = turn_side(turn, i);
		bool wanted = changes[i] && (active == TARGET || side == SOURCE);

		if (!wanted) {
			change_free(changes[i]);
			continue;
		}
		p->turned = true;
		p->broken[side] = side == TARGET || !leads;
		if (plan_step_add(p->step, side, changes[i],
			side == SOURCE ? f->side[SOURCE] : target, "redirection", p->err) < 0)
			return -1;
	}
	return 0;
}

int
planning_redirect(struct planning *p, const struct entry *source, const struct entry *target,
    const struct record *record, enum side active)
{
	_cleanup_(entry_free) struct entry *after = NULL;
	struct turn_facts f = {.record = record, .side = {source, target}};
	const char *to = entry_get_str(source, "targetAddress");

	if (!p->in.redirects || !p->in.target || p->in.active != active || !record->id)
		return 0;
	if (active == SOURCE)
		return turn_leads_to(to, target, p->c->run->link->target->redirect_domain)
			   ? add_turn(p, &f, target, active)
			   : 0;
	if (!kind_has_mailbox(target) || with_redirect_address(p, target, &after) < 0)
		return kind_has_mailbox(target) ? -1 : 0;
	f.side[TARGET] = after;
	return after ? add_turn(p, &f, target, active) : 0;
}

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
is_redirection(const struct planning *p, const struct record *old, struct bytes v)
{
	return turn_leads_to(v.data, p->in.redirects ? p->in.source : NULL,
		   p->c->run->link->source->redirect_domain) &&
	       (record_was_put(old, record_put_hash("targetAddress", v)) ||
		   record_has_address(old, address_value(v).data));
}

/* Does CHANGE of the counterpart take a redirection away, or bring one where there was one when OLD
 * was recorded? If that is not there any more, somebody took it. */
static bool
changes_target_address(struct planning *p, const struct change *change, const struct record *old)
{
	const char *domain = p->c->run->link->source->redirect_domain;
	bool takes = false, brings = false;

	for (size_t i = 0; i < change->n_mods; i++) {
		const struct mod *m = &change->mods[i];

		if (strcasecmp(m->attr, "targetAddress") != 0)
			continue;
		for (size_t j = 0; j < m->n_values; j++)
			if (m->op == MOD_DELETE)
				takes |= is_redirection(p, old, m->values[j]);
			else
				brings |= address_in_domain(m->values[j], domain) &&
					  knows_domain(old, domain);
	}
	p->broken[TARGET] |= brings && !takes;
	return takes || brings;
}

/* Does the step change a redirection that was in place (OLD is the stored record, RECORD the one to
 * be)? A first one is no change, and neither is that of another counterpart than before. */
static bool
changes_redirection(struct planning *p, const struct record *old, const struct record *record)
{
	bool yes = p->turned;

	if (!p->c->run->link->source->redirect_domain || !p->in.target || !old ||
	    old->state == RECORD_LEFT || !record->synced_at)
		return false;
	for (size_t i = 0; i < p->step->n_changes; i++)
		if (p->step->changes[i].side == TARGET &&
		    p->step->changes[i].change->op == CHANGE_MODIFY)
			yes |= changes_target_address(p, p->step->changes[i].change, old);
	return yes;
}

static bool
loops(const struct planning *p, const struct entry *target)
{
	const struct conf_link *link = p->c->run->link;

	return target &&
	       turn_leads_to(entry_get_str(p->in.source, "targetAddress"), target,
		   link->target->redirect_domain) &&
	       turn_leads_to(entry_get_str(target, "targetAddress"), p->in.source,
		   link->source->redirect_domain);
}

/* The redirection of SIDE's object is not as it must be. */
static void
report_broken(const struct planning *p, enum side side, bool left)
{
	const struct run_event e = {.kind = RUN_BROKEN,
	    /* An operator who wants it so need not hear of it in every cycle. */
	    .level = left ? LOG_DEBUG : LOG_WARNING,
	    .source = &p->in.source->guid,
	    .dn = p->in.source->dn};

	run_event(p->c->run, &e, "the redirection of the %s object was changed by others: %s",
	    side_name(side),
	    left ? "an operator rejected that it is put right"
		 : "it is put right, as far as the limits allow");
}

int
planning_limit_redirection(struct planning *p, const struct record *old,
    const struct record *record, bool *ret_left, struct err *err)
{
	enum held_verdict said = HELD_APPROVED;

	if (changes_redirection(p, old, record) && !loops(p, p->in.target) &&
	    cycle_judge(p->c, HELD_REDIRECTIONS, &p->in.source->guid, &said, err) < 0)
		return -1;
	*ret_left = said == HELD_REJECTED;
	for (int side = SOURCE; side < SIDES; side++)
		if (p->broken[side])
			report_broken(p, (enum side)side, *ret_left);
	if (said == HELD_WAITS)
		p->step->counts = HELD_REDIRECTIONS;
	return 0;
}
