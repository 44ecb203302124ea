/* SPDX-License-Identifier: MIT */

/*
 * Renames, deletions and returns of the fake database. The name of an object ends in the name of
 * its parent, octet for octet: so a subtree moves by exchanging the ends of its names.
 */

#include <ldap.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "tests/support/fakedir_write_priv.h"

/* ---- rename ---- */

struct name {
	char *dn, *norm;
};

struct names {
	struct name *v;
	size_t n;
};

static void
names_donep(struct names *l)
{
	for (size_t i = 0; l->v && i < l->n; i++) {
		free(l->v[i].dn);
		free(l->v[i].norm);
	}
	free(l->v);
}

/* The new names of everything from O downwards; empty places for all others. */
static int
new_names(const struct fake_writer *w, const struct object *o, const char *dn, const char *norm,
    struct names *l)
{
	size_t dn_len = strlen(o->e->dn), norm_len = strlen(o->norm);

	l->n = w->fd->n;
	if (!(l->v = calloc(l->n + 1, sizeof *l->v)))
		return err_nomem(w->err);
	for (size_t i = 0; i < l->n; i++) {
		const struct object *p = w->fd->objects[i];

		if (!dn_norm_is_under(p->norm, o->norm))
			continue;
		l->v[i].dn = str_printf("%.*s%s", (int)(strlen(p->e->dn) - dn_len), p->e->dn, dn);
		l->v[i].norm =
		    str_printf("%.*s%s", (int)(strlen(p->norm) - norm_len), p->norm, norm);
		if (!l->v[i].dn || !l->v[i].norm)
			return err_nomem(w->err);
	}
	return 0;
}

static int
take_names(struct fakedir *fd, struct names *l)
{
	int rc = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct object *o = fd->objects[i];

		if (!l->v[i].dn)
			continue;
		free(o->norm);
		entry_set_dn(o->e, TAKE(l->v[i].dn));
		o->norm = TAKE(l->v[i].norm);
		if (fake_index_put(fd, o) < 0)
			rc = -1;
	}
	fd->names++;
	return rc;
}

/* The object that O is to be under. */
static int
find_parent(const struct fake_writer *w, const struct object *o, struct object **ret)
{
	struct object *parent = NULL;

	if (!w->c->new_parent)
		parent = fake_find_norm(w->fd, dn_parent(o->norm), false);
	else if (fake_resolve(w->fd, w->c->new_parent, false, &parent, w->err) < 0)
		return -1;
	if (!parent)
		return fake_refuse(w, LDAP_NO_SUCH_OBJECT,
		    "0000208D: NameErr: problem 2001 (NO_OBJECT): the new parent");
	if (dn_norm_is_under(parent->norm, o->norm))
		return fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
		    "00002089: SvcErr: problem 5003 (WILL_NOT_PERFORM): below itself");
	if (dn_norm_is_under(parent->norm, w->fd->config_norm) !=
	    dn_norm_is_under(o->norm, w->fd->config_norm))
		return fake_refuse(w, LDAP_AFFECTS_MULTIPLE_DSAS,
		    "00002015: UpdErr: problem 6003 (AFFECTS_MULTIPLE_DSAS)");
	*ret = parent;
	return 0;
}

/* The value in new_rdn, which must be of the type of O's class. */
static int
new_value(const struct fake_writer *w, const struct object *o, char **ret)
{
	const struct fake_class *c = fake_class_of(o->e);
	const struct schema_attr *a = schema_find(w->fd->schema, c->rdn_type);
	_cleanup_(free) char *norm = dn_normalize(w->c->new_rdn, w->err);
	_cleanup_(free) char *value = norm ? dn_rdn_value(w->c->new_rdn, w->err) : NULL;

	if (!value)
		return w->err->src == ERR_SYS ? -1
					      : fake_refuse(w, LDAP_INVALID_DN_SYNTAX,
						    "0000208F: NameErr: problem 2006 (BAD_NAME)");
	if (!str_starts_nocase(norm, c->rdn_type) || norm[strlen(c->rdn_type)] != '=')
		return fake_refuse(w, LDAP_NAMING_VIOLATION,
		    "00002099: NameErr: problem 2004 (NAMING_VIOLATION): a %s is named by %s",
		    c->name, c->rdn_type);
	if (a && fake_check_value(w, a, bytes_of(value)) < 0)
		return -1;
	*ret = TAKE(value);
	return 0;
}

static int
set_names(const struct fake_writer *w, struct entry *e, const char *value)
{
	_cleanup_(free) char *type = str_lower_dup(fake_class_of(e)->rdn_type);

	return !type || entry_set_str(e, type, value) < 0 || entry_set_str(e, "name", value) < 0
		   ? err_nomem(w->err)
		   : 0;
}

int
fake_rename(const struct fake_writer *w)
{
	_cleanup_(free) char *value = NULL, *dn = NULL, *norm = NULL;
	_cleanup_(names_done) struct names names = {0};
	_cleanup_(entry_free) struct entry *e = NULL;
	struct object *o, *parent = NULL;

	if (fake_writer_target(w, &o) < 0 || find_parent(w, o, &parent) < 0 ||
	    new_value(w, o, &value) < 0 || fake_check_sibling(w, parent->norm, value, o) < 0)
		return -1;
	dn = dn_build(fake_class_of(o->e)->rdn_type, value, parent->e->dn);
	norm = dn ? dn_normalize(dn, w->err) : NULL;
	if (!norm || !(e = entry_dup(o->e)))
		return err_nomem(w->err);
	if (set_names(w, e, value) < 0 || fake_stamp(w, e, false) < 0 ||
	    new_names(w, o, dn, norm, &names) < 0)
		return -1;
	entry_free(o->e);
	o->e = TAKE(e);
	fake_commit(w->fd);
	return take_names(w->fd, &names) < 0 ? err_nomem(w->err) : 0;
}

/* ---- delete ---- */

static bool
has_children(const struct fakedir *fd, const struct object *o)
{
	uint64_t hash = fake_hash(FAKE_KEY_CHILD, bytes_of(o->norm));
	const struct object *child = NULL;

	while ((child = fake_index_next(&fd->index, hash, child)))
		if (!child->deleted && strcmp(dn_parent(child->norm), o->norm) == 0)
			return true;
	return false;
}

/* What stays of an attribute: unlinked, and marked so in the schema. */
static int
keep_attr(const struct fake_writer *w, const struct attr *a, struct entry *ret)
{
	const struct schema_attr *s = schema_find(w->fd->schema, a->name);

	if ((s && s->link_id) ||
	    (!fake_schema_kept(a->name) && !str_starts_nocase(a->name, "uSN") &&
		!str_starts_nocase(a->name, "when")))
		return 0;
	for (size_t i = 0; i < a->n_values; i++)
		if (entry_add(ret, a->name, a->values[i]) < 0)
			return err_nomem(w->err);
	return 0;
}

static int
make_tombstone(const struct fake_writer *w, const struct object *o, struct entry **ret)
{
	const struct object *parent = fake_find_norm(w->fd, dn_parent(o->norm), false);
	const struct object *bin = fake_find_norm(w->fd, w->fd->deleted_norm, true);
	_cleanup_(free) char *plain = dn_rdn_value(o->e->dn, w->err);
	_cleanup_(free) char *value = NULL, *dn = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	char guid[GUID_TEXT_SIZE];

	guid_format(&o->e->guid, guid);
	value = plain ? str_printf("%s\nDEL:%s", plain, guid) : NULL;
	dn = value ? dn_build(fake_class_of(o->e)->rdn_type, value, bin->e->dn) : NULL;
	if (!dn || !(e = entry_new(dn)))
		return err_nomem(w->err);
	for (size_t i = 0; i < o->e->n_attrs; i++)
		if (keep_attr(w, &o->e->attrs[i], e) < 0)
			return -1;
	if (entry_set_str(e, "isDeleted", "TRUE") < 0 ||
	    (parent && entry_set(e, "lastKnownParent", guid_bytes(&parent->e->guid)) < 0))
		return err_nomem(w->err);
	if (set_names(w, e, value) < 0 || fake_stamp(w, e, false) < 0)
		return -1;
	*ret = TAKE(e);
	return 0;
}

/* The linked values of E that name GONE. */
static void
drop_links_of(const struct fakedir *fd, struct entry *e, const struct guid *gone)
{
	for (size_t j = 0; j < e->n_attrs; j++) {
		struct attr *a = &e->attrs[j];
		const struct schema_attr *s = schema_find(fd->schema, a->name);
		size_t had = a->n_values;

		for (size_t k = had; s && s->link_id && k-- > 0;)
			if (bytes_equal(a->values[k], guid_bytes(gone)))
				entry_drop_value(e, a, k);
		if (had && !a->n_values) {
			entry_remove(e, a->name);
			j--; /* another attribute has taken its place */
		}
	}
}

/* Linked values that name GONE vanish, without a new USN for their holders: as in AD, nothing tells
 * a change feed of it. */
static int
drop_links(struct fakedir *fd, const struct guid *gone)
{
	struct fake_objects l = {0};
	int rc = fake_index_all(&fd->index, fake_hash(FAKE_KEY_REF, guid_bytes(gone)), &l);

	fake_objects_order(&l);
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		drop_links_of(fd, l.v[i]->e, gone);
		rc = fake_index_put(fd, l.v[i]);
	}
	free(l.v);
	return rc;
}

int
fake_delete(const struct fake_writer *w)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct object *o;
	char *norm;

	if (fake_writer_target(w, &o) < 0)
		return -1;
	if (has_children(w->fd, o))
		return fake_refuse(w, LDAP_NOT_ALLOWED_ON_NONLEAF,
		    "00002015: UpdErr: problem 6003 (CANT_ON_NON_LEAF)");
	if (entry_get_bool(o->e, "isCriticalSystemObject"))
		return fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
		    "00002094: SvcErr: problem 5003 (WILL_NOT_PERFORM): critical");
	if (make_tombstone(w, o, &e) < 0 || !(norm = dn_normalize(e->dn, w->err)))
		return -1;
	entry_free(o->e);
	free(o->norm);
	o->e = TAKE(e);
	o->norm = norm;
	o->deleted = true;
	w->fd->names++;
	fake_commit(w->fd);
	return fake_index_put(w->fd, o) < 0 || drop_links(w->fd, &o->e->guid) < 0
		   ? err_nomem(w->err)
		   : 0;
}

/* ---- return ---- */

/* The tombstone that the change names: by name, as the real directory does. */
static int
find_tombstone(const struct fake_writer *w, struct object **ret)
{
	*ret = NULL;
	if (fake_resolve(w->fd, w->c->dn, true, ret, w->err) < 0)
		return -1;
	return *ret && (*ret)->deleted
		   ? 0
		   : fake_refuse(w, LDAP_NO_SUCH_OBJECT,
			 "0000208D: NameErr: problem 2001 (NO_OBJECT): no tombstone");
}

/* Its full name, with the parent's spelling. */
static int
name_back(const struct fake_writer *w, const struct object *o, const char *to, char **ret_value,
    char **ret_dn)
{
	_cleanup_(free) char *norm = dn_normalize(to, w->err);
	_cleanup_(free) char *value = norm ? dn_rdn_value(to, w->err) : NULL;
	const struct object *parent = value ? fake_find_norm(w->fd, dn_parent(norm), false) : NULL;

	if (!value)
		return -1;
	if (!parent)
		return fake_refuse(
		    w, LDAP_NO_SUCH_OBJECT, "0000208D: NameErr: problem 2001 (NO_OBJECT)");
	if (fake_check_sibling(w, dn_parent(norm), value, o) < 0)
		return -1;
	*ret_dn = dn_build(fake_class_of(o->e)->rdn_type, value, parent->e->dn);
	*ret_value = TAKE(value);
	return *ret_dn ? 0 : err_nomem(w->err);
}

/* As Samba, which gives it some attributes that it did not have. */
static int
fill_back(const struct fake_writer *w, struct entry *e, const char *value)
{
	entry_remove(e, "isDeleted");
	if (set_names(w, e, value) < 0)
		return -1;
	if (fake_class_of(e)->security && entry_set_str(e, "adminCount", "0") < 0)
		return err_nomem(w->err);
	return fake_apply_mods(w, e, 2);
}

int
fake_bring_back(const struct fake_writer *w)
{
	_cleanup_(free) char *value = NULL, *dn = NULL, *norm = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	struct object *o;

	if (find_tombstone(w, &o) < 0)
		return -1;
	if (w->fd->refuse_back_rc)
		return fake_refuse(w, w->fd->refuse_back_rc, "no object is brought back");
	if (name_back(w, o, change_brought_back(w->c), &value, &dn) < 0)
		return -1;
	norm = dn_normalize(dn, w->err);
	if (!norm || !(e = entry_dup(o->e)))
		return err_nomem(w->err);
	entry_set_dn(e, TAKE(dn));
	if (fill_back(w, e, value) < 0 || fake_check_group(w, NULL, e) < 0 ||
	    fake_check_entry(w, e, o) < 0 || fake_stamp(w, e, false) < 0)
		return -1;
	entry_free(o->e);
	free(o->norm);
	o->e = TAKE(e);
	o->norm = TAKE(norm);
	o->deleted = false;
	w->fd->names++;
	fake_commit(w->fd);
	return fake_index_put(w->fd, o) < 0 ? err_nomem(w->err) : 0;
}
