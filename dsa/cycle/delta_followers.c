/* SPDX-License-Identifier: MIT */
/*
 * What a delta is about because of what was decided in it: others wait for an object, or refer to
 * it. Those whose type depends on its are in delta_nesting.c.
 */
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/names.h"

static int
take_waiting(const struct waiting_ref *ref, void *arg, struct err *err)
{
	struct delta *x = arg;

	return delta_concern(x, &ref->referrer, err);
}

/* Objects that wait for a reference to one that gets a counterpart in this cycle. */
static int
add_waiting(struct delta *x, const struct decision *d, struct err *err)
{
	_cleanup_(free) char *norm = NULL;

	if (!decision_has_target(d) || (d->state == DECIDE_MATCHED && d->rule == MATCH_RECORD))
		return 0;
	norm = dn_normalize(d->source_dn, err);
	if (!norm)
		return -1;
	return store_each_waiting(x->c->run->map, x->c->run->link_id, norm, take_waiting, x, err);
}

/* What is beside the counterpart that is to be renamed. */
static int
fetch_names(struct delta *x, uint32_t index, const struct decision *d, struct err *err)
{
	_cleanup_(entry_free) struct entry *source = NULL;
	_cleanup_(free) char *now = NULL, *own = NULL;

	if (d->state != DECIDE_MATCHED || !d->created)
		return 0;
	if (world_get(x->c->world, SOURCE, index, &source, err) < 0 ||
	    !(now = dn_rdn_value(d->target_dn, err)))
		return -1;
	if (names_acceptable(source, now))
		return 0;
	own = dn_rdn_value(source->dn, err);
	return own ? world_fetch_names(x->c->world, dn_parent(d->target_dn), own, err) : -1;
}

static int
take_referrer(const struct record *r, void *arg, struct err *err)
{
	return delta_concern(arg, &r->side[SOURCE].guid, err);
}

/* What refers to the object E of SIDE, by way of the back link ATTR, is concerned. */
static int
add_referrers(
    struct delta *x, enum side side, const struct entry *e, const char *attr, struct err *err)
{
	const struct attr *a = entry_find(e, attr);

	for (size_t i = 0; a && i < a->n_values; i++)
		if (cycle_each_by_dn(x->c, side, a->values[i].data, take_referrer, x, err) < 0)
			return -1;
	return 0;
}

/* Is that SOURCE comes or goes news to the other flow? Not again and again: not of what had left
 * before, of what never had a counterpart, and of what that flow has put down itself. R is its
 * record, or NULL. */
static bool
is_news(const struct delta *x, const struct guid *source, const struct record *r, bool comes)
{
	return r && !guid_is_zero(&r->side[TARGET].guid) && record_has_left(r) == comes &&
	       !guid_set_has(&x->told_of, source);
}

/* What refers to the object with GUID G of SIDE is concerned, as that directory will say; if it is
 * NEWS, what is the other flow's is put down for that. */
static int
add_all_referrers(struct delta *x, enum side side, const struct guid *g, bool news, struct err *err)
{
	if (news && guid_set_add(&x->news[side], g) < 0)
		return err_nomem(err);
	return guid_list_add(&x->followed[side], g, err);
}

struct following {
	struct delta *x;
	enum side side;
};

/* A dir_entry_fn: the back links of one that is followed. */
static int
take_followed(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	const struct following *f = arg;

	for (size_t i = 0; other_flow_back_links[i]; i++)
		if (add_referrers(f->x, f->side, own, other_flow_back_links[i], err) < 0)
			return -1;
	return guid_set_has(&f->x->news[f->side], &own->guid)
		   ? other_flow_note(f->x->c, f->side, own, err)
		   : 0;
}

/* The back links, and whose they are. */
static const char **
follow_attrs(void)
{
	size_t n = 0;
	const char **all;

	while (other_flow_back_links[n])
		n++;
	all = calloc(n + 2, sizeof *all);
	if (!all)
		return NULL;
	memcpy(all, other_flow_back_links, n * sizeof *all);
	all[n] = "objectGUID";
	return all;
}

/* Those that were put down are followed, and none is put down any more. */
static int
follow_all(struct delta *x, enum side side, struct err *err)
{
	struct following f = {x, side};
	_cleanup_(free) const char **attrs = follow_attrs();
	int rc;

	if (!attrs)
		return err_nomem(err);
	rc = dir_search_guids(
	    x->c->run->dir[side], &x->followed[side], "", attrs, take_followed, &f, err);
	x->followed[side].n = 0;
	guid_set_done(&x->news[side]);
	x->news[side] = (struct guid_set){0};
	return rc;
}

/* SOURCE goes. A deletion takes an object out of its groups, and ends every other reference to it,
 * without a word about the objects that referred to it: the counterpart still knows them. Of what
 * only leaves the scope, they wait from now on. */
static int
add_left_behind(struct delta *x, const struct guid *source, struct err *err)
{
	struct cycle *c = x->c;
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r || guid_is_zero(&r->side[TARGET].guid))
		return 0;
	return delta_note_emptied(x, r, err) < 0
		   ? -1
		   : add_all_referrers(
			 x, TARGET, &r->side[TARGET].guid, is_news(x, source, r, false), err);
}

/* Does the object of D get a counterpart, whether it never had one, lost it, or had left? */
static int
is_coming(struct delta *x, const struct decision *d, bool *ret, bool *ret_news, struct err *err)
{
	bool lost = d->state == DECIDE_CREATE || d->state == DECIDE_PROMOTE;
	bool found = d->state == DECIDE_MATCHED && d->rule != MATCH_RECORD;
	_cleanup_(record_free) struct record *r = NULL;

	*ret = *ret_news = false;
	if (!lost && d->state != DECIDE_MATCHED)
		return 0;
	if (store_find_guid(x->c->run->map, x->c->run->link_id, SOURCE, &d->source, &r, err) < 0)
		return -1;
	*ret = lost || found || (r && record_has_left(r));
	*ret_news = found ? !guid_set_has(&x->told_of, &d->source)
			  : is_news(x, &d->source, r, r && record_has_left(r));
	return 0;
}

/* What is there becomes the counterpart of D's object, or is it again: what names it is the
 * source's to say from now on. */
static int
add_named_by(struct delta *x, const struct decision *d, bool news, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (d->state != DECIDE_MATCHED)
		return 0;
	if (world_get(x->c->world, TARGET, d->target, &e, err) < 0)
		return -1;
	return add_all_referrers(x, TARGET, &e->guid, news, err);
}

/* Has the source object G, a return contact, got its native a short time ago? */
static int
stands_anew(struct cycle *c, const struct guid *g, bool *ret, struct err *err)
{
	const struct conf_link *back = c->run->link->back;
	_cleanup_(record_free) struct record *r = NULL;
	uint32_t id = 0;

	*ret = false;
	if (!back)
		return 0;
	if (store_link_id(c->run->map, back->name, &id, err) < 0 ||
	    (id && store_find_guid(c->run->map, id, TARGET, g, &r, err) < 0))
		return -1;
	*ret = r && clock_realtime_s() - r->created_at < RUN_REPLICATION_S;
	return 0;
}

/* The object SOURCE is out of scope, or gone. What refers to a return contact is about another
 * native when that was made again, and the contact went over to it. */
static int
add_of_outsider(struct delta *x, const struct guid *source, struct err *err)
{
	bool anew;

	if (stands_anew(x->c, source, &anew, err) < 0)
		return -1;
	return anew ? add_all_referrers(x, SOURCE, source, false, err)
		    : add_left_behind(x, source, err);
}

/* What a decision has to do with others: they refer to its object, which comes or goes. */
static int
add_concerned_by(struct delta *x, uint32_t index, const struct decision *d, struct err *err)
{
	bool comes, news;

	if (add_waiting(x, d, err) < 0 || fetch_names(x, index, d, err) < 0 ||
	    delta_add_nested(x, index, d, err) < 0 || delta_add_rivals(x, d, err) < 0 ||
	    is_coming(x, d, &comes, &news, err) < 0 || (comes && add_named_by(x, d, news, err) < 0))
		return -1;
	if (comes)
		return add_all_referrers(x, SOURCE, &d->source, news, err);
	return d->verdict == SCOPE_IN ? 0 : add_of_outsider(x, &d->source, err);
}

int
delta_followers(struct delta *x, uint32_t from_index, size_t from, struct err *err)
{
	uint32_t n = world_count(x->c->world, SOURCE);
	size_t n_concerned = x->concerned.n;

	for (uint32_t i = from_index; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_get_decision(x->c, i, &d, &found, err) < 0)
			return -1;
		if (found && add_concerned_by(x, i, &d, err) < 0)
			return -1;
	}
	for (size_t i = from; i < n_concerned; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_find_decision(x->c, &x->concerned.v[i], &d, &found, err) < 0 ||
		    (!found && add_of_outsider(x, &x->concerned.v[i], err) < 0))
			return -1;
	}
	if (follow_all(x, SOURCE, err) < 0 || follow_all(x, TARGET, err) < 0)
		return -1;
	return delta_add_emptied(x, err);
}
