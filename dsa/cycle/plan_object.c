/* SPDX-License-Identifier: MIT */
/*
 * The planning pass: from decisions to steps.
 *
 * An object is planned after what it refers to, so that its references can be part of the request
 * that creates it; the recursion below follows references to objects that are to be created, and a
 * step waits for the steps it refers to. A circle of references is cut where it closes: the
 * reference that would close it becomes a step of a later phase.
 *
 * Nothing is read over the network meanwhile. A delta does not know everything that a plan may ask
 * for: such an object is left unplanned, what it asked for is fetched for all of them at once, and
 * they are planned again. Each fetch makes at least one key known, so this ends.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/planning.h"
#include "dsa/cycle/records.h"
#include "dsa/rules/record_fill.h"
#include "dsa/run/sides.h"

#define MAX_DEPTH 64

bool
plan_is_incomplete(const struct planning *p)
{
	return world_unknown(p->c->world) != p->unknown;
}

int
plan_put_step(struct cycle *c, struct plan_step *s, struct err *err)
{
	c->res->changes += s->n_changes;
	return plan_put(c->plan, s, err);
}

/* ---- what is said ---- */

void
plan_note(struct planning *p, int level, const char *dn, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_add_u8(&p->notes, (uint8_t)level);
	buf_add(&p->notes, dn, strlen(dn) + 1);
	buf_add(&p->notes, text, strlen(text) + 1);
}

static void
say_notes(const struct planning *p)
{
	const char *at = (const char *)p->notes.data, *end = at + p->notes.len;

	while (!p->notes.failed && !p->d->again && at < end) {
		int level = (uint8_t)*at;
		const char *dn = at + 1, *text = dn + strlen(dn) + 1;

		run_message(p->c->run, level, &p->in.source->guid, dn, "%s", text);
		at = text + strlen(text) + 1;
	}
}

static size_t
back_mods(const struct planning *p)
{
	return p->back ? p->back->n_mods : 0;
}

/* STORED: the map learns something new of it. */
static void
note_outcome(struct planning *p, bool stored)
{
	size_t n = p->step->n_changes + p->links->n_mods + p->apart->n_mods + back_mods(p);

	if (!p->c->run->observer->decisions)
		return;
	if (n)
		(void)snprintf(p->outcome, sizeof p->outcome,
		    "planned: changes %zu, references %zu, attributes by themselves %zu, "
		    "what flows back %zu; references that wait for a counterpart %zu",
		    p->step->n_changes, p->links->n_mods, p->apart->n_mods, back_mods(p),
		    p->step->n_waiting);
	else
		(void)snprintf(p->outcome, sizeof p->outcome,
		    "nothing is written: both sides are as they should be%s; references that wait "
		    "for a counterpart %zu",
		    stored ? ", but the map learns what is new" : "", p->step->n_waiting);
}

static void
note_untouched(struct planning *p, const char *why)
{
	(void)snprintf(p->outcome, sizeof p->outcome, "nothing is written: %s", why);
}

/* ---- one object ---- */

/* What no limit takes back (limits_uncount_if_held()). */
static void
count_once(struct planning *p)
{
	struct cycle_result *r = p->c->res;

	for (size_t i = 0; i < p->step->n_changes; i++)
		r->renamed += p->step->changes[i].change->op == CHANGE_RENAME &&
			      strcmp(p->step->changes[i].reason, PLAN_PROMOTE) != 0;
	r->waiting += p->step->n_waiting;
	r->promoted += p->d->state == DECIDE_PROMOTE;
	if (p->step->creates)
		r->created[p->d->shape]++;
	if (p->d->state == DECIDE_MATCHED && p->d->rule != MATCH_RECORD) {
		r->matched++;
		run_message(p->c->run, LOG_NOTICE, &p->in.source->guid, p->in.source->dn,
		    "matched for the first time, with '%s': %s", p->d->target_dn, p->d->evidence);
	}
}

static void
count_step(struct planning *p, bool stored)
{
	struct cycle_result *r = p->c->res;
	bool touched[SIDES] = {[SOURCE] = back_mods(p) > 0};

	for (size_t i = 0; i < p->step->n_changes; i++)
		touched[p->step->changes[i].side] = true;
	r->updated[TARGET] += touched[TARGET] && !p->step->creates;
	r->updated[SOURCE] += touched[SOURCE];
	if (!p->d->again)
		count_once(p);
	if (!p->step->n_changes && !p->links->n_mods && !p->apart->n_mods && !back_mods(p) &&
	    !stored)
		r->unchanged++;
}

/* A pair of which the active side has a mailbox has both redirect addresses. */
static void
fill_in(struct planning *p, const struct entry *source, const struct entry *target,
    const struct record *record, const struct project_names *names)
{
	const struct conf_link *link = p->c->run->link;
	const struct entry *matched = p->d->state == DECIDE_MATCHED ? target : NULL;
	const struct entry *const objects[SIDES] = {source, matched};
	struct active_side a = cycle_active_side(p->c, source, matched, record);
	bool round = false;

	p->in = (struct project_in){.link = link,
	    .scope = &link->scopes[p->d->scope],
	    .source = source,
	    .target = matched,
	    .kind = p->d->kind,
	    .shape = p->d->shape,
	    .created = p->d->created,
	    .active = a.side,
	    .lead = project_lead(&link->scopes[p->d->scope], &a),
	    .verdict = a,
	    .redirects = !link->forth && a.facts.mailbox[a.side] && link->source->redirect_domain,
	    .names = names,
	    .record = record};
	for (int side = SOURCE; side < SIDES; side++)
		round |= active_goes_round(&a, objects, (enum side)side);
	p->d->straight = !round;
}

/* The stored record of SOURCE in *RET_OLD (NULL: none), and a copy of it, or a fresh one, to be
 * filled in *RET. */
static int
get_record(struct cycle *c, const struct entry *source, struct record **ret_old,
    struct record **ret, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;

	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, &source->guid, &old, err) < 0)
		return -1;
	if (old) {
		if (record_dup(old, ret, err) < 0)
			return -1;
	} else if (!(*ret = record_new())) {
		return err_nomem(err);
	}
	*ret_old = TAKE(old);
	return 0;
}

/* What galsync wrote on a counterpart that is taken over from an object that is gone. */
static int
inherit_written(struct planning *p, const struct entry *target, struct record *record)
{
	_cleanup_(record_free) struct record *former = NULL;
	struct run *run = p->c->run;

	if (!run->map || !target || p->d->state != DECIDE_MATCHED || p->d->rule == MATCH_RECORD)
		return 0;
	if (store_find_guid(run->map, run->link_id, TARGET, &target->guid, &former, p->err) < 0)
		return -1;
	if (former && record_add_written(
			  record, TARGET, former->written[TARGET].v, former->written[TARGET].n) < 0)
		return err_nomem(p->err);
	return 0;
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
		if (p->step->changes[i].side == SOURCE &&
		    strcmp(p->step->changes[i].reason, PLAN_RETIRE) == 0)
			f.retires = p->step->changes[i].change;
		else if (p->step->changes[i].side == TARGET &&
			 strcmp(p->step->changes[i].reason, PLAN_RELEASE) != 0 &&
			 strcmp(p->step->changes[i].reason, PLAN_PROMOTE) != 0)
			changes[f.n_changes++] = p->step->changes[i].change;
	return record_fill(&f, record, p->err);
}

/* Nothing is written to what was purged; its record says why. OLD is the stored one, or NULL, and
 * RECORD its copy. */
static int
plan_purged(struct planning *p, const struct record *old, struct record **record)
{
	const char *marker = p->in.link->marker_attribute;
	_cleanup_(free) char *text = str_printf(
	    "its mailbox in use, that of the target, is gone: no empty one is made in its place; "
	    "connect or restore it (Connect-Mailbox), or clear targetAddress%s%s of the source "
	    "object, and the source's mailbox is the one in use again",
	    marker ? " and " : "", marker ? marker : "");
	bool again;

	if (!text)
		return err_nomem(p->err);
	again = old && old->state == RECORD_ERROR && strcmp(old->last_error, text) == 0;
	plan_note(p, again ? LOG_DEBUG : LOG_ERR, p->in.source->dn, "%s", text);
	p->n_problems++;
	if (!old || again)
		return 0;
	(*record)->state = RECORD_ERROR;
	if (record_set_str(&(*record)->last_error, text) < 0)
		return err_nomem(p->err);
	p->step->record = TAKE(*record);
	p->stored = true;
	return plan_is_incomplete(p) ? 0 : plan_put_step(p->c, p->step, p->err);
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
	if (get_record(p->c, source, &old, &record, p->err) < 0)
		return -1;
	if (inherit_written(p, target, record) < 0)
		return -1;
	fill_in(p, source, target, record, &names);
	/* An operator ended its coexistence: nothing is done to it any more. */
	if (old && old->ended) {
		p->c->res->unchanged++;
		note_untouched(p, "its coexistence was ended");
		return 0;
	}
	if (p->in.target && active_is_purged(&p->in.verdict))
		return plan_purged(p, old, &record);
	if (record_forget_other(&p->in, record) < 0)
		return err_nomem(p->err);
	if (plan_forget_names(p, record) < 0)
		return -1;
	if (plan_find_heirs(p) < 0 || plan_choose_redirect(p, target) < 0 ||
	    plan_source(p, target, &blocked) < 0)
		return -1;
	if (!blocked && plan_redirect(p, SOURCE) < 0)
		return -1;
	if (!blocked && plan_target(p, target, record) < 0)
		return -1;
	if (!blocked && (plan_redirect(p, TARGET) < 0 || plan_retire_redirect(p, old) < 0))
		return -1;
	if (!blocked && p->in.target && (plan_rename(p, target) < 0 || plan_back(p, record) < 0))
		return -1;
	if (plan_is_incomplete(p) || p->d->state == DECIDE_CONFLICT)
		return 0;
	if (plan_limit_redirection(p, old, record, &left, p->err) < 0)
		return -1;
	if (left) {
		note_untouched(p, "an operator rejected it");
		return 0;
	}
	if (fill_record(p, record) < 0)
		return -1;
	stored = !old || !record_equal(old, record);
	count_step(p, stored);
	note_outcome(p, stored);
	if (stored || p->step->n_changes)
		p->step->record = TAKE(record);
	p->stored = p->step->n_changes || p->step->record || p->step->n_waiting;
	if (p->stored && plan_put_step(p->c, p->step, p->err) < 0)
		return -1;
	return plan_put_links(p, target);
}

static int plan_object(struct cycle *c, uint32_t index, const struct planning *parent,
    unsigned depth, struct err *err);

/* An error of the object's is its own: it is skipped. */
static int
skip(struct planning *p, const struct entry *source)
{
	if (p->err->scope != ERR_ENTRY)
		return -1;
	p->c->res->problems++;
	run_message(p->c->run, LOG_WARNING, &source->guid, source->dn,
	    "%s: skipped until that is corrected", p->err->text);
	p->d->state = DECIDE_NOTHING;
	return 0;
}

/* What the plan of SOURCE says takes effect, unless something is missing. RC is how it ended. */
static int
conclude(struct planning *p, const struct entry *source, int rc)
{
	if (rc < 0 && p->err->scope != ERR_ENTRY)
		return -1;
	if (plan_is_incomplete(p))
		return 0;
	if (p->notes.failed)
		return err_nomem(p->err);
	say_notes(p);
	if (rc == 0 && *p->outcome)
		run_decided(p->c->run, &source->guid, source->dn, "%s", p->outcome);
	if (!p->d->again)
		p->c->res->problems += p->n_problems;
	if (rc < 0 && skip(p, source) < 0)
		return -1;
	p->d->step = p->stored ? p->step->number : DECISION_NO_STEP;
	if (p->waits && (!p->d->waited || p->waits < p->d->waited))
		p->d->waited = p->waits;
	return cycle_put_decision(p->c, p->index, p->d, p->err);
}

/* What the entry of a source group alone does not say. */
static int
complete_group(struct planning *p, struct entry *source)
{
	return plan_add_primary_members(p, SOURCE, source) < 0 ? -1 : plan_fit_group(p, source);
}

static int
plan_object(
    struct cycle *c, uint32_t index, const struct planning *parent, unsigned depth, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	struct planning p = {.c = c,
	    .index = index,
	    .depth = depth,
	    .parent = parent,
	    .d = &d,
	    .unknown = world_unknown(c->world),
	    .err = err};
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
	p.in.source = source;
	p.step = plan_step_new(index, &source->guid);
	p.links = change_new(CHANGE_MODIFY, d.target_dn, NULL);
	p.apart = change_new(CHANGE_MODIFY, d.target_dn, NULL);
	rc = p.step && p.links && p.apart ? 0 : err_nomem(err);
	if (rc == 0 && d.shape == SHAPE_GROUP)
		rc = complete_group(&p, source);
	if (rc == 0)
		rc = plan_decided(&p, source);
	rc = conclude(&p, source, rc);
	plan_step_free(p.step);
	change_free(p.links);
	change_free(p.apart);
	change_free(p.names);
	change_free(p.back);
	free(p.lent);
	buf_done(&p.problems);
	buf_done(&p.notes);
	return rc;
}

int
plan_referred(const struct planning *p, uint32_t index)
{
	return plan_object(p->c, index, p, p->depth + 1, p->err);
}

int
plan_one_object(struct cycle *c, uint32_t index, struct err *err)
{
	return plan_object(c, index, NULL, 0, err);
}

/* ---- all of them ---- */

/* People before groups, so that a group rarely has to wait for its members. */
static int
plan_all(struct cycle *c, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);
	_cleanup_(free) uint32_t *order = NULL;

	if (world_order(c->world, SOURCE, 0, &order, err) < 0)
		return -1;
	for (int groups = 0; groups <= 1; groups++)
		for (uint32_t i = 0; i < n; i++) {
			_cleanup_(decision_done) struct decision d = {0};
			bool found;

			if (cycle_get_decision(c, order[i], &d, &found, err) < 0)
				return -1;
			if (found && (d.kind == KIND_GROUP) == groups &&
			    plan_object(c, order[i], NULL, 0, err) < 0)
				return -1;
			if (i % 256 == 0)
				run_progress(c->run, RUN_PHASE_PLAN, groups ? n : i, n);
		}
	return 0;
}

/* Each side has its directory and its working set for itself. */
static int
fetch_side(enum side side, void *arg, struct err *err)
{
	return world_fetch(arg, side, err);
}

int
plan_known(struct cycle *c, int (*some)(struct cycle *c, void *arg, struct err *err), void *arg,
    struct err *err)
{
	for (;;) {
		size_t unknown = world_unknown(c->world);
		int rc;

		world_let_read(c->world, false);
		rc = some(c, arg, err);
		world_let_read(c->world, true);
		if (rc < 0)
			return -1;
		if (world_unknown(c->world) == unknown)
			return 0;
		run_progress(c->run, RUN_PHASE_READ, 0, 0);
		if (sides_run(fetch_side, c->world, err) < 0)
			return -1;
		run_progress(c->run, RUN_PHASE_PLAN, 0, 0);
	}
}

static int
plan_everything(struct cycle *c, void *arg, struct err *err)
{
	(void)arg;
	return plan_all(c, err);
}

/* Source entry *RET of GUID SOURCE (WORLD_NONE: there is none) is not planned yet. */
static int
forget_plan(struct cycle *c, const struct guid *source, uint32_t *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (world_find_guid(c->world, SOURCE, source, ret, err) < 0)
		return -1;
	if (*ret == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, *ret, &d, &found, err) < 0)
		return -1;
	d.step = DECISION_UNPLANNED;
	d.again = true;
	return found ? cycle_put_decision(c, *ret, &d, err) : 0;
}

struct indexes {
	uint32_t *v;
	size_t n;
};

static int
plan_listed(struct cycle *c, void *arg, struct err *err)
{
	const struct indexes *l = arg;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] != WORLD_NONE && plan_object(c, l->v[i], NULL, 0, err) < 0)
			return -1;
	return 0;
}

/* The steps that were made first stay in the plan, and are held. */
static int
plan_parted(struct cycle *c, const struct guid_list *parted, struct err *err)
{
	_cleanup_(free) uint32_t *v = calloc(parted->n + 1, sizeof *v);
	struct indexes l = {v, parted->n};

	if (!v)
		return err_nomem(err);
	for (size_t i = 0; i < l.n; i++)
		if (forget_plan(c, &parted->v[i], &v[i], err) < 0)
			return -1;
	return plan_known(c, plan_listed, &l, err);
}

int
plan_objects(struct cycle *c, struct err *err)
{
	struct guid_list parted = {.n = 0};
	int rc;

	if (plan_known(c, plan_everything, NULL, err) < 0 || limits_check_planned(c, err) < 0)
		return -1;
	rc = limits_list_parted(c, &parted, err);
	if (rc == 0 && parted.n)
		rc = plan_parted(c, &parted, err);
	free(parted.v);
	return rc;
}
