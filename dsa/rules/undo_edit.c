/* SPDX-License-Identifier: MIT */
/* What is to be written stays consistent: lists of addresses, and what is taken out of it. */
#include <stdlib.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/undo_priv.h"

#define ADDRESSES "proxyAddresses"

/* ---- taking out ---- */

/* Takes value V out of M, and says whether it was there. NOCASE: in any spelling. */
static bool
drop_value(struct mod *m, struct bytes v, bool nocase)
{
	for (size_t i = 0; i < m->n_values; i++) {
		if (nocase ? !bytes_equal_nocase(m->values[i], v) : !bytes_equal(m->values[i], v))
			continue;
		free((void *)(uintptr_t)m->values[i].data);
		m->n_values--;
		memmove(&m->values[i], &m->values[i + 1], (m->n_values - i) * sizeof *m->values);
		return true;
	}
	return false;
}

/* A modification without values would mean another thing. */
static void
drop_empty(struct change *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_mods; i++) {
		if (c->mods[i].n_values) {
			c->mods[n++] = c->mods[i];
			continue;
		}
		free(c->mods[i].attr);
		free(c->mods[i].values);
	}
	c->n_mods = n;
}

static void
drop(struct change *c, enum mod_op op, const char *attribute, struct bytes v, bool nocase)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == op && str_equal_nocase(c->mods[i].attr, attribute))
			(void)drop_value(&c->mods[i], v, nocase);
	drop_empty(c);
}

/* Of an add: the attribute's other values. */
static int
drop_of_entry(struct entry *e, const char *attribute, struct bytes v, struct err *err)
{
	_cleanup_(entry_free) struct entry *was = entry_dup_attr(e, attribute);
	const struct attr *a = was ? entry_find(was, attribute) : NULL;

	if (!was)
		return err_nomem(err);
	entry_remove(e, attribute);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!bytes_equal(a->values[i], v) && entry_add(e, attribute, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

int
undo_withhold(
    struct undo_out *ret, const char *attribute, struct bytes v, const char *why, struct err *err)
{
	struct change *c = ret->change;
	_cleanup_(free) void *own = bytes_dup(v);

	if (!own)
		return err_nomem(err);
	v.data = own;
	if (undo_leave(ret, c->dn, attribute, v, why, err) < 0)
		return -1;
	if (c->op == CHANGE_ADD)
		return drop_of_entry(c->entry, attribute, v, err);
	drop(c, MOD_ADD, attribute, v, false);
	/* The same in another spelling would be lost. */
	drop(c, MOD_DELETE, attribute, v, true);
	return 0;
}

/* ---- addresses ---- */

static bool
is_primary(struct bytes v)
{
	return v.len > 5 && memcmp(v.data, "SMTP:", 5) == 0;
}

static const struct bytes *
find_mod(const struct change *c, enum mod_op op, bool (*fn)(struct bytes v))
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; c->mods[i].op == op && j < c->mods[i].n_values; j++)
			if (str_equal_nocase(c->mods[i].attr, ADDRESSES) &&
			    fn(c->mods[i].values[j]))
				return &c->mods[i].values[j];
	return NULL;
}

/* Is V of NOW, and is it not deleted by C? */
static bool
stays(const struct change *c, struct bytes v)
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; c->mods[i].op == MOD_DELETE && j < c->mods[i].n_values; j++)
			if (str_equal_nocase(c->mods[i].attr, ADDRESSES) &&
			    bytes_equal(c->mods[i].values[j], v))
				return false;
	return true;
}

static bool
is_smtp(struct bytes v)
{
	return v.len > 5 && str_starts_nocase(v.data, "smtp:");
}

/* How many values that FN is about NOW has and keeps. */
static size_t
count_staying(const struct undo_in *in, const struct change *c, bool (*fn)(struct bytes v))
{
	const struct attr *a = entry_find(in->now, ADDRESSES);
	size_t n = 0;

	for (size_t i = 0; a && i < a->n_values; i++)
		n += fn(a->values[i]) && stays(c, a->values[i]);
	return n;
}

/* Leaves in place what would be deleted. */
static int
keep(struct undo_out *ret, struct bytes v, const char *why, struct err *err)
{
	_cleanup_(free) void *own = bytes_dup(v);

	if (!own)
		return err_nomem(err);
	v.data = own;
	drop(ret->change, MOD_DELETE, ADDRESSES, v, false);
	return undo_leave(ret, ret->change->dn, ADDRESSES, v, why, err);
}

static int
guard_primary(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	const struct bytes *back = find_mod(ret->change, MOD_ADD, is_primary);
	const struct bytes *gone = find_mod(ret->change, MOD_DELETE, is_primary);

	if (back && count_staying(in, ret->change, is_primary))
		return undo_withhold(
		    ret, ADDRESSES, *back, "another primary address was chosen since", err);
	if (!back && gone &&
	    (count_staying(in, ret->change, is_smtp) || find_mod(ret->change, MOD_ADD, is_smtp)))
		return keep(ret, *gone, "there would be no primary address", err);
	return 0;
}

/* An address to which mail is led is needed as long as it is. */
static int
guard_redirect(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	struct bytes to = in->partner ? entry_get(in->partner, "targetAddress") : (struct bytes){0};

	for (size_t i = 0; to.data && i < ret->change->n_mods; i++) {
		const struct mod *m = &ret->change->mods[i];

		if (m->op != MOD_DELETE || !str_equal_nocase(m->attr, ADDRESSES))
			continue;
		for (size_t j = 0; j < m->n_values; j++)
			if (bytes_equal_nocase(m->values[j], to))
				return keep(ret, m->values[j],
				    "its counterpart redirects to this address", err);
	}
	return 0;
}

int
undo_guard_addresses(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	return guard_redirect(in, ret, err) < 0 ? -1 : guard_primary(in, ret, err);
}

/* ---- pretending ---- */

static int
pretend_mod(struct entry *now, const struct mod *m, struct err *err)
{
	if (m->op == MOD_REPLACE || (m->op == MOD_DELETE && !m->n_values))
		entry_remove(now, m->attr);
	for (size_t i = 0; i < m->n_values; i++)
		if (m->op == MOD_DELETE ? drop_of_entry(now, m->attr, m->values[i], err) < 0
					: entry_add(now, m->attr, m->values[i]) < 0)
			return m->op == MOD_DELETE ? -1 : err_nomem(err);
	return 0;
}

int
undo_pretend(struct entry *now, const struct change *c, struct err *err)
{
	const char *parent, *to = change_brought_back(c);
	char *dn;

	for (size_t i = 0; i < c->n_mods; i++)
		if (pretend_mod(now, &c->mods[i], err) < 0)
			return -1;
	if (!to && c->op != CHANGE_RENAME)
		return 0;
	parent = c->new_parent ? c->new_parent : dn_parent(now->dn);
	dn = to ? strdup(to) : str_printf("%s%s%s", c->new_rdn, *parent ? "," : "", parent);
	if (!dn)
		return err_nomem(err);
	entry_set_dn(now, dn);
	return 0;
}
