/* SPDX-License-Identifier: MIT */
/*
 * The changes of one object.
 *
 * Their order keeps mail safe. The source first gets its redirect address and the X500 of its
 * counterpart, then the counterpart is created with a targetAddress that points there: at no moment
 * does an address point to what does not exist.
 */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/across_refs.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/heir.h"
#include "dsa/rules/names.h"
#include "mapping/match.h"
#include "redirect/address.h"

static void
add_problem(struct planning *p, const char *attr, const char *why)
{
	buf_printf(&p->problems, "%s%s: %s", p->problems.len ? "; " : "", attr, why);
	p->n_problems++;
}

static int
note_problem(const char *attr, const char *why, void *arg)
{
	struct planning *p = arg;

	add_problem(p, attr, why);
	plan_note(p, LOG_WARNING, p->in.source->dn,
	    "attribute '%s' cannot be written to the target: %s; it is left as it is there", attr,
	    why);
	return 0;
}

/* Addresses that are copied otherwise than they are, or not at all. */
static void
note_odd_addresses(struct planning *p, const struct entry *want)
{
	bool governs = p->in.lead == SOURCE || !p->in.target;
	char odd[PROJECT_ODD_SIZE];

	if (!governs || !entry_find(want, "proxyAddresses") ||
	    !project_odd_addresses(&p->in, odd, sizeof odd))
		return;
	add_problem(p, "proxyAddresses", odd);
	plan_note(p, LOG_WARNING, p->in.source->dn, "its proxyAddresses have %s", odd);
}

static bool
is_ours(const char *dn, void *arg)
{
	const struct planning *p = arg;

	return plan_is_ours(p->c, dn);
}

static bool
who_is(const char *dn, struct guid *ret, void *arg)
{
	const struct planning *p = arg;

	return across_refs_who(p->c, TARGET, dn, ret);
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
		/* A primary address is no leftover. */
		if (!address_in_domain(a->values[i], domain) || address_is_primary(a->values[i]))
			continue;
		plan_note(p, LOG_NOTICE, e->dn,
		    "%s is left over from a proxy toggle: it is removed",
		    (const char *)a->values[i].data);
		if (change_mod(change, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(p->err);
	}
	return 0;
}

static int
inherit_x500(struct entry *want, const struct entry *contact, const char *own, struct err *err)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	const char *legacy = entry_get_str(contact, "legacyExchangeDN");
	const struct attr *a = entry_find(contact, "proxyAddresses");
	bool bad = legacy && address_list_add_x500(&list, legacy) < 0;

	for (size_t i = 0; a && i < a->n_values; i++)
		bad |= address_is_x500(a->values[i]) && address_list_add(&list, a->values[i]) < 0;
	for (size_t i = 0; !bad && i < list.n; i++) {
		const struct attr *w = entry_find(want, "proxyAddresses");
		struct bytes v = list.values[i];

		if (!(w && attr_has(w, v, true)) &&
		    !(own && bytes_equal_nocase(address_value(v), bytes_of(own))))
			bad = entry_add(want, "proxyAddresses", v) < 0;
	}
	return bad ? err_nomem(err) : 0;
}

/* What the source needs before its counterpart points to it. */
int
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
	if (promote &&
	    inherit_x500(want, target, entry_get_str(source, "legacyExchangeDN"), p->err) < 0)
		return -1;
	if (p->in.redirects && project_redirect_address(&p->in, SOURCE, &redirect, p->err) < 0)
		return -1;
	if (plan_drop_moved_names(p, want) < 0)
		return -1;
	if (plan_check_addresses(p, SOURCE, want, source, p->index, redirect, ret_blocked) < 0)
		return -1;
	if (*ret_blocked)
		return 0;
	if (diff_source(want, source, change, p->err) < 0)
		return -1;
	/* A native is not galsync's: its contact does not wait for what it may not get. */
	if (p->in.link->forth) {
		p->names = TAKE(change);
		return 0;
	}
	if (drop_dummies(p, source, change) < 0)
		return -1;
	return plan_step_add(p->step, SOURCE, TAKE(change), source, "source addresses", p->err);
}

/* Moves the values beyond the first PLAN_LINK_CHUNK of every attribute of the add to LINKS. */
static int
split_big(struct planning *p, struct entry *e)
{
	for (size_t i = 0; i < e->n_attrs; i++) {
		_cleanup_(entry_free) struct entry *old = NULL;
		_cleanup_(free) char *name = NULL;
		const struct attr *a = &e->attrs[i];

		if (a->n_values <= PLAN_LINK_CHUNK)
			continue;
		old = entry_dup_attr(e, a->name);
		name = strdup(a->name);
		a = old && name ? entry_find(old, name) : NULL;
		if (!a)
			return err_nomem(p->err);
		entry_remove(e, name);
		for (size_t j = 0; j < a->n_values; j++)
			if (j < PLAN_LINK_CHUNK
				? entry_add(e, name, a->values[j]) < 0
				: change_mod(p->links, MOD_ADD, name, a->values[j]) < 0)
				return err_nomem(p->err);
		i = (size_t)-1; /* attributes have moved: look again from the first */
	}
	return 0;
}

static int
entry_of_want(const struct entry *want, const char *dn, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new(dn);

	if (!e)
		return err_nomem(err);
	for (size_t i = 0; i < want->n_attrs; i++)
		for (size_t j = 0; j < want->attrs[i].n_values; j++)
			if (entry_add(e, want->attrs[i].name, want->attrs[i].values[j]) < 0)
				return err_nomem(err);
	*ret = TAKE(e);
	return 0;
}

static int
plan_create(struct planning *p, const struct entry *want)
{
	_cleanup_(change_free) struct change *add = change_new(CHANGE_ADD, p->d->target_dn, NULL);

	if (!add)
		return err_nomem(p->err);
	/* It may still turn out that nothing is created. */
	if (plan_is_incomplete(p))
		return 0;
	if (plan_ensure_ou(p->c, dn_parent(p->d->target_dn), p->err) < 0 ||
	    entry_of_want(want, p->d->target_dn, &add->entry, p->err) < 0 ||
	    split_big(p, add->entry) < 0)
		return -1;
	p->step->creates = true;
	return plan_step_add(p->step, TARGET, TAKE(add), NULL, "create", p->err);
}

/* Has CONTACT the name that the new object is to have? */
static int
has_its_name(struct planning *p, const struct entry *contact, bool *ret)
{
	_cleanup_(free) char *rdn = dn_rdn_value(contact->dn, p->err);
	_cleanup_(free) char *has = rdn ? names_key(dn_parent(contact->dn), rdn) : NULL;
	_cleanup_(free) char *wanted =
	    names_key(dn_parent(p->d->target_dn), p->d->rdn_value ? p->d->rdn_value : "");

	if (!rdn)
		return -1;
	if (!has || !wanted)
		return err_nomem(p->err);
	*ret = strcmp(has, wanted) == 0;
	return 0;
}

/* The contact in the way is stamped, so that a cycle after a crash knows whose place it has,
 * and gets another name if the new object is to have its own. */
static int
stamp_contact(struct planning *p, const struct entry *contact)
{
	const char *attr = p->in.link->target->stamp_attribute;
	const char *now = entry_get_str(contact, attr);
	struct stamp old = {.created = false}, stamp = {.source = p->in.source->guid};
	_cleanup_(change_free) struct change *c =
	    change_new(CHANGE_MODIFY, contact->dn, &contact->guid);
	_cleanup_(change_free) struct change *rename =
	    change_new(CHANGE_RENAME, contact->dn, &contact->guid);
	char text[STAMP_TEXT_SIZE];
	bool in_the_way = false;

	if (has_its_name(p, contact, &in_the_way) < 0)
		return -1;
	stamp.created = stamp_of(contact, attr, &old) && old.created;
	stamp_format(&stamp, text);
	if (!c || !rename)
		return err_nomem(p->err);
	/* That of one that is gone for good makes room (former.h). */
	if (!now || !guid_equal(&old.source, &stamp.source))
		if ((now && change_mod_str(c, MOD_DELETE, attr, now) < 0) ||
		    change_mod_str(c, MOD_ADD, attr, text) < 0)
			return err_nomem(p->err);
	if (plan_step_add(p->step, TARGET, TAKE(c), contact, PLAN_PROMOTE, p->err) < 0)
		return -1;
	if (!in_the_way)
		return 0;
	rename->new_rdn = heir_spare_rdn(contact);
	if (!rename->new_rdn)
		return err_nomem(p->err);
	return plan_step_add(p->step, TARGET, TAKE(rename), contact, PLAN_PROMOTE, p->err);
}

/* Until the contact has given way, there is nothing to be seen of the new object. */
static int
hide(struct planning *p, struct entry *want)
{
	bool hides = p->d->state == DECIDE_PROMOTE || (p->inherits[TARGET] && p->d->created);

	return hides && entry_set_str(want, "msExchHideFromAddressLists", "TRUE") < 0
		   ? err_nomem(p->err)
		   : 0;
}

/* One attribute was refused, and the server did not say which: each is written by itself, but for
 * those that mail depends on, which stay together and before the redirections. */
static int
set_apart(struct planning *p, struct change *change)
{
	size_t i = 0;

	while (p->d->apart && i < change->n_mods) {
		_cleanup_(free) char *attr = strdup(change->mods[i].attr);

		if (!attr)
			return err_nomem(p->err);
		if (str_equal_nocase(attr, "proxyAddresses") ||
		    str_equal_nocase(attr, "targetAddress"))
			i++;
		else if (change_move(change, attr, p->apart) < 0)
			return err_nomem(p->err);
	}
	return 0;
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
			if (change_mod(j < PLAN_LINK_CHUNK ? first : p->links, own->mods[i].op,
				own->mods[i].attr, own->mods[i].values[j]) < 0)
				return err_nomem(p->err);
	return set_apart(p, first) < 0 ? -1 : plan_modify_group(p, p->step, TAKE(first), target);
}

static int
plan_existing(
    struct planning *p, const struct diff_in *d, struct record *record, struct change *change)
{
	if (diff_target(d, change, p->err) < 0 ||
	    plan_keep_mail(p, d->want, d->present, record, change) < 0)
		return -1;
	/* Of a first match that is known: its attributes become those of the source. */
	if (p->d->rule == MATCH_RECORD)
		plan_note_lost(p, d, change);
	return drop_dummies(p, d->present, change);
}

static int
plan_new_one(struct planning *p, const struct entry *contact, struct entry *want)
{
	if (contact &&
	    (stamp_contact(p, contact) < 0 || plan_gives_way(p, TARGET, p->d->target, contact) < 0))
		return -1;
	return plan_create(p, want);
}

struct lent {
	uint64_t *v;
	size_t n;
};

static void
lent_donep(struct lent *l)
{
	free(l->v);
}

static bool
adds(const struct change *c, uint64_t hash)
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; c->mods[i].op == MOD_ADD && j < c->mods[i].n_values; j++)
			if (record_written_hash(c->mods[i].attr, c->mods[i].values[j]) == hash)
				return true;
	return false;
}

/* Of the references that lead across, those that galsync put there, or is about to: what others had
 * put there before stays theirs. */
static int
note_lent(const struct planning *p, const struct change *change, const struct record *record,
    struct lent *ret)
{
	ret->v = calloc(2 * p->n_lent + 1, sizeof *ret->v);
	if (!ret->v)
		return err_nomem(p->err);
	for (size_t i = 0; i < p->n_lent; i++) {
		const struct plan_lent *l = &p->lent[i];

		if (p->in.target && !record_was_written(record, TARGET, l->hash) &&
		    !record_was_written(record, TARGET, l->name) && !adds(change, l->name))
			continue;
		ret->v[ret->n++] = l->hash;
		ret->v[ret->n++] = l->across;
	}
	return 0;
}

/* Is more to be removed than one request takes? The rest goes in steps behind the record. */
static bool
removes_later(const struct change *c)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == MOD_DELETE && c->mods[i].n_values > PLAN_LINK_CHUNK)
			return true;
	return false;
}

/* What is written apart may be refused, and what is written later may not be when a process dies:
 * what was written before is known as ours until it is not there. */
static int
note_written(
    struct planning *p, const struct diff_in *d, const struct change *change, struct record *record)
{
	size_t n = p->d->apart || removes_later(change) ? record->written[TARGET].n : 0;
	_cleanup_(free) uint64_t *former = calloc(n + 1, sizeof *former);
	_cleanup_(lent_done) struct lent lent = {.n = 0};

	if (!former)
		return err_nomem(p->err);
	if (n)
		memcpy(former, record->written[TARGET].v, n * sizeof *former);
	if (note_lent(p, change, record, &lent) < 0 ||
	    diff_note_written(d, change, record, p->err) < 0)
		return -1;
	return record_add_written(record, TARGET, former, n) < 0 ||
		       record_add_written(record, TARGET, lent.v, lent.n) < 0
		   ? err_nomem(p->err)
		   : 0;
}

int
plan_target(struct planning *p, const struct entry *target, struct record *record)
{
	unsigned when = !p->in.target ? WHEN_CREATE : p->d->created ? WHEN_CREATED : WHEN_MATCHED;
	_cleanup_(entry_free) struct entry *want = NULL;
	_cleanup_(change_free) struct change *change = NULL;
	_cleanup_(free) char *redirect = NULL;
	const struct project_calls calls = {plan_resolve_ref, note_problem, p};
	/* A contact that gives way is not the object itself. */
	uint32_t self = p->in.target ? p->d->target : WORLD_NONE;
	struct diff_in diff;
	bool blocked = false;

	if (project(p->c->table, &p->in, when, &calls, &want, p->err) < 0)
		return -1;
	note_odd_addresses(p, want);
	/* Without it mail could not be redirected to the target after a switch. */
	if (project_has_redirect(&p->in) &&
	    project_redirect_address(&p->in, TARGET, &redirect, p->err) < 0)
		return -1;
	if (plan_check_addresses(p, TARGET, want, p->in.target, self, redirect, &blocked) < 0)
		return -1;
	if (blocked)
		return 0;
	if (hide(p, want) < 0)
		return -1;
	if (p->in.target && p->in.shape == SHAPE_GROUP &&
	    plan_drop_primary_members(p, TARGET, p->in.target, want) < 0)
		return -1;
	change = change_new(CHANGE_MODIFY, target ? target->dn : "", target ? &target->guid : NULL);
	if (!change)
		return err_nomem(p->err);
	diff =
	    (struct diff_in){p->c->table, &p->in, when, want, target, record, is_ours, who_is, p};
	if (p->in.target ? plan_existing(p, &diff, record, change) < 0 ||
			       plan_account_names(p, want, target, change) < 0
			 : plan_new_one(p, target, want) < 0)
		return -1;
	if (note_written(p, &diff, change, record) < 0)
		return -1;
	return p->in.target ? plan_modify(p, TAKE(change), target) : 0;
}

/* ---- steps of a later phase ---- */

static struct change *
new_modify(struct planning *p, const struct entry *target)
{
	return change_new(CHANGE_MODIFY, p->d->target_dn, p->in.target ? &target->guid : NULL);
}

/* What was refused together, attribute by attribute. */
static int
put_apart(struct planning *p, const struct entry *target)
{
	while (p->apart->n_mods) {
		_cleanup_(plan_step_free) struct plan_step *s =
		    plan_step_new(p->index, &p->step->guid);
		_cleanup_(change_free) struct change *c = new_modify(p, target);
		_cleanup_(free) char *attr = strdup(p->apart->mods[0].attr);

		if (!s || !c || !attr || change_move(p->apart, attr, c) < 0)
			return err_nomem(p->err);
		s->phase = PLAN_LINKS;
		s->counts = p->step->counts;
		if (plan_modify_group(p, s, TAKE(c), target) < 0 ||
		    plan_put_step(p->c, s, p->err) < 0)
			return -1;
	}
	return 0;
}

/* As many values of M as one request takes, from number AT on. */
static int
put_references(struct planning *p, const struct entry *target, const struct mod *m, size_t at)
{
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(p->index, &p->step->guid);
	_cleanup_(change_free) struct change *c = new_modify(p, target);

	if (!s || !c)
		return err_nomem(p->err);
	s->phase = PLAN_LINKS;
	s->counts = p->step->counts;
	for (size_t i = at; i < m->n_values && i < at + PLAN_LINK_CHUNK; i++)
		if (change_mod(c, m->op, m->attr, m->values[i]) < 0)
			return err_nomem(p->err);
	if (plan_step_add(s, TARGET, TAKE(c), NULL, "references", p->err) < 0 ||
	    plan_put_step(p->c, s, p->err) < 0)
		return -1;
	p->c->res->references++;
	return 0;
}

/* The X500 names of a return contact belong on its native, so that replies to old mail arrive. */
static int
put_names(struct planning *p)
{
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(p->index, &p->step->guid);

	if (!s)
		return err_nomem(p->err);
	s->phase = PLAN_LINKS;
	s->optional = true;
	if (plan_step_add(s, SOURCE, TAKE(p->names), p->in.source, "native's names", p->err) < 0)
		return -1;
	return s->n_changes ? plan_put_step(p->c, s, p->err) : 0;
}

int
plan_put_links(struct planning *p, const struct entry *target)
{
	const struct change *l = p->links;

	if (put_apart(p, target) < 0 || (p->names && put_names(p) < 0) || plan_put_back(p) < 0)
		return -1;
	for (size_t i = 0; i < l->n_mods; i++)
		for (size_t j = 0; j < l->mods[i].n_values; j += PLAN_LINK_CHUNK)
			if (put_references(p, target, &l->mods[i], j) < 0)
				return -1;
	return 0;
}
