/* SPDX-License-Identifier: MIT */
#include "dsa/rules/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/value_text.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/undo_priv.h"

const char *const undo_attrs[] = {"*", "memberOf", "directReports", "managedObjects",
    "altRecipientBL", "authOrigBL", "unauthOrigBL", "dLMemSubmitPermsBL", "dLMemRejectPermsBL",
    "publicDelegatesBL", "msExchCoManagedObjectsBL", "msExchDelegateListBL",
    "msExchBypassModerationBL", "msExchModeratedObjectsBL", NULL};

void
undo_done(struct undo_out *o)
{
	change_free(TAKE(o->change));
	finish_blockers_done(&o->left);
}

int
undo_leave(struct undo_out *ret, const char *dn, const char *attribute, struct bytes now,
    const char *why, struct err *err)
{
	_cleanup_(buf_done) struct buf value = {0};
	struct finish_blockers *l = &ret->left;
	struct finish_blocker *b;

	buf_add_str(&value, "");
	if (now.data)
		value_text(attribute, now, &value);
	if (value.failed || list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	b = &l->v[l->n++];
	*b = (struct finish_blocker){.dn = strdup(dn),
	    .attribute = strdup(attribute),
	    .value = bytes_dup(buf_bytes(&value)),
	    .why = strdup(why)};
	return b->dn && b->attribute && b->value && b->why ? 0 : err_nomem(err);
}

int
undo_leave_all(const struct undo_in *in, struct undo_out *ret, const char *why, struct err *err)
{
	change_free(TAKE(ret->change));
	return undo_leave(ret, in->now ? in->now->dn : in->entry->change->dn, "",
	    (struct bytes){NULL, 0}, why, err);
}

bool
undo_same(const struct undo_in *in, const char *attr, struct bytes written, struct bytes present)
{
	if (digest_is(written))
		return digest_matches(written, present);
	return schema_compare(schema_find(in->schema, attr), written, present) == SCHEMA_SAME;
}

const struct bytes *
undo_find(const struct undo_in *in, const struct attr *a, struct bytes written)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (undo_same(in, a->name, written, a->values[i]))
			return &a->values[i];
	return NULL;
}

/* ---- what is never taken back here ---- */

static const struct {
	const char *reason, *why;
} own_ways[] = {
    {"switch", "a switch is taken back by galsyncctl undo-switch"},
    {"undo switch", "a switch that was taken back is made again by galsyncctl switch"},
    {"marker group", "the marker group follows the switch: galsyncctl switch, undo-switch"},
    {"finish", "the end of a coexistence is not taken back"},
    {"proxy toggle", "a dummy address is not put back"},
    {"sweep", "a dummy address is not put back"},
    {"circle", "a loop that was ended is not made again"},
};

static const char *
own_way_of(const char *reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_ways); i++)
		if (strcmp(own_ways[i].reason, reason) == 0)
			return own_ways[i].why;
	return NULL;
}

/* Is ATTR what mail goes by? */
static bool
is_of_mail(const struct undo_in *in, const char *attr)
{
	static const char *const names[] = {
	    "proxyAddresses", "targetAddress", "mail", "mailNickname", "legacyExchangeDN"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal_nocase(names[i], attr))
			return true;
	return (in->stamp_attribute && str_equal_nocase(in->stamp_attribute, attr)) ||
	       (in->marker_attribute && str_equal_nocase(in->marker_attribute, attr));
}

static bool
is_switched(const struct undo_in *in)
{
	return in->record && in->record->kind == KIND_USER && in->record->active == TARGET;
}

static const char switched[] = "its mailbox is switched: galsyncctl undo-switch comes first";

/* Why the whole entry is left, or NULL. */
static const char *
why_left(const struct undo_in *in)
{
	const struct identity_guard guard = {.own_sids = in->own_sids};
	const struct change *c = in->entry->change;
	const char *own = own_way_of(in->entry->reason);

	if (own)
		return own;
	if (in->record && in->record->ended)
		return "its coexistence was ended, and nothing is done to it any more";
	if (is_switched(in) &&
	    (change_brought_back(c) || (c->op != CHANGE_MODIFY && c->op != CHANGE_RENAME)))
		return switched;
	return in->now && !identity_is_nobody(in->now) ? identity_refusal(in->now, &guard) : NULL;
}

/* ---- modify ---- */

/* What a change did to one attribute. */
struct done {
	const char *attr;
	struct bytes *plus, *minus; /* what it put there and what it took away */
	size_t n_plus, cap_plus, n_minus, cap_minus;
};

static inline void
done_donep(struct done *d)
{
	free(d->plus);
	free(d->minus);
}

static int
add_values(struct bytes **v, size_t *n, size_t *cap, const struct bytes *from, size_t n_from)
{
	for (size_t i = 0; i < n_from; i++) {
		if (list_grow(*v, *n, *cap) < 0)
			return -1;
		(*v)[(*n)++] = from[i];
	}
	return 0;
}

/* What M took away without naming it is in the before-image. */
static int
gather_mod(const struct journal_entry *e, const struct mod *m, struct done *d)
{
	const struct attr *was = e->before ? entry_find(e->before, m->attr) : NULL;
	bool all = m->op == MOD_REPLACE || (m->op == MOD_DELETE && !m->n_values);

	if (all && was &&
	    add_values(&d->minus, &d->n_minus, &d->cap_minus, was->values, was->n_values) < 0)
		return -1;
	if (m->op == MOD_DELETE)
		return add_values(&d->minus, &d->n_minus, &d->cap_minus, m->values, m->n_values);
	return add_values(&d->plus, &d->n_plus, &d->cap_plus, m->values, m->n_values);
}

/* The before-image has a large value that the modification names by its digest. */
static void
restore_large(const struct journal_entry *e, struct done *d)
{
	const struct attr *was = e->before ? entry_find(e->before, d->attr) : NULL;

	for (size_t i = 0; was && i < d->n_minus; i++)
		for (size_t j = 0; digest_is(d->minus[i]) && j < was->n_values; j++)
			if (!digest_is(was->values[j]) &&
			    digest_matches(d->minus[i], was->values[j]))
				d->minus[i] = was->values[j];
}

static int
gather(const struct journal_entry *e, const char *attr, struct done *d, struct err *err)
{
	d->attr = attr;
	for (size_t i = 0; i < e->change->n_mods; i++)
		if (str_equal_nocase(e->change->mods[i].attr, attr) &&
		    gather_mod(e, &e->change->mods[i], d) < 0)
			return err_nomem(err);
	restore_large(e, d);
	return 0;
}

/* Is V among the N values? */
static bool
has(const struct undo_in *in, const char *attr, const struct bytes *v, size_t n, struct bytes x)
{
	for (size_t i = 0; i < n; i++)
		if (undo_same(in, attr, v[i], x))
			return true;
	return false;
}

static const char not_kept[] = "the journal has the value before no more";

/* Is NOW the value X, or is there none where X is none? */
static bool
is_there(const struct undo_in *in, const char *attr, const struct bytes *x, const struct bytes *now)
{
	return x && now ? undo_same(in, attr, *x, *now) : !x && !now;
}

static int
undo_single(const struct undo_in *in, const struct done *d, struct undo_out *ret, struct err *err)
{
	const struct attr *a = entry_find(in->now, d->attr);
	const struct bytes *now = a && a->n_values ? &a->values[0] : NULL;
	const struct bytes *ours = d->n_plus ? &d->plus[0] : NULL;
	const struct bytes *was = d->n_minus ? &d->minus[0] : NULL;

	if (is_there(in, d->attr, was, now))
		return 0;
	if (!is_there(in, d->attr, ours, now))
		return undo_leave(ret, in->now->dn, d->attr, now ? *now : (struct bytes){NULL, 0},
		    UNDO_CHANGED, err);
	if (was && digest_is(*was))
		return undo_leave(ret, in->now->dn, d->attr, *was, not_kept, err);
	if ((now && change_mod(ret->change, MOD_DELETE, d->attr, *now) < 0) ||
	    (was && change_mod(ret->change, MOD_ADD, d->attr, *was) < 0))
		return err_nomem(err);
	return 0;
}

/* Does A have V in another spelling, which stays there? */
static bool
has_respelled(const struct undo_in *in, const struct done *d, const struct attr *a, struct bytes v)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], v) &&
		    !has(in, d->attr, d->plus, d->n_plus, a->values[i]))
			return true;
	return false;
}

static int
put_back(const struct undo_in *in, const struct done *d, const struct attr *a, struct bytes v,
    struct undo_out *ret, struct err *err)
{
	if (undo_find(in, a, v))
		return 0;
	if (digest_is(v))
		return undo_leave(ret, in->now->dn, d->attr, v, not_kept, err);
	if (has_respelled(in, d, a, v))
		return undo_leave(ret, in->now->dn, d->attr, v, UNDO_CHANGED, err);
	return change_mod(ret->change, MOD_ADD, d->attr, v) < 0 ? err_nomem(err) : 0;
}

static int
undo_multi(const struct undo_in *in, const struct done *d, struct undo_out *ret, struct err *err)
{
	const struct attr *a = entry_find(in->now, d->attr);

	for (size_t i = 0; i < d->n_plus; i++) {
		const struct bytes *there = undo_find(in, a, d->plus[i]);

		if (there && !has(in, d->attr, d->minus, d->n_minus, *there) &&
		    change_mod(ret->change, MOD_DELETE, d->attr, *there) < 0)
			return err_nomem(err);
	}
	for (size_t i = 0; i < d->n_minus; i++)
		if (put_back(in, d, a, d->minus[i], ret, err) < 0)
			return -1;
	return 0;
}

/* ---- what mail goes by ---- */

bool
undo_goes_round(const struct undo_in *in, struct bytes to)
{
	struct bytes other =
	    in->partner ? entry_get(in->partner, "targetAddress") : (struct bytes){NULL, 0};

	return other.data && !bytes_equal_nocase(other, to);
}

/* Why the redirection that D made, or took away, is left; NULL: it is not. */
static const char *
why_redirection_left(const struct undo_in *in, const struct done *d)
{
	bool by_source = in->entry->side == SOURCE;

	if (by_source)
		return "the redirection of an original follows its switch: galsyncctl switch, "
		       "undo-switch";
	if (d->n_minus && !in->partner)
		return "its counterpart is gone: mail could get lost";
	if (d->n_minus && undo_goes_round(in, d->minus[0]))
		return "its counterpart redirects: mail could go round";
	return NULL;
}

/* Why ATTR is left, or NULL. */
static const char *
why_attr_left(const struct undo_in *in, const struct done *d)
{
	if (is_switched(in) && is_of_mail(in, d->attr))
		return switched;
	if (in->marker_attribute && str_equal_nocase(in->marker_attribute, d->attr))
		return "the marker follows the switch: galsyncctl switch, undo-switch";
	if (in->stamp_attribute && str_equal_nocase(in->stamp_attribute, d->attr) && d->n_minus)
		return "which mailbox is in use is not taken back here: galsyncctl switch, "
		       "undo-switch";
	return str_equal_nocase(d->attr, "targetAddress") ? why_redirection_left(in, d) : NULL;
}

static int
undo_attr(const struct undo_in *in, const char *attr, struct undo_out *ret, struct err *err)
{
	const struct schema_attr *s = schema_find(in->schema, attr);
	_cleanup_(done_done) struct done d = {.attr = attr};
	const struct attr *a = entry_find(in->now, attr);
	const char *why;

	if (gather(in->entry, attr, &d, err) < 0)
		return -1;
	why = why_attr_left(in, &d);
	if (why)
		return undo_leave(ret, in->now->dn, attr,
		    a && a->n_values ? a->values[0] : (struct bytes){NULL, 0}, why, err);
	return s && s->single ? undo_single(in, &d, ret, err) : undo_multi(in, &d, ret, err);
}

static int
undo_modify(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	const struct change *c = in->entry->change;

	if (!in->now)
		return undo_leave_all(in, ret, "it is gone", err);
	ret->change = change_new(CHANGE_MODIFY, in->now->dn, &in->now->guid);
	if (!ret->change)
		return err_nomem(err);
	for (size_t i = 0; i < c->n_mods; i++) {
		size_t j = 0;

		while (j < i && !str_equal_nocase(c->mods[i].attr, c->mods[j].attr))
			j++;
		if (j == i && undo_attr(in, c->mods[i].attr, ret, err) < 0)
			return -1;
	}
	return undo_guard_addresses(in, ret, err);
}

/* ---- rename ---- */

static char *
new_name(const struct change *c)
{
	const char *parent = c->new_parent ? c->new_parent : dn_parent(c->dn);

	return str_printf("%s%s%s", c->new_rdn, *parent ? "," : "", parent);
}

static int
undo_rename(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	const struct change *c = in->entry->change;
	_cleanup_(free) char *given = new_name(c), *rdn = dn_rdn_dup(c->dn);

	if (!given || !rdn)
		return err_nomem(err);
	if (!in->now)
		return undo_leave_all(in, ret, "it is gone", err);
	if (strcmp(in->now->dn, c->dn) == 0)
		return 0;
	if (!dn_equal(in->now->dn, given))
		return undo_leave_all(in, ret, UNDO_CHANGED, err);
	ret->change = change_new(CHANGE_RENAME, in->now->dn, &in->now->guid);
	if (!ret->change || !(ret->change->new_rdn = TAKE(rdn)) ||
	    (c->new_parent && !(ret->change->new_parent = strdup(dn_parent(c->dn)))))
		return err_nomem(err);
	return 0;
}

int
undo_decide(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	const char *why = why_left(in);

	*ret = (struct undo_out){.change = NULL};
	if (why)
		return undo_leave_all(in, ret, why, err);
	switch (in->entry->change->op) {
	case CHANGE_ADD: return undo_add(in, ret, err);
	case CHANGE_DELETE: return undo_delete(in, ret, err);
	case CHANGE_RENAME: return undo_rename(in, ret, err);
	case CHANGE_MODIFY: break;
	}
	if (change_brought_back(in->entry->change))
		return undo_add(in, ret, err);
	if (undo_modify(in, ret, err) < 0)
		return -1;
	if (ret->change && change_is_empty(ret->change))
		change_free(TAKE(ret->change));
	return 0;
}
