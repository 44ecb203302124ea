/* SPDX-License-Identifier: MIT */

/*
 * Finding objects and showing them. The database keeps references by GUID; a view of an object is
 * a copy in which they are the names that their targets have now. Filters see views.
 */

#include <ldap.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/ldap/ldap_err.h"
#include "tests/support/fakedir_index.h"

#define MANY 20000 /* objects: more than that keep no views */

struct object *
fake_find_norm(struct fakedir *fd, const char *norm, bool deleted)
{
	uint64_t hash = fake_hash(FAKE_KEY_NORM, bytes_of(norm));
	struct object *o = NULL;

	while ((o = fake_index_next(&fd->index, hash, o)))
		if ((deleted || !o->deleted) && strcmp(o->norm, norm) == 0)
			break;
	return o;
}

struct object *
fake_find_guid(struct fakedir *fd, const struct guid *g, bool deleted)
{
	uint64_t hash = fake_hash(FAKE_KEY_GUID, guid_bytes(g));
	struct object *o = NULL;

	while ((o = fake_index_next(&fd->index, hash, o)))
		if ((deleted || !o->deleted) && guid_equal(&o->e->guid, g))
			break;
	return o;
}

/* True if NAME is "<GUID=...>". */
static bool
is_guid_name(const char *name, struct guid *ret)
{
	static const char prefix[] = "<GUID=";
	char text[GUID_TEXT_SIZE];
	size_t len = strlen(name);

	if (!str_starts_nocase(name, prefix) || len != sizeof prefix - 1 + GUID_TEXT_SIZE)
		return false;
	memcpy(text, name + sizeof prefix - 1, GUID_TEXT_SIZE - 1);
	text[GUID_TEXT_SIZE - 1] = '\0';
	return name[len - 1] == '>' && guid_parse(text, ret);
}

int
fake_resolve(
    struct fakedir *fd, const char *name, bool deleted, struct object **ret, struct err *err)
{
	_cleanup_(free) char *norm = NULL;
	struct guid g;

	if (is_guid_name(name, &g)) {
		*ret = fake_find_guid(fd, &g, deleted);
		return 0;
	}
	norm = dn_normalize(dn_strip_extended(name), err);
	if (!norm)
		return err->src == ERR_SYS
			   ? -1
			   : err_ldap(err, LDAP_INVALID_DN_SYNTAX,
				 "0000208F: NameErr: problem 2006 (BAD_NAME)", "'%s'", name);
	*ret = fake_find_norm(fd, norm, deleted);
	return 0;
}

bool
fake_denied(const struct fakedir *fd, const char *what)
{
	for (size_t i = 0; i < fd->n_denied; i++)
		if (str_equal_nocase(fd->denied[i], what))
			return true;
	return false;
}

/* ---- views ---- */

static int
show_refs(struct fakedir *fd, const struct attr *a, struct entry *view)
{
	for (size_t i = 0; i < a->n_values; i++) {
		const struct object *target = NULL;
		struct guid g;

		if (guid_from_bytes(a->values[i], &g))
			target = fake_find_guid(fd, &g, true);
		if (target && entry_add_str(view, a->name, target->e->dn) < 0)
			return -1;
	}
	return 0;
}

static int
show_values(const struct attr *a, struct entry *view)
{
	for (size_t i = 0; i < a->n_values; i++)
		if (entry_add(view, a->name, a->values[i]) < 0)
			return -1;
	return 0;
}

const struct entry *
fake_view(struct fakedir *fd, struct object *o)
{
	_cleanup_(entry_free) struct entry *view = NULL;

	if (o->view && o->view_at == fd->names)
		return o->view;
	view = entry_new(o->e->dn);
	if (!view || entry_add_str(view, "distinguishedName", o->e->dn) < 0)
		return NULL;
	for (size_t i = 0; i < o->e->n_attrs; i++) {
		const struct attr *a = &o->e->attrs[i];
		const struct schema_attr *s = schema_find(fd->schema, a->name);

		if ((s && fake_schema_is_ref(s) ? show_refs(fd, a, view) : show_values(a, view)) <
		    0)
			return NULL;
	}
	entry_free(o->view);
	o->view_at = fd->names;
	return o->view = TAKE(view);
}

/* ---- what was asked for ---- */

struct allowing {
	const struct fakedir *fd;
	struct entry *e;
	const char *attr;
};

static int
add_allowed(const char *name, void *arg)
{
	struct allowing *a = arg;

	return fake_denied(a->fd, name) ? 0 : entry_add_str(a->e, a->attr, name);
}

/* Nobody may write what refuses with a lack of rights. */
static bool
is_protected(const struct fakedir *fd, const char *dn)
{
	struct err ignored;
	_cleanup_(free) char *norm = fd->refuse_norm && fd->refuse_rc == LDAP_INSUFFICIENT_ACCESS
					 ? dn_normalize(dn, &ignored)
					 : NULL;

	return norm && strcmp(norm, fd->refuse_norm) == 0;
}

/* Constructed attributes come only to those who name them. */
static int
add_constructed(const struct fakedir *fd, const char *name, struct entry *e)
{
	struct allowing a = {.fd = fd, .e = e, .attr = name};

	if (str_equal_nocase(name, "allowedChildClassesEffective"))
		return fake_class_each(add_allowed, &a);
	if (str_equal_nocase(name, "allowedAttributesEffective") && !is_protected(fd, e->dn))
		return fake_schema_each_writable(add_allowed, &a);
	return 0;
}

/* Names that refer to O by the forward link of BACK. */
static int
add_referrers(const struct fakedir *fd, const struct object *referrer, const struct guid *to,
    const struct schema_attr *back, struct entry *e)
{
	for (size_t i = 0; i < referrer->e->n_attrs; i++) {
		const struct attr *a = &referrer->e->attrs[i];
		const struct schema_attr *s = schema_find(fd->schema, a->name);

		if (s && s->link_id == back->link_id - 1 && attr_has(a, guid_bytes(to), false) &&
		    entry_add_str(e, back->name, referrer->e->dn) < 0)
			return -1;
	}
	return 0;
}

/* A back link (MS-ADTS 3.1.1.1.6) comes only to those who name it, too. */
static int
add_back_link(const struct fakedir *fd, const struct object *o, const char *name, struct entry *e)
{
	const struct schema_attr *back = schema_find(fd->schema, name);
	struct fake_objects l = {0};
	int rc;

	if (!back || !(back->link_id & 1))
		return 0;
	rc = fake_index_all(&fd->index, fake_hash(FAKE_KEY_REF, guid_bytes(&o->e->guid)), &l);
	fake_objects_order(&l);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		if (!l.v[i]->deleted)
			rc = add_referrers(fd, l.v[i], &o->e->guid, back, e);
	free(l.v);
	return rc;
}

static struct entry *
select_attrs(const struct fakedir *fd, const struct object *o, const struct entry *view,
    const char *const *attrs)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	bool all = !attrs || !attrs[0];

	for (size_t i = 0; attrs && attrs[i]; i++)
		all |= strcmp(attrs[i], "*") == 0;
	e = all ? entry_dup(view) : entry_new(view->dn);
	for (size_t i = 0; e && attrs && attrs[i]; i++) {
		const struct attr *a = entry_find(view, attrs[i]);

		if ((a && !entry_find(e, attrs[i]) && show_values(a, e) < 0) ||
		    add_constructed(fd, attrs[i], e) < 0 || add_back_link(fd, o, attrs[i], e) < 0)
			return NULL;
	}
	return TAKE(e);
}

/* ---- any order ---- */

/* xorshift64*. */
uint64_t
fake_random(uint64_t *state)
{
	uint64_t x = *state ? *state : 0x9e3779b97f4a7c15ULL;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL >> 16;
}

static void
shuffle_values(struct fakedir *fd, struct entry *e)
{
	for (size_t i = 0; i < e->n_attrs; i++) {
		struct attr *a = &e->attrs[i];

		for (size_t n = a->n_values; n > 1; n--) {
			size_t at = fake_random(&fd->shuffle) % n;
			struct bytes v = a->values[at];

			a->values[at] = a->values[n - 1];
			a->values[n - 1] = v;
		}
	}
}

static void
shuffle(struct fakedir *fd, struct object **v, size_t n)
{
	for (; n > 1; n--) {
		size_t at = fake_random(&fd->shuffle) % n;
		struct object *o = v[at];

		v[at] = v[n - 1];
		v[n - 1] = o;
	}
}

struct entry *
fake_show(struct fakedir *fd, struct object *o, const char *const *attrs)
{
	const struct entry *view = fake_view(fd, o);
	struct entry *e = view ? select_attrs(fd, o, view, attrs) : NULL;

	if (e && fd->shuffle)
		shuffle_values(fd, e);
	/* A view is as large as its object. */
	if (fd->n > MANY)
		entry_free(TAKE(o->view));
	return e;
}

/* ---- search ---- */

static bool
in_scope(const struct fakedir *fd, const struct object *o, const struct object *base,
    enum dir_scope scope)
{
	/* Configuration is a naming context of its own. */
	if (dn_norm_is_under(o->norm, fd->config_norm) !=
	    dn_norm_is_under(base->norm, fd->config_norm))
		return false;
	switch (scope) {
	case DIR_BASE: return o == base;
	case DIR_ONE: return *o->norm && strcmp(dn_parent(o->norm), base->norm) == 0;
	case DIR_SUBTREE: return dn_norm_is_under(o->norm, base->norm);
	}
	return false;
}

static bool
is_hit(struct fakedir *fd, struct object *o, const struct filter *f, int *rc)
{
	const struct entry *view = fake_view(fd, o);
	bool hit = view && filter_match(f, view);

	if (!view)
		*rc = -1;
	if (fd->n > MANY)
		entry_free(TAKE(o->view));
	return hit;
}

/* Those of the N objects V that Q asks for. */
static int
collect(struct fakedir *fd, const struct dir_query *q, const struct object *base,
    const struct filter *f, const struct fake_objects *from, struct fake_objects *ret)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->n && (!q->limit || ret->n < q->limit); i++) {
		struct object *o = from->v[i];

		if (o->hidden || (o->deleted && !q->deleted) || !in_scope(fd, o, base, q->scope) ||
		    !is_hit(fd, o, f, &rc))
			continue;
		rc = list_grow(ret->v, ret->n, ret->cap);
		if (rc == 0)
			ret->v[ret->n++] = o;
	}
	return rc;
}

/* Collects from the objects that Q can be about. */
static int
choose(struct fakedir *fd, const struct dir_query *q, struct object *base, const struct filter *f,
    struct fake_objects *ret)
{
	const struct fake_objects one = {&base, 1, 1}, every = {fd->objects, fd->n, fd->n};
	struct fake_objects l = {0};
	bool all;
	int rc;

	if (q->scope == DIR_BASE)
		return collect(fd, q, base, f, &one, ret);
	rc = fake_terms_find(fd, q->filter, &l, &all);
	if (rc == 0)
		rc = collect(fd, q, base, f, all ? &every : &l, ret);
	free(l.v);
	return rc;
}

int
fake_search(
    struct fakedir *fd, const struct dir_query *q, struct fake_objects *ret, struct err *err)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	struct object *base = NULL;
	struct err why;

	if (filter_parse(q->filter, &f, &why) < 0) {
		if (why.src == ERR_SYS)
			*err = why;
		else
			(void)err_ldap(err, LDAP_FILTER_ERROR, why.text, "search");
		return -1;
	}
	if (fake_resolve(fd, q->base, q->deleted, &base, err) < 0)
		return -1;
	if (!base)
		return err_ldap(err, LDAP_NO_SUCH_OBJECT,
		    "0000208D: NameErr: problem 2001 (NO_OBJECT)", "search");
	if (choose(fd, q, base, f, ret) < 0)
		return err_nomem(err);
	if (fd->shuffle)
		shuffle(fd, ret->v, ret->n);
	return 0;
}

int
fake_changed_since(struct fakedir *fd, uint64_t usn, struct fake_objects *ret, struct err *err)
{
	for (size_t i = 0; i < fd->n; i++) {
		struct object *o = fd->objects[i];

		if (o->usn <= usn || o->hidden || dn_norm_is_under(o->norm, fd->config_norm))
			continue;
		if (list_grow(ret->v, ret->n, ret->cap) < 0)
			return err_nomem(err);
		ret->v[ret->n++] = o;
	}
	if (fd->shuffle)
		shuffle(fd, ret->v, ret->n);
	return 0;
}
