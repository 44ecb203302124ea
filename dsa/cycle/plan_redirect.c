/* SPDX-License-Identifier: MIT */
/* The redirection of a mailbox being planned: what puts it right, and what a limit is about. */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/limits.h"
#include "dsa/rules/repair.h"
#include "redirect/address.h"

/* What the template gives E (of the source) on SIDE for ALIAS, NULL: for its own; *RET NULL: none,
 * because what is no alias gives no address. */
static int
address_for(struct planning *p, enum side side, const struct entry *e, const char *alias,
    bool spare, char **ret)
{
	const char *own = entry_get_str(e, "mailNickname");
	bool other = alias && !(own && strcmp(own, alias) == 0);
	_cleanup_(entry_free) struct entry *copy = other ? entry_dup(e) : NULL;
	struct project_in in = p->in;
	struct err ignored;

	if (other && (!copy || entry_set_str(copy, "mailNickname", alias) < 0))
		return err_nomem(p->err);
	in.source = other ? copy : e;
	in.spare[side] = spare;
	if (project_redirect_address(&in, side, ret, &ignored) < 0)
		*ret = NULL;
	return 0;
}

/* HOLDER of SIDE has ADDRESS (without type). *RET: the source entry whose object it is if that lets
 * go of it, because it has it for an alias that it has no more; or WORLD_NONE. */
static int
passes_on(struct planning *p, enum side side, const struct entry *holder, const char *address,
    uint32_t *ret)
{
	_cleanup_(entry_free) struct entry *source = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(free) char *own = NULL, *former = NULL;
	struct run *run = p->c->run;
	uint32_t index;

	*ret = WORLD_NONE;
	if (world_find_guid(p->c->world, side, &holder->guid, &index, p->err) < 0)
		return -1;
	if (index != WORLD_NONE && side == TARGET && plan_owner_of(p->c, index, &index, p->err) < 0)
		return -1;
	if (index == WORLD_NONE || !run->map)
		return 0;
	if (world_get(p->c->world, SOURCE, index, &source, p->err) < 0 ||
	    store_find_guid(run->map, run->link_id, SOURCE, &source->guid, &r, p->err) < 0)
		return -1;
	if (!r || !r->alias)
		return 0;
	if (address_for(p, side, source, r->alias, false, &former) < 0 ||
	    address_for(p, side, source, NULL, false, &own) < 0)
		return -1;
	if (former && str_equal_nocase(former, address) && !(own && str_equal_nocase(own, address)))
		*ret = index;
	return 0;
}

/* The redirect address of SIDE by the template, or with SPARE the other one, as a value. */
static int
redirect_value(struct planning *p, enum side side, bool spare, char **ret)
{
	_cleanup_(free) char *address = NULL;
	struct project_in in = p->in;

	in.spare[side] = spare;
	*ret = NULL;
	if (project_redirect_address(&in, side, &address, p->err) < 0)
		return -1;
	if (address && !(*ret = str_printf("smtp:%s", address)))
		return err_nomem(p->err);
	return 0;
}

/* VALUE is HOLDER's. If that lets go of it in this cycle, P's object gets it behind that. */
static int
take_another(struct planning *p, enum side side, const struct entry *holder, struct bytes value)
{
	const char *address = address_value(value).data;
	uint32_t owner;
	int later = 0;

	if (passes_on(p, side, holder, address, &owner) < 0)
		return -1;
	if (owner != WORLD_NONE)
		later = plan_later(p, "a redirect address", owner);
	if (!later)
		plan_note(p, LOG_WARNING, p->in.source->dn,
		    "the redirect address %s is held by '%s': it gets another one", address,
		    holder->dn);
	return later < 0 ? -1 : 0;
}

/* Does another object of SIDE have the redirect address that is E's (number SELF) by the template?
 * What E has already is its own, and once it has got another one it keeps that, for nobody tells a
 * delta when the first one is free. */
static int
is_taken(struct planning *p, enum side side, const struct entry *e, uint32_t self, bool *ret)
{
	_cleanup_(free) char *value = NULL, *spare = NULL;
	_cleanup_(entry_free) struct entry *holder = NULL;
	const struct attr *a = e ? entry_find(e, "proxyAddresses") : NULL;

	if (redirect_value(p, side, false, &value) < 0 || redirect_value(p, side, true, &spare) < 0)
		return -1;
	if (!value || (a && attr_has(a, bytes_of(value), true)))
		return 0;
	*ret = a && attr_has(a, bytes_of(spare), true) && !plan_round(p->c->plan);
	if (*ret)
		return 0;
	if (world_find_holder(p->c->world, side, bytes_of(value), self, p->index, &holder, p->err) <
	    0)
		return -1;
	*ret = holder != NULL;
	return holder ? take_another(p, side, holder, bytes_of(value)) : 0;
}

int
plan_choose_redirect(struct planning *p, const struct entry *target)
{
	bool spare[SIDES] = {false, false};

	if (!p->in.redirects)
		return 0;
	if (is_taken(p, SOURCE, p->in.source, p->index, &spare[SOURCE]) < 0)
		return -1;
	if (project_has_redirect(&p->in) &&
	    is_taken(p, TARGET, p->in.target ? target : NULL, p->d->target, &spare[TARGET]) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++)
		p->in.spare[side] = spare[side];
	return 0;
}

/* Where the counterpart leads when the step is made, or NULL. */
static struct bytes
leads_then(const struct planning *p)
{
	struct bytes to =
	    p->in.target ? entry_get(p->in.target, "targetAddress") : (struct bytes){NULL, 0};

	for (size_t i = 0; i < p->step->n_changes; i++) {
		const struct change *c = p->step->changes[i].change;

		for (size_t j = 0; p->step->changes[i].side == TARGET && j < c->n_mods; j++)
			if (str_equal_nocase(c->mods[j].attr, "targetAddress"))
				to = c->mods[j].op == MOD_ADD ? c->mods[j].values[0]
							      : (struct bytes){NULL, 0};
	}
	return to;
}

/* Adds to CHANGE that the source's ADDRESS (without type) goes, if it has that beside WANTED and
 * its counterpart does not lead there. */
static int
retire(struct planning *p, const char *address, const char *wanted, struct bytes to,
    struct change *change)
{
	const struct attr *a = entry_find(p->in.source, "proxyAddresses");

	for (size_t i = 0; address && a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (address_is_smtp(v) && !address_is_primary(v) &&
		    bytes_equal_nocase(address_value(v), bytes_of(address)) &&
		    !str_equal_nocase(address, wanted) && !(to.data && bytes_equal_nocase(to, v)) &&
		    change_mod(change, MOD_DELETE, "proxyAddresses", v) < 0)
			return err_nomem(p->err);
	}
	return 0;
}

/* Several links give one source object addresses, each by its own template. */
static bool
shares_source(const struct conf_link *link)
{
	size_t n = 0;

	for (size_t i = 0; link->whole && i < link->whole->n_links; i++)
		n += conf_same_forest(link->whole->links[i].source, link->source);
	return n > 1;
}

int
plan_retire_redirect(struct planning *p, const struct record *old)
{
	_cleanup_(change_free) struct change *change = NULL;
	_cleanup_(free) char *wanted = NULL;
	struct bytes to = leads_then(p);

	if (!old || !old->alias || !p->in.redirects || shares_source(p->in.link))
		return 0;
	change = change_new(CHANGE_MODIFY, p->in.source->dn, &p->in.source->guid);
	if (!change)
		return err_nomem(p->err);
	if (project_redirect_address(&p->in, SOURCE, &wanted, p->err) < 0)
		return -1;
	for (int spare = 0; wanted && spare < 2; spare++) {
		_cleanup_(free) char *former = NULL, *own = NULL;

		if (address_for(p, SOURCE, p->in.source, old->alias, spare, &former) < 0 ||
		    address_for(p, SOURCE, p->in.source, NULL, true, &own) < 0 ||
		    retire(p, former, wanted, to, change) < 0)
			return -1;
		if (spare && !(former && own && str_equal_nocase(former, own)) &&
		    retire(p, own, wanted, to, change) < 0)
			return -1;
	}
	return plan_step_add(p->step, SOURCE, TAKE(change), p->in.source, PLAN_RETIRE, p->err);
}

int
plan_redirect(struct planning *p, enum side active)
{
	_cleanup_(repair_done) struct repair r = {.n = 0};

	if (p->in.active != active)
		return 0;
	if (repair_plan(&p->in, clock_realtime_s(), &r, p->err) < 0)
		return -1;
	p->turned |= r.n > 0;
	for (int side = SOURCE; side < SIDES; side++)
		p->broken[side] |= r.broken[side];
	for (size_t i = 0; i < r.n; i++)
		if (plan_step_add(p->step, r.fix[i].side, TAKE(r.fix[i].change),
			r.fix[i].side == SOURCE ? p->in.source : p->in.target, "redirection",
			p->err) < 0)
			return -1;
	return 0;
}

/* Does the step change a redirection that was in place (OLD is the stored record, RECORD the one to
 * be)? */
static bool
changes_redirection(struct planning *p, const struct record *old, const struct record *record)
{
	bool yes = p->turned || p->in.verdict.moved;

	if (!repair_was_in_place(&p->in, old, record))
		return false;
	for (size_t i = 0; i < p->step->n_changes; i++)
		if (p->step->changes[i].side == TARGET &&
		    p->step->changes[i].change->op == CHANGE_MODIFY)
			yes |= repair_is_about(
			    &p->in, old, p->step->changes[i].change, &p->broken[TARGET]);
	return yes;
}

/* To each other, or one of both to itself. */
static bool
redirects_in_circles(const struct active_side *a)
{
	return a->is_loop || a->facts.leads[SOURCE] == LEADS_HOME ||
	       a->facts.leads[TARGET] == LEADS_HOME;
}

/* The owner uses the other mailbox now. */
static void
report_moved(const struct planning *p)
{
	const struct run_event e = {.kind = RUN_MOVED,
	    .level = LOG_NOTICE,
	    .source = &p->in.source->guid,
	    .dn = p->in.source->dn};

	run_event(p->c->run, &e,
	    "its mailbox was turned, but not by galsync: the %s mailbox is the active one now",
	    side_name(p->in.active));
}

/* What galsync does nothing about, because it is an administrator's decision. */
static void
note_left_alone(struct planning *p)
{
	const struct active_side *a = &p->in.verdict;

	for (int s = SOURCE; s < SIDES; s++) {
		const struct entry *e = s == SOURCE ? p->in.source : p->in.target;

		if (p->in.redirects && a->facts.leads[s] == LEADS_AWAY)
			plan_note(p, LOG_WARNING, e->dn,
			    "the %s object redirects to %s, a third place: its redirection is left "
			    "alone",
			    side_name((enum side)s), entry_get_str(e, "targetAddress"));
	}
	if (a->lost)
		plan_note(p, LOG_WARNING, p->in.source->dn,
		    "the source object has lost its mailbox before it was switched: its "
		    "counterpart still redirects to it");
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

/* Would the step redirect for the first time a mailbox that was there before? The match was
 * approved when it had none, or when the link redirected nothing. */
static bool
redirects_first(struct planning *p, const struct record *old)
{
	bool yes = false;

	if (!old || !p->in.target || p->d->created || p->d->rule != MATCH_RECORD)
		return false;
	for (size_t i = 0; i < p->step->n_changes; i++)
		if (p->step->changes[i].side == TARGET &&
		    p->step->changes[i].change->op == CHANGE_MODIFY)
			yes |= repair_is_first(&p->in, old, p->step->changes[i].change);
	return yes;
}

/* Does the step write a redirection, whatever was in place? */
static bool
writes_redirection(const struct planning *p)
{
	bool yes = p->turned || p->in.verdict.moved;

	for (size_t i = 0; i < p->step->n_changes; i++) {
		const struct change *c = p->step->changes[i].change;

		for (size_t j = 0; c->op == CHANGE_MODIFY && j < c->n_mods; j++)
			yes |= str_equal_nocase(c->mods[j].attr, "targetAddress");
	}
	return yes;
}

/* An operator said that this redirection stays as it is. A map that was made anew from the
 * directories does not know what was in place before, but what was rejected. */
static int
is_rejected(struct planning *p, bool *ret, struct err *err)
{
	*ret = false;
	if (!writes_redirection(p) || redirects_in_circles(&p->in.verdict))
		return 0;
	return limits_find_rejected(p->c, HELD_REDIRECTIONS, &p->in.source->guid, ret, err);
}

/* The limit that is about the step, and what an operator said. */
static int
find_limit(struct planning *p, const struct record *old, const struct record *record,
    enum held_kind *ret, enum held_verdict *said, struct err *err)
{
	const struct guid *source = &p->in.source->guid;
	bool rejected;

	*said = HELD_APPROVED;
	*ret = HELD_NOTHING;
	if (is_rejected(p, &rejected, err) < 0)
		return -1;
	if (rejected) {
		*said = HELD_REJECTED;
		return 0;
	}
	if (changes_redirection(p, old, record) && !redirects_in_circles(&p->in.verdict)) {
		*ret = HELD_REDIRECTIONS;
		return limits_find_verdict(p->c, HELD_REDIRECTIONS, source, NULL, said, err);
	}
	if (redirects_first(p, old)) {
		*ret = HELD_MATCHES;
		return limits_find_verdict(
		    p->c, HELD_MATCHES, source, &p->in.target->guid, said, err);
	}
	/* A match that was counted when it was decided, and is within the limit. */
	if (p->d->waits) {
		*ret = HELD_MATCHES;
		*said = HELD_WAITS;
	}
	return 0;
}

int
plan_limit_redirection(struct planning *p, const struct record *old, struct record *record,
    bool *ret_left, struct err *err)
{
	enum held_verdict said;
	enum held_kind kind;

	if (find_limit(p, old, record, &kind, &said, err) < 0)
		return -1;
	*ret_left = said == HELD_REJECTED;
	if (!*ret_left && !redirects_in_circles(&p->in.verdict) &&
	    plan_limit_values(p, old, record, ret_left) < 0)
		return -1;
	note_left_alone(p);
	if (p->in.verdict.moved && !*ret_left)
		report_moved(p);
	p->step->moved = p->in.verdict.moved;
	for (int side = SOURCE; side < SIDES; side++)
		if (p->broken[side])
			report_broken(p, (enum side)side, *ret_left);
	if (said == HELD_WAITS)
		p->step->counts |= HELD_BIT(kind);
	return 0;
}
