/* SPDX-License-Identifier: MIT */
/*
 * What flows back: the source object gets what its counterpart has, of the attributes for which the
 * target has the authority. It is projected and compared by the same rules as the counterpart, with
 * a table that is read the other way round (table.h).
 *
 * It is written in a step of its own, behind all others: mail depends on nothing of it, and where
 * the account may not write it, all else of the object goes on.
 */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/cycle/across_refs.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/diff.h"

/* ---- references ---- */

static int
take_dn(const char *dn, char **ret, struct err *err)
{
	*ret = strdup(dn);
	return *ret ? 1 : err_nomem(err);
}

/* The source object whose counterpart has been DN. One that is gone is no reference; one that the
 * delta hears of may have another name now. */
static int
source_by_map(struct cycle *c, const char *dn, char **ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct guid named;
	int rc;

	if (!c->run->map || cycle_record_by_dn(c, TARGET, dn, &r, err) < 0)
		return c->run->map ? -1 : 0;
	if (!r || !*r->side[SOURCE].dn || (record_has_left(r) && !r->ended))
		return 0;
	if (take_dn(r->side[SOURCE].dn, ret, err) < 0)
		return -1;
	rc = across_refs_renew(c, SOURCE, &r->side[SOURCE].guid, ret, err);
	/* A delta has not read it, so it has its name; unless another object has that. */
	if (rc == 0)
		rc = !across_refs_who(c, SOURCE, *ret, &named) ||
		     guid_equal(&named, &r->side[SOURCE].guid);
	if (rc != 1)
		free(TAKE(*ret));
	return rc;
}

/* The source object whose counterpart is DN, as it was decided in this cycle. */
static int
source_by_decision(struct cycle *c, const char *dn, char **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index = WORLD_NONE, owner = WORLD_NONE;

	if (world_find_dn(c->world, TARGET, dn, &index, err) < 0 ||
	    (index != WORLD_NONE && plan_owner_of(c, index, &owner, err) < 0))
		return -1;
	if (owner == WORLD_NONE)
		return 0;
	return world_get(c->world, SOURCE, owner, &e, err) < 0 ? -1 : take_dn(e->dn, ret, err);
}

/* What stands for DN at the source may come by another flow. */
static int
wait_for(struct planning *p, const char *attr, const char *dn, struct err *err)
{
	_cleanup_(free) char *norm = NULL;

	if (!conf_has_others(p->c->run->link))
		return 0;
	norm = dn_normalize(dn_strip_extended(dn), err);
	return norm ? plan_step_add_waiting(p->step, attr, norm, err) : -1;
}

/* A project_ref_fn. What has nothing to stand for it at the source is left out. */
static int
resolve_back(const char *attr, const char *dn, void *arg, char **ret, struct err *err)
{
	struct planning *p = arg;
	struct cycle *c = p->c;
	int rc = 0;

	if (c->run->is_delta)
		rc = source_by_map(c, dn, ret, err);
	if (rc == 0)
		rc = source_by_decision(c, dn, ret, err);
	if (rc == 0)
		rc = across_refs_resolve(c, TARGET, dn, ret, NULL, err);
	return rc ? rc : wait_for(p, attr, dn, err);
}

/* A diff_who_fn of the source. What a source object refers to was read, or has the name that the
 * map says. */
static bool
who_is(const char *dn, struct guid *ret, void *arg)
{
	const struct planning *p = arg;

	return across_refs_who(p->c, SOURCE, dn, ret);
}

/* ---- the change ---- */

static int
note_problem(const char *attr, const char *why, void *arg)
{
	struct planning *p = arg;

	buf_printf(&p->problems, "%s%s: %s", p->problems.len ? "; " : "", attr, why);
	p->n_problems++;
	plan_note(p, LOG_WARNING, p->in.source->dn,
	    "attribute '%s' cannot be written to the source: %s; it is left as it is there", attr,
	    why);
	return 0;
}

static bool
flows(const struct table *t, const struct project_in *in)
{
	for (size_t i = 0; i < t->n; i++)
		if (project_row_flows(&t->rows[i], in))
			return true;
	return false;
}

void
plan_note_lost(struct planning *p, const struct diff_in *d, const struct change *change)
{
	char lost[DIFF_LOST_SIZE];

	if (diff_lost(d, change, lost, sizeof lost))
		plan_note(p, LOG_NOTICE, change->dn,
		    "overwritten, because the %s has the authority; the journal has it: %s",
		    side_name(side_other(project_side(d->in))), lost);
}

/* IN's group with those that are in it by primaryGroupID; *RET keeps it. */
static int
add_primary_members(struct planning *p, struct project_in *in, struct entry **ret)
{
	if (in->shape != SHAPE_GROUP)
		return 0;
	if (!(*ret = entry_dup(in->source)))
		return err_nomem(p->err);
	in->source = *ret;
	return plan_add_primary_members(p, TARGET, *ret);
}

int
plan_back(struct planning *p, struct record *record)
{
	const struct table *table = p->c->table->back;
	const struct entry *source = p->in.source;
	_cleanup_(entry_free) struct entry *group = NULL;
	struct project_in in = project_back(&p->in);
	const struct project_calls calls = {resolve_back, note_problem, p};
	_cleanup_(entry_free) struct entry *want = NULL;
	struct diff_in d = {.table = table,
	    .in = &in,
	    .when = p->d->created ? WHEN_CREATED : WHEN_MATCHED,
	    .present = source,
	    .record = record,
	    .who = who_is,
	    .arg = p};
	bool ignored = false;

	if (!flows(table, &in))
		return 0;
	p->back = change_new(CHANGE_MODIFY, source->dn, &source->guid);
	if (!p->back)
		return err_nomem(p->err);
	if (add_primary_members(p, &in, &group) < 0 ||
	    project(table, &in, d.when, &calls, &want, p->err) < 0 ||
	    plan_check_addresses(p, SOURCE, want, source, p->index, NULL, &ignored) < 0)
		return -1;
	d.want = want;
	if (diff_target(&d, p->back, p->err) < 0)
		return -1;
	plan_note_lost(p, &d, p->back);
	return diff_note_written(&d, p->back, record, p->err);
}

/* ---- its steps ---- */

/* The values of C from number AT on, as many as one request takes. *RET_MORE: there are others. */
static int
put_portion(struct planning *p, const struct change *c, size_t at, bool *ret_more)
{
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(p->index, &p->step->guid);
	_cleanup_(change_free) struct change *part = change_new(CHANGE_MODIFY, c->dn, &c->guid);

	if (!s || !part)
		return err_nomem(p->err);
	s->phase = PLAN_LINKS;
	s->counts = p->step->counts;
	s->optional = true;
	*ret_more = false;
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		*ret_more |= m->n_values > at + PLAN_LINK_CHUNK;
		for (size_t j = at; j < m->n_values && j < at + PLAN_LINK_CHUNK; j++)
			if (change_mod(part, m->op, m->attr, m->values[j]) < 0)
				return err_nomem(p->err);
	}
	if (plan_step_add(s, SOURCE, TAKE(part), p->in.source, PLAN_BACK, p->err) < 0)
		return -1;
	return s->n_changes ? plan_put_step(p->c, s, p->err) : 0;
}

static int
put_change(struct planning *p, const struct change *c)
{
	bool more = true;

	for (size_t at = 0; more; at += PLAN_LINK_CHUNK)
		if (put_portion(p, c, at, &more) < 0)
			return -1;
	return 0;
}

/* Where one attribute was refused, each is written by itself. */
int
plan_put_back(struct planning *p)
{
	while (p->back && p->d->apart && p->back->n_mods) {
		_cleanup_(change_free) struct change *one =
		    change_new(CHANGE_MODIFY, p->back->dn, &p->back->guid);
		_cleanup_(free) char *attr = strdup(p->back->mods[0].attr);

		if (!one || !attr || change_move(p->back, attr, one) < 0)
			return err_nomem(p->err);
		if (put_change(p, one) < 0)
			return -1;
	}
	return p->back ? put_change(p, p->back) : 0;
}
