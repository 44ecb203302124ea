/* SPDX-License-Identifier: MIT */
/*
 * What an undo must know of the directories: the object as it is, whatever its name is now and
 * though it may have been made again meanwhile; its counterpart; and what others would lose.
 *
 * In a dry run what would be written is remembered, and comes in the place of what is there.
 */
#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dir.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/jobs/undo_priv.h"
#include "mapping/match.h"

static const char *const guid_only[] = {"objectGUID", NULL};

/* ---- the object ---- */

/* What is remembered of the object with GUID G (NULL: with the name DN), or NULL. */
static struct undo_object *
find_pretended(struct undoing *u, const struct dir *d, const struct guid *g, const char *dn)
{
	for (size_t i = u->n_pretended; i-- > 0;) {
		struct undo_object *o = &u->pretended[i];

		if (o->dir == d &&
		    (g ? guid_equal(&o->guid, g) : o->entry && dn_equal(o->entry->dn, dn)))
			return o;
	}
	return NULL;
}

static int
copy(const struct undo_object *o, struct entry **ret, struct err *err)
{
	*ret = o->entry ? entry_dup(o->entry) : NULL;
	return o->entry && !*ret ? err_nomem(err) : 0;
}

static int
read_guid(
    struct undoing *u, struct dir *d, const struct guid *g, struct entry **ret, struct err *err)
{
	const struct undo_object *o = guid_is_zero(g) ? NULL : find_pretended(u, d, g, NULL);

	*ret = NULL;
	if (guid_is_zero(g))
		return 0;
	return o ? copy(o, ret, err) : dir_read_guid(d, g, undo_attrs, ret, err);
}

static int
read_dn(struct undoing *u, struct dir *d, const char *dn, struct entry **ret, struct err *err)
{
	const struct undo_object *o = find_pretended(u, d, NULL, dn);

	if (o)
		return copy(o, ret, err);
	if (d->ops->read(d, dn, undo_attrs, ret, err) < 0)
		return -1;
	/* It would have another name by now, or be gone. */
	if (*ret && find_pretended(u, d, &(*ret)->guid, NULL))
		entry_free(TAKE(*ret));
	return 0;
}

static const char *
stamp_attribute(const struct undo_change *c)
{
	return c->entry->side == TARGET ? c->run->link->target->stamp_attribute : NULL;
}

/* Is E, which was found by its name, the counterpart that the change is about? */
static bool
is_stamped(const struct undo_change *c, const struct entry *e)
{
	const char *attr = stamp_attribute(c);
	struct stamp stamp;

	return attr && stamp_of(e, attr, &stamp) && guid_equal(&stamp.source, &c->entry->source);
}

/* By its GUID; by that of its record, where it was made again; by its name, where its stamp says
 * that it is the one. *RET_OTHER: another object has the name. */
static int
find_object(struct undoing *u, struct undo_change *c, bool *ret_other, struct err *err)
{
	const struct journal_entry *e = c->entry;
	struct dir *d = c->run->dir[e->side];
	bool about_none = guid_is_zero(&e->source);

	*ret_other = false;
	entry_free(TAKE(c->now));
	if (read_guid(u, d, &e->change->guid, &c->now, err) < 0)
		return -1;
	if (!c->now && c->record &&
	    read_guid(u, d, &c->record->side[e->side].guid, &c->now, err) < 0)
		return -1;
	if (c->now)
		return 0;
	if (read_dn(u, d, e->change->dn, &c->now, err) < 0)
		return -1;
	if (c->now && !is_stamped(c, c->now) && !(about_none && e->change->op == CHANGE_ADD)) {
		*ret_other = true;
		entry_free(TAKE(c->now));
	}
	return 0;
}

struct search {
	struct undoing *u;
	const struct dir *dir;
	const struct guid *but;	     /* not this one */
	const struct bytes *address; /* that it must have, or NULL */
	char *dn;		     /* of the first one, or NULL */
};

/* Would it be gone by now, or have the address no more? */
static bool
is_pretended_away(const struct search *s, const struct entry *e)
{
	const struct undo_object *o = find_pretended(s->u, s->dir, &e->guid, NULL);

	return o && (!o->entry || (s->address && !attr_has(entry_find(o->entry, "proxyAddresses"),
						     *s->address, true)));
}

static int
take_first(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct search *s = arg;

	if (s->dn || (s->but && guid_equal(s->but, &own->guid)) || is_pretended_away(s, own))
		return 0;
	s->dn = strdup(own->dn);
	return s->dn ? 0 : err_nomem(err);
}

/* The counterpart by its stamp: one that was made again is in no record yet. */
static int
find_stamped(struct undoing *u, struct undo_change *c, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];
	_cleanup_(free) char *filter = NULL;
	struct search s = {.u = u, .dir = d};
	char guid[GUID_TEXT_SIZE];
	struct dir_query q = {
	    .base = d->ops->info(d)->domain_dn, .scope = DIR_SUBTREE, .attrs = guid_only};
	int rc;

	guid_format(&c->entry->source, guid);
	filter = str_printf("(%s=galsync:*:%s*)", c->run->link->target->stamp_attribute, guid);
	if (!filter)
		return err_nomem(err);
	q.filter = filter;
	rc = d->ops->search(d, &q, take_first, &s, err);
	if (rc == 0 && s.dn)
		rc = read_dn(u, d, s.dn, &c->partner, err);
	free(s.dn);
	return rc;
}

/* The other object of its correspondence. */
static int
find_partner(struct undoing *u, struct undo_change *c, struct err *err)
{
	enum side other = side_other(c->entry->side);
	const struct guid *g = other == SOURCE ? &c->entry->source
			       : c->record     ? &c->record->side[TARGET].guid
					       : NULL;

	entry_free(TAKE(c->partner));
	if (g && read_guid(u, c->run->dir[other], g, &c->partner, err) < 0)
		return -1;
	return c->partner || other == SOURCE || guid_is_zero(&c->entry->source)
		   ? 0
		   : find_stamped(u, c, err);
}

static int
find_children(struct undoing *u, const struct undo_change *c, bool *ret, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	struct search s = {.u = u, .dir = d};
	const struct dir_query q = {
	    .base = c->now->dn, .scope = DIR_ONE, .filter = "(objectClass=*)", .attrs = guid_only};
	int rc = d->ops->search(d, &q, take_first, &s, err);

	*ret = s.dn != NULL;
	free(s.dn);
	return rc;
}

/* ---- references of galsync's own ---- */

struct referring {
	struct store_txn *t;
	const char *name; /* that is referred to */
	bool ours;
};

static bool
has_name(const struct bytes *values, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(values[i].data, '=') && dn_equal(values[i].data, name))
			return true;
	return false;
}

static int
wrote_reference(const struct journal_entry *e, void *arg, struct err *err)
{
	struct referring *r = arg;
	const struct change *c = e->change;

	(void)err;
	if (e->outcome != JOURNAL_DONE)
		return 0;
	for (size_t i = 0; i < c->n_mods && !r->ours; i++)
		r->ours = c->mods[i].op != MOD_DELETE &&
			  has_name(c->mods[i].values, c->mods[i].n_values, r->name);
	for (size_t i = 0; c->entry && i < c->entry->n_attrs && !r->ours; i++)
		r->ours = has_name(c->entry->attrs[i].values, c->entry->attrs[i].n_values, r->name);
	return r->ours;
}

static int
look_into_journal(const struct record *r, void *arg, struct err *err)
{
	struct referring *x = arg;

	return journal_each_of(x->t, &r->side[SOURCE].guid, wrote_reference, x, err);
}

/* Did galsync write that the object DN names NAME? Then nobody else uses it. */
static int
is_ours(const struct undo_change *c, const char *dn, const char *name, bool *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct referring r = {.name = name};

	if (store_begin(c->run->store, STORE_READ, &t, err) < 0)
		return -1;
	r.t = t;
	if (store_lookup(t, KEY_DN, dn, look_into_journal, &r, err) < 0)
		return -1;
	*ret = r.ours;
	return 0;
}

/* Takes the back links out of what was read that come from references of galsync's own. */
static int
drop_own_links(const struct undo_change *c, const struct schema *schema, struct err *err)
{
	_cleanup_(change_free) struct change *own =
	    change_new(CHANGE_MODIFY, c->now->dn, &c->now->guid);

	if (!own)
		return err_nomem(err);
	for (size_t i = 0; i < c->now->n_attrs; i++) {
		const struct attr *a = &c->now->attrs[i];
		const struct schema_attr *s = schema_find(schema, a->name);

		for (size_t j = 0; s && (s->link_id & 1) && j < a->n_values; j++) {
			bool ours = false;

			if (is_ours(c, a->values[j].data, c->now->dn, &ours, err) < 0)
				return -1;
			if (ours && change_mod(own, MOD_DELETE, a->name, a->values[j]) < 0)
				return err_nomem(err);
		}
	}
	return undo_pretend(c->now, own, err);
}

/* ---- what others would lose ---- */

struct value {
	char *attr;
	struct bytes v;
};

struct values {
	struct value *v;
	size_t n, cap;
};

static void
values_donep(struct values *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].attr);
		free((void *)(uintptr_t)l->v[i].v.data);
	}
	free(l->v);
}

static int
add_values(struct values *l, const char *attr, const struct bytes *v, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (list_grow(l->v, l->n, l->cap) < 0)
			return err_nomem(err);
		l->v[l->n++] = (struct value){strdup(attr), {bytes_dup(v[i]), v[i].len}};
		if (!l->v[l->n - 1].attr || !l->v[l->n - 1].v.data)
			return err_nomem(err);
	}
	return 0;
}

/* All that C would put there: a copy, for it may be taken out. */
static int
copy_new_values(const struct change *c, struct values *ret, struct err *err)
{
	for (size_t i = 0; c->op == CHANGE_ADD && i < c->entry->n_attrs; i++)
		if (add_values(ret, c->entry->attrs[i].name, c->entry->attrs[i].values,
			c->entry->attrs[i].n_values, err) < 0)
			return -1;
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == MOD_ADD && add_values(ret, c->mods[i].attr, c->mods[i].values,
						    c->mods[i].n_values, err) < 0)
			return -1;
	return 0;
}

/* An address that another object got meanwhile is that one's. */
static int
check_address(struct undoing *u, struct undo_change *c, const struct value *x, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	_cleanup_(free) char *escaped = filter_escape(x->v);
	_cleanup_(free) char *filter = escaped ? str_printf("(proxyAddresses=%s)", escaped) : NULL;
	struct search s = {
	    .u = u, .dir = d, .but = c->now ? &c->now->guid : NULL, .address = &x->v};
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = guid_only};
	_cleanup_(free) char *why = NULL, *holder = NULL;
	int rc;

	if (!filter)
		return err_nomem(err);
	rc = d->ops->search(d, &q, take_first, &s, err);
	holder = s.dn;
	if (rc < 0 || !holder)
		return rc;
	why = str_printf("'%s' has the address now", holder);
	return why ? undo_withhold(&c->out, x->attr, x->v, why, err) : err_nomem(err);
}

static int
check_reference(struct undoing *u, struct undo_change *c, const struct value *x, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	_cleanup_(entry_free) struct entry *e = NULL;

	if (read_dn(u, d, x->v.data, &e, err) < 0)
		return -1;
	return e ? 0 : undo_withhold(&c->out, x->attr, x->v, "that object is gone", err);
}

static int
check_new_values(struct undoing *u, struct undo_change *c, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	const struct schema *schema = d->ops->schema(d);
	_cleanup_(values_done) struct values l = {0};

	if (!c->out.change || copy_new_values(c->out.change, &l, err) < 0)
		return c->out.change ? -1 : 0;
	for (size_t i = 0; i < l.n; i++) {
		const struct value *x = &l.v[i];
		bool refers = schema_is_reference(schema, x->attr);

		if (str_equal_nocase(x->attr, "proxyAddresses")
			? check_address(u, c, x, err) < 0
			: refers && check_reference(u, c, x, err) < 0)
			return -1;
	}
	/* Nothing may be left of it. */
	if (change_is_empty(c->out.change))
		change_free(TAKE(c->out.change));
	return 0;
}

/* ---- what was deleted ---- */

static int
take_tombstone(struct entry *e, void *arg, struct err *err)
{
	struct entry **to = arg;

	(void)err;
	entry_free(*to);
	*to = e;
	return 0;
}

/* By its GUID alone: a tombstone's name is the server's affair. */
static int
find_tombstone(const struct undo_change *c, struct entry **ret, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	_cleanup_(free) char *filter = filter_guids("(isDeleted=TRUE)", &c->entry->change->guid, 1);
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .deleted = true};

	if (guid_is_zero(&c->entry->change->guid))
		return 0;
	return filter ? d->ops->search(d, &q, take_tombstone, ret, err) : err_nomem(err);
}

/* The object itself comes back instead of a new one, unless the server has refused that. */
static int
prefer_tombstone(struct undo_change *c, const struct undo_in *in, struct err *err)
{
	if (!c->out.change || c->out.change->op != CHANGE_ADD || *c->refused)
		return 0;
	if (find_tombstone(c, &c->tombstone, err) < 0)
		return -1;
	return c->tombstone ? undo_bring_back(in, c->tombstone, &c->out, err) : 0;
}

/* ---- the look ---- */

int
undo_look(struct undoing *u, struct undo_change *c, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	struct undo_in in = {.entry = c->entry,
	    .record = c->record,
	    .schema = d->ops->schema(d),
	    .own_sids = d->ops->info(d)->own_sids,
	    .stamp_attribute = stamp_attribute(c),
	    .marker_attribute = c->entry->side == SOURCE ? c->run->link->marker_attribute : NULL};
	bool other;

	undo_done(&c->out);
	entry_free(TAKE(c->tombstone));
	if (find_object(u, c, &other, err) < 0 || find_partner(u, c, err) < 0)
		return -1;
	if (c->now && undo_made_object(c) &&
	    (find_children(u, c, &in.has_children, err) < 0 ||
		drop_own_links(c, in.schema, err) < 0))
		return -1;
	in.now = c->now;
	in.partner = c->partner;
	if (other && c->entry->change->op == CHANGE_DELETE)
		return undo_leave(&c->out, c->entry->change->dn, "", (struct bytes){NULL, 0},
		    "another object has its name now", err);
	if (undo_decide(&in, &c->out, err) < 0 || check_new_values(u, c, err) < 0)
		return -1;
	return prefer_tombstone(c, &in, err);
}

/* ---- pretending ---- */

int
undo_note_pretended(struct undoing *u, struct undo_change *c, struct err *err)
{
	struct dir *d = c->run->dir[c->entry->side];
	const struct change *change = c->out.change;
	struct undo_object *o;

	if (c->tombstone && !(c->now = entry_dup(c->tombstone)))
		return err_nomem(err);
	o = c->now ? find_pretended(u, d, &c->now->guid, NULL) : NULL;
	if (change->op == CHANGE_MODIFY || change->op == CHANGE_RENAME)
		if (undo_pretend(c->now, change, err) < 0)
			return -1;
	if (change->op == CHANGE_DELETE)
		entry_free(TAKE(c->now));
	if (!o) {
		if (list_grow(u->pretended, u->n_pretended, u->cap_pretended) < 0)
			return err_nomem(err);
		o = &u->pretended[u->n_pretended++];
		*o = (struct undo_object){.dir = d, .guid = change->guid};
	}
	entry_free(o->entry);
	o->entry = change->op == CHANGE_ADD ? entry_dup(change->entry) : TAKE(c->now);
	return change->op == CHANGE_ADD && !o->entry ? err_nomem(err) : 0;
}
