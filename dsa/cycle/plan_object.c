/* SPDX-License-Identifier: MIT */
/*
 * Pass 2: from decisions to steps.
 *
 * An object is planned after what it refers to, so that its references can be part of the request
 * that creates it; the recursion below follows references to objects that are to be created, and a
 * step waits for the steps it refers to. A circle of references is cut where it closes: the
 * reference that would close it becomes a step of a later phase.
 *
 * The order inside a step keeps mail safe. The source first gets its redirect address and the X500
 * of its counterpart, then the counterpart is created with a targetAddress that points there: at no
 * moment does an address point to what does not exist.
 */
#include "dsa/cycle/plan.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/planner_priv.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/diff.h"
#include "dsa/rules/names.h"
#include "dsa/rules/record_fill.h"
#include "redirect/address.h"

#define MAX_DEPTH 64
/* Values of one linked attribute in one request: AD takes some 5,000, a smaller number keeps other
 * writers from waiting. */
#define LINK_CHUNK 1000

static int plan_object(struct cycle *c, uint32_t index, const struct planning *parent,
    unsigned depth, struct err *err);

static int
note_problem(const char *attr, const char *why, void *arg)
{
	struct planning *p = arg;

	buf_printf(&p->problems, "%s%s: %s", p->problems.len ? "; " : "", attr, why);
	p->c->res->problems++;
	run_message(p->c->run, 4, &p->in.source->guid, p->in.source->dn,
	    "attribute '%s' cannot be written to the target: %s; it is left as it is there", attr,
	    why);
	return 0;
}

static bool
is_on_stack(const struct planning *p, uint32_t index)
{
	for (; p; p = p->parent)
		if (p->index == index)
			return true;
	return false;
}

/* What a reference to the source object numbered INDEX becomes. */
static int
resolve_decided(struct planning *p, const char *attr, uint32_t index, char **ret_dn)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (cycle_get_decision(p->c, index, &d, &found, p->err) < 0)
		return -1;
	if (!found || !decision_has_target(&d))
		return 0;
	if (d.state != DECIDE_MATCHED && d.step == DECISION_UNPLANNED && !is_on_stack(p, index)) {
		if (plan_object(p->c, index, p, p->depth + 1, p->err) < 0 ||
		    cycle_get_decision(p->c, index, &d, &found, p->err) < 0)
			return -1;
		/* Planning it may have ended in a conflict. */
		if (!found || !decision_has_target(&d))
			return 0;
	}
	*ret_dn = strdup(d.target_dn);
	if (!*ret_dn)
		return err_nomem(p->err);
	/* What is there can be named at once. But mail to a group misses a new recipient. */
	if (d.state == DECIDE_MATCHED &&
	    (d.step == DECISION_UNPLANNED || d.rule == MATCH_RECORD || strcmp(attr, "member") != 0))
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

static int
resolve_ref(const char *attr, const char *source_dn, void *arg, char **ret_dn, struct err *err)
{
	struct planning *p = arg;
	_cleanup_(free) char *norm = NULL;
	uint32_t index = WORLD_NONE;
	int rc = 0;

	if (world_find_dn(p->c->world, SOURCE, source_dn, &index, err) < 0)
		return -1;
	if (index != WORLD_NONE)
		rc = resolve_decided(p, attr, index, ret_dn);
	if (rc)
		return rc == 2 ? 0 : rc;
	rc = planner_recorded_target(p->c, source_dn, index, ret_dn, err);
	if (rc < 0 || rc == 1)
		return rc;
	norm = dn_normalize(dn_strip_extended(source_dn), err);
	if (!norm || plan_step_add_waiting(p->step, attr, norm, err) < 0) {
		free(TAKE(*ret_dn));
		return -1;
	}
	return rc == 2;
}

static bool
is_ours(const char *dn, void *arg)
{
	const struct planning *p = arg;

	return planner_is_ours(p->c, dn);
}

/* A dummy address that no toggle under way needs is a leftover, of a crash or of another tool. */
static int
drop_dummies(struct planning *p, const struct entry *e, struct change *change)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *domain = p->c->run->link->toggle_domain;

	if (p->c->opt->toggling && cycle_is_asked_for(p->c, &p->in.source->guid))
		return 0;
	for (size_t i = 0; a && domain && i < a->n_values; i++) {
		/* A primary address is nobody's leftover. */
		if (!address_in_domain(a->values[i], domain) || address_is_primary(a->values[i]))
			continue;
		run_message(p->c->run, 5, &p->in.source->guid, e->dn,
		    "%s is left over from a proxy toggle: it is removed",
		    (const char *)a->values[i].data);
		if (change_mod(change, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(p->err);
	}
	return 0;
}

/* What the source needs before its counterpart points to it. */
static int
plan_source(struct planning *p, const struct entry *target, bool *ret_blocked)
{
	_cleanup_(free) char *legacy = NULL, *redirect = NULL;
	_cleanup_(entry_free) struct entry *want = NULL;
	_cleanup_(change_free) struct change *change = NULL;
	const struct entry *source = p->in.source;
	bool promote = target && !p->in.target;
	const char *have = target && !promote ? entry_get_str(target, "legacyExchangeDN") : NULL;

	legacy = have ? strdup(have) : project_legacy_dn(p->c->run->link, source);
	change = change_new(CHANGE_MODIFY, source->dn, &source->guid);
	if (!legacy || !change)
		return err_nomem(p->err);
	if (project_source(&p->in, legacy, &want, p->err) < 0)
		return -1;
	/* Here they outlive a crash between the contact's end and the user's beginning. */
	if (promote && planner_inherit_x500(
			   want, target, entry_get_str(source, "legacyExchangeDN"), p->err) < 0)
		return -1;
	if (p->in.redirects &&
	    project_redirect_address(p->c->run->link, SOURCE, source, &redirect, p->err) < 0)
		return -1;
	if (planning_check_addresses(p, SOURCE, want, source, p->index, redirect, ret_blocked) < 0)
		return -1;
	if (*ret_blocked)
		return 0;
	if (diff_source(want, source, change, p->err) < 0)
		return -1;
	if (drop_dummies(p, source, change) < 0)
		return -1;
	return plan_step_add(p->step, SOURCE, TAKE(change), source, "source addresses", p->err);
}

/* Moves the values beyond the first LINK_CHUNK of every attribute of the add to LINKS. */
static int
split_big(struct planning *p, struct entry *e)
{
	for (size_t i = 0; i < e->n_attrs; i++) {
		_cleanup_(entry_free) struct entry *old = NULL;
		_cleanup_(free) char *name = NULL;
		const struct attr *a = &e->attrs[i];

		if (a->n_values <= LINK_CHUNK)
			continue;
		old = entry_dup(e);
		name = strdup(a->name);
		a = old && name ? entry_find(old, name) : NULL;
		if (!a)
			return err_nomem(p->err);
		entry_remove(e, name);
		for (size_t j = 0; j < a->n_values; j++)
			if (j < LINK_CHUNK ? entry_add(e, name, a->values[j]) < 0
					   : change_mod(p->links, MOD_ADD, name, a->values[j]) < 0)
				return err_nomem(p->err);
		i = (size_t)-1; /* attributes have moved: look again from the first */
	}
	return 0;
}

static int
plan_create(struct planning *p, const struct entry *want)
{
	_cleanup_(change_free) struct change *add = change_new(CHANGE_ADD, p->d->target_dn, NULL);

	if (!add)
		return err_nomem(p->err);
	if (planner_ensure_ou(p->c, dn_parent(p->d->target_dn), p->err) < 0 ||
	    planner_entry_of_want(want, p->d->target_dn, &add->entry, p->err) < 0 ||
	    split_big(p, add->entry) < 0)
		return -1;
	p->step->creates = true;
	return plan_step_add(p->step, TARGET, TAKE(add), NULL, "create", p->err);
}

/* The contact in the way makes room: it is deleted and the user takes its place and addresses. */
static int
plan_promote(struct planning *p, struct entry *want, const struct entry *contact)
{
	_cleanup_(change_free) struct change *del =
	    change_new(CHANGE_DELETE, contact->dn, &contact->guid);

	if (!del)
		return err_nomem(p->err);
	if (planner_inherit_x500(want, contact, NULL, p->err) < 0)
		return -1;
	return plan_step_add(p->step, TARGET, TAKE(del), contact, "promote", p->err);
}

/* Splits a modify whose linked attribute has more values than one request takes. */
static int
plan_modify(struct planning *p, struct change *change, const struct entry *target)
{
	_cleanup_(change_free) struct change *own = change;
	_cleanup_(change_free) struct change *first =
	    change_new(CHANGE_MODIFY, own->dn, &own->guid);

	if (!first)
		return err_nomem(p->err);
	for (size_t i = 0; i < own->n_mods; i++)
		for (size_t j = 0; j < own->mods[i].n_values; j++)
			if (change_mod(j < LINK_CHUNK ? first : p->links, own->mods[i].op,
				own->mods[i].attr, own->mods[i].values[j]) < 0)
				return err_nomem(p->err);
	return plan_step_add(p->step, TARGET, TAKE(first), target, "project", p->err);
}

static int
plan_rename(struct planning *p, const struct entry *target)
{
	_cleanup_(free) char *now = dn_rdn_value(target->dn, p->err), *escaped = NULL;
	_cleanup_(change_free) struct change *rename = NULL;
	struct names n = {0};
	int rc;

	if (!now)
		return -1;
	if (!p->d->created || names_acceptable(p->in.source, now))
		return 0;
	rc = planner_choose_rdn(p->c, p->index, p->in.source, dn_parent(target->dn), &n, p->err);
	rename = change_new(CHANGE_RENAME, target->dn, &target->guid);
	escaped = rc == 0 ? dn_escape_value(n.rdn_value) : NULL;
	names_done(&n);
	if (rc < 0)
		return -1;
	if (!rename || !escaped || !(rename->new_rdn = str_printf("CN=%s", escaped)))
		return err_nomem(p->err);
	p->c->res->renamed++;
	return plan_step_add(p->step, TARGET, TAKE(rename), target, "rename", p->err);
}

static int
plan_target(struct planning *p, const struct entry *target, struct record *record)
{
	unsigned when = !p->in.target ? WHEN_CREATE : p->d->created ? WHEN_CREATED : WHEN_MATCHED;
	_cleanup_(entry_free) struct entry *want = NULL;
	_cleanup_(change_free) struct change *change = NULL;
	_cleanup_(free) char *redirect = NULL;
	uint32_t self = p->d->target;
	bool blocked = false;

	if (project(p->c->table, &p->in, when, resolve_ref, note_problem, p, &want, p->err) < 0)
		return -1;
	/* Without it mail could not be redirected to the target after a switch. */
	if (project_has_redirect(&p->in) &&
	    project_redirect_address(p->c->run->link, TARGET, p->in.source, &redirect, p->err) < 0)
		return -1;
	if (planning_check_addresses(p, TARGET, want, target, self, redirect, &blocked) < 0)
		return -1;
	if (blocked)
		return 0;
	change = change_new(CHANGE_MODIFY, target ? target->dn : "", target ? &target->guid : NULL);
	if (!change)
		return err_nomem(p->err);
	if (!p->in.target) {
		if (target && plan_promote(p, want, target) < 0)
			return -1;
		if (plan_create(p, want) < 0)
			return -1;
	} else if (diff_target(p->c->table, &p->in, when, want, target, record, is_ours, p, change,
		       p->err) < 0 ||
		   planning_keep_mail(p, want, target, record, change) < 0) {
		return -1;
	}
	if (p->in.target && drop_dummies(p, target, change) < 0)
		return -1;
	if (diff_note_put(p->c->table, &p->in, when, want, change, record, p->err) < 0)
		return -1;
	if (p->in.target &&
	    (plan_modify(p, TAKE(change), target) < 0 || plan_rename(p, target) < 0))
		return -1;
	return 0;
}

/* The steps of a later phase: the references that could not be part of the object's own step. */
static int
put_links(struct planning *p, const struct entry *target)
{
	const struct change *l = p->links;

	for (size_t i = 0; i < l->n_mods; i++)
		for (size_t j = 0; j < l->mods[i].n_values; j += LINK_CHUNK) {
			_cleanup_(plan_step_free) struct plan_step *s =
			    plan_step_new(p->index, &p->step->guid);
			_cleanup_(change_free) struct change *c = change_new(
			    CHANGE_MODIFY, p->d->target_dn, p->in.target ? &target->guid : NULL);

			if (!s || !c)
				return err_nomem(p->err);
			s->phase = PLAN_LINKS;
			s->counts = p->step->counts;
			for (size_t k = j; k < l->mods[i].n_values && k < j + LINK_CHUNK; k++)
				if (change_mod(c, l->mods[i].op, l->mods[i].attr,
					l->mods[i].values[k]) < 0)
					return err_nomem(p->err);
			if (plan_step_add(s, TARGET, TAKE(c), NULL, "references", p->err) < 0 ||
			    planner_put_step(p->c, s, p->err) < 0)
				return -1;
			p->c->res->references++;
		}
	return 0;
}

static void
count_step(struct planning *p, bool stored)
{
	struct cycle_result *r = p->c->res;
	bool touched[SIDES] = {false, false};

	for (size_t i = 0; i < p->step->n_changes; i++)
		touched[p->step->changes[i].side] = true;
	r->waiting += p->step->n_waiting;
	if (p->d->state == DECIDE_PROMOTE)
		r->promoted++;
	if (p->step->creates)
		r->created[p->d->shape]++;
	else if (touched[TARGET])
		r->updated[TARGET]++;
	r->updated[SOURCE] += touched[SOURCE];
	if (p->d->state == DECIDE_MATCHED && p->d->rule != MATCH_RECORD)
		r->matched++;
	if (!p->step->n_changes && !p->links->n_mods && !stored)
		r->unchanged++;
}

/* Who redirects to whom: a source mailbox that is active has both redirect addresses. */
static void
fill_in(struct planning *p, const struct entry *source, const struct entry *target,
    const struct record *record, const struct project_names *names)
{
	const struct conf_link *link = p->c->run->link;
	bool mailbox = p->d->kind == KIND_USER && kind_has_mailbox(source);
	bool migrated = p->d->kind == KIND_USER && !mailbox && target && kind_has_mailbox(target);

	p->in = (struct project_in){.link = link,
	    .scope = &link->scopes[p->d->scope],
	    .source = source,
	    .target = p->d->state == DECIDE_MATCHED ? target : NULL,
	    .kind = p->d->kind,
	    .shape = p->d->shape,
	    .created = p->d->created,
	    .active = record && record->id ? record->active
		      : migrated	   ? TARGET
					   : SOURCE,
	    .redirects = mailbox && link->source->redirect_domain,
	    .names = names,
	    .record = record};
}

/* What will be true of both sides once the step is done. */
static int
fill_record(struct planning *p, struct record *record)
{
	const struct change *changes[PLAN_MAX_CHANGES];
	struct record_facts f = {.in = &p->in,
	    .link = p->c->run->link_id,
	    .rule = p->d->rule,
	    .evidence = p->d->evidence,
	    .target_dn = p->d->target_dn,
	    .changes = changes,
	    .problems = (const char *)p->problems.data,
	    .now = clock_realtime_s()};

	for (size_t i = 0; i < p->step->n_changes; i++)
		if (p->step->changes[i].side == TARGET)
			changes[f.n_changes++] = p->step->changes[i].change;
	return record_fill(&f, record, p->err);
}

static int
plan_decided(struct planning *p, const struct entry *source)
{
	_cleanup_(entry_free) struct entry *target = NULL;
	_cleanup_(record_free) struct record *record = NULL, *old = NULL;
	struct project_names names = {p->d->rdn_value, p->d->sam, p->d->upn};
	bool blocked = false, stored = false, left = false;

	if (p->d->target != WORLD_NONE &&
	    world_get(p->c->world, TARGET, p->d->target, &target, p->err) < 0)
		return -1;
	if (planner_get_record(p->c, source, &old, &record, p->err) < 0)
		return -1;
	fill_in(p, source, target, record, &names);
	if (record_forget_other(&p->in, record) < 0)
		return err_nomem(p->err);
	if (plan_source(p, target, &blocked) < 0)
		return -1;
	if (!blocked && planning_redirect(p, SOURCE) < 0)
		return -1;
	if (!blocked && plan_target(p, target, record) < 0)
		return -1;
	if (!blocked && planning_redirect(p, TARGET) < 0)
		return -1;
	if (p->d->state == DECIDE_CONFLICT)
		return 0;
	if (planning_limit_redirection(p, old, record, &left, p->err) < 0 || left)
		return left ? 0 : -1;
	if (fill_record(p, record) < 0)
		return -1;
	stored = !old || !record_equal(old, record);
	count_step(p, stored);
	if (stored || p->step->n_changes)
		p->step->record = TAKE(record);
	p->stored = p->step->n_changes || p->step->record || p->step->n_waiting;
	if (p->stored && planner_put_step(p->c, p->step, p->err) < 0)
		return -1;
	return put_links(p, target);
}

static int
plan_object(
    struct cycle *c, uint32_t index, const struct planning *parent, unsigned depth, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	struct planning p = {
	    .c = c, .index = index, .depth = depth, .parent = parent, .d = &d, .err = err};
	bool found;
	int rc;

	if (depth > MAX_DEPTH)
		return 0;
	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || !decision_has_target(&d) || d.step != DECISION_UNPLANNED)
		return 0;
	if (world_get(c->world, SOURCE, index, &source, err) < 0)
		return -1;
	p.step = plan_step_new(index, &source->guid);
	p.links = change_new(CHANGE_MODIFY, d.target_dn, NULL);
	rc = p.step && p.links ? plan_decided(&p, source) : err_nomem(err);
	if (rc < 0 && err->scope == ERR_ENTRY) {
		c->res->problems++;
		run_message(c->run, 4, &source->guid, source->dn,
		    "%s: skipped until that is corrected", err->text);
		d.state = DECIDE_NOTHING;
		rc = 0;
	}
	if (rc == 0) {
		d.step = p.stored ? p.step->number : DECISION_NO_STEP;
		rc = cycle_put_decision(c, index, &d, err);
	}
	plan_step_free(p.step);
	change_free(p.links);
	buf_done(&p.problems);
	return rc;
}

int
cycle_plan_object(struct cycle *c, uint32_t index, struct err *err)
{
	return plan_object(c, index, NULL, 0, err);
}

int
cycle_plan(struct cycle *c, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	/* People before groups, so that a group rarely has to wait for its members. */
	for (int groups = 0; groups <= 1; groups++)
		for (uint32_t i = 0; i < n; i++) {
			_cleanup_(decision_done) struct decision d = {0};
			bool found;

			if (cycle_get_decision(c, i, &d, &found, err) < 0)
				return -1;
			if (found && (d.kind == KIND_GROUP) == groups &&
			    plan_object(c, i, NULL, 0, err) < 0)
				return -1;
			if (i % 256 == 0)
				run_progress(c->run, RUN_PHASE_PLAN, groups ? n : i, n);
		}
	return 0;
}
