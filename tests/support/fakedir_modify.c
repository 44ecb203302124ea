/* SPDX-License-Identifier: MIT */

/*
 * Values of the fake database. The modifications of a request are done in their order on a copy;
 * what must hold of the object as a whole is asked at the end, so that a request may replace the
 * one value of an attribute by deleting it and adding another.
 */

#include <ldap.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "tests/support/fakedir_write_priv.h"

static bool
values_equal(const struct schema_attr *a, struct bytes x, struct bytes y)
{
	/* References are kept by GUID. */
	return fake_schema_is_ref(a) ? bytes_equal(x, y)
				     : schema_compare(a, x, y) != SCHEMA_DIFFERENT;
}

static size_t
find_value(const struct schema_attr *a, const struct attr *have, struct bytes v)
{
	size_t i = 0;

	while (have && i < have->n_values && !values_equal(a, have->values[i], v))
		i++;
	return i;
}

/* Group membership has results of its own in AD. */
static bool
is_member(const struct schema_attr *a)
{
	return str_equal_nocase(a->name, "member");
}

int
fake_check_value(const struct fake_writer *w, const struct schema_attr *a, struct bytes v)
{
	char why[128];

	if (!v.len && a->syntax != SCHEMA_OCTETS)
		return fake_refuse(w, LDAP_INVALID_SYNTAX,
		    "00000057: LdapErr: problem 1001 (INVALID_SYNTAX): empty %s", a->name);
	if (schema_check_value(a, v, why, sizeof why))
		return 0;
	if (a->syntax == SCHEMA_BOOLEAN || strstr(why, "not "))
		return fake_refuse(w, LDAP_INVALID_SYNTAX,
		    "00000057: AtrErr: problem 1001 (INVALID_SYNTAX): %s: %s", a->name, why);
	return fake_refuse(w, LDAP_CONSTRAINT_VIOLATION,
	    "00002082: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE): %s: %s", a->name, why);
}

/* The schema's ATTR if the writer may write it. */
static int
writable(const struct fake_writer *w, const char *name, const struct schema_attr **ret)
{
	const struct schema_attr *a = schema_find(w->fd->schema, name);

	if (!a)
		return fake_refuse(w, LDAP_NO_SUCH_ATTRIBUTE,
		    "00000057: LdapErr: Error in attribute conversion operation: no '%s'", name);
	*ret = a;
	if (a->constructed_or_backlink)
		return fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
		    "00002077: SvcErr: problem 5003 (WILL_NOT_PERFORM): %s", a->name);
	if (w->system)
		return 0;
	if (a->system_only)
		return fake_refuse(w, LDAP_CONSTRAINT_VIOLATION,
		    "0000209A: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE): the system owns %s",
		    a->name);
	if (str_equal_nocase(a->name, "sIDHistory"))
		return fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
		    "0000209A: SvcErr: problem 5003 (WILL_NOT_PERFORM): %s", a->name);
	if (fake_denied(w->fd, a->name))
		return fake_refuse(w, LDAP_INSUFFICIENT_ACCESS,
		    "00000005: SecErr: problem 4003 (INSUFF_ACCESS_RIGHTS): write %s", a->name);
	return 0;
}

/* The object that a value of DN syntax names; *ret NULL: none. */
static int
resolve_ref(const struct fake_writer *w, struct bytes v, struct object **ret)
{
	if (fake_resolve(w->fd, v.data, false, ret, w->err) < 0)
		return w->err->src == ERR_SYS
			   ? -1
			   : fake_refuse(w, LDAP_INVALID_DN_SYNTAX,
				 "0000208F: NameErr: problem 2006 (BAD_NAME): '%s'",
				 (const char *)v.data);
	return 0;
}

/* V as the database keeps it. */
static int
checked_value(
    const struct fake_writer *w, const struct schema_attr *a, struct bytes v, struct bytes *ret)
{
	struct object *target = NULL;

	*ret = v;
	if (!fake_schema_is_ref(a))
		return fake_check_value(w, a, v);
	if (resolve_ref(w, v, &target) < 0)
		return -1;
	if (!target && is_member(a))
		return fake_refuse(w, LDAP_NO_SUCH_OBJECT,
		    "00000525: NameErr: problem 2001 (NO_OBJECT): '%s'", (const char *)v.data);
	if (!target)
		return fake_refuse(w, LDAP_CONSTRAINT_VIOLATION,
		    "000020B5: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE): %s '%s'", a->name,
		    (const char *)v.data);
	*ret = guid_bytes(&target->e->guid);
	return 0;
}

static int
add_checked(const struct fake_writer *w, struct entry *e, const struct schema_attr *a,
    const struct bytes *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct attr *have;
		struct bytes v;

		if (checked_value(w, a, values[i], &v) < 0)
			return -1;
		have = entry_find(e, a->name);
		if (have && find_value(a, have, v) < have->n_values)
			return is_member(a) ? fake_refuse(w, LDAP_ALREADY_EXISTS,
						  "00000562: UpdErr: problem 6005 (ENTRY_EXISTS)")
					    : fake_refuse(w, LDAP_TYPE_OR_VALUE_EXISTS,
						  "00002083: AtrErr: problem 1006 "
						  "(ATT_OR_VALUE_EXISTS): %s",
						  a->name);
		if (entry_add(e, a->name, v) < 0)
			return err_nomem(w->err);
	}
	return 0;
}

int
fake_add_values(const struct fake_writer *w, struct entry *e, const char *name,
    const struct bytes *values, size_t n)
{
	const struct schema_attr *a;

	return writable(w, name, &a) < 0 ? -1 : add_checked(w, e, a, values, n);
}

/* ---- modify ---- */

static void
drop_value(struct entry *e, const char *name, size_t at)
{
	struct attr *a = (struct attr *)(uintptr_t)entry_find(e, name);

	entry_drop_value(e, a, at);
	if (!a->n_values)
		entry_remove(e, name);
}

static int
not_there(const struct fake_writer *w, const struct schema_attr *a)
{
	return is_member(a)
		   ? fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
			 "00000561: SvcErr: problem 5003 (WILL_NOT_PERFORM)")
		   : fake_refuse(w, LDAP_NO_SUCH_ATTRIBUTE,
			 "00002085: AtrErr: problem 1001 (NO_ATTRIBUTE_OR_VAL): %s", a->name);
}

static int
delete_values(
    const struct fake_writer *w, struct entry *e, const struct schema_attr *a, const struct mod *m)
{
	if (!entry_find(e, a->name))
		return not_there(w, a);
	if (!m->n_values)
		entry_remove(e, a->name);
	for (size_t i = 0; i < m->n_values; i++) {
		const struct attr *have = entry_find(e, a->name);
		struct bytes v = m->values[i];
		size_t at;

		if (fake_schema_is_ref(a)) {
			struct object *target = NULL;

			if (resolve_ref(w, v, &target) < 0)
				return -1;
			if (!target)
				return not_there(w, a);
			v = guid_bytes(&target->e->guid);
		}
		at = find_value(a, have, v);
		if (!have || at == have->n_values)
			return not_there(w, a);
		drop_value(e, a->name, at);
	}
	return 0;
}

static int
modify_attr(const struct fake_writer *w, struct entry *e, const struct mod *m)
{
	const struct fake_class *c = fake_class_of(e);
	const struct schema_attr *a;

	if (str_equal_nocase(m->attr, "objectClass"))
		return fake_refuse(
		    w, LDAP_NO_OBJECT_CLASS_MODS, "0000207B: UpdErr: problem 6009 (CLASS)");
	if ((c && str_equal_nocase(m->attr, c->rdn_type)) || str_equal_nocase(m->attr, "name"))
		return fake_refuse(w, LDAP_NOT_ALLOWED_ON_RDN,
		    "00002016: UpdErr: problem 6004 (CANT_ON_RDN): %s", m->attr);
	if (writable(w, m->attr, &a) < 0)
		return -1;
	if (m->op == MOD_DELETE)
		return delete_values(w, e, a, m);
	if (m->op == MOD_ADD && !m->n_values)
		return fake_refuse(
		    w, LDAP_CONSTRAINT_VIOLATION, "00000057: LdapErr: no value of %s", a->name);
	if (m->op == MOD_REPLACE)
		entry_remove(e, a->name);
	return add_checked(w, e, a, m->values, m->n_values);
}

int
fake_apply_mods(const struct fake_writer *w, struct entry *e, size_t from)
{
	for (size_t i = from; i < w->c->n_mods; i++)
		if (modify_attr(w, e, &w->c->mods[i]) < 0)
			return -1;
	return 0;
}

int
fake_modify(const struct fake_writer *w)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct object *o;

	if (fake_writer_target(w, &o) < 0)
		return -1;
	if (!(e = entry_dup(o->e)))
		return err_nomem(w->err);
	if (fake_apply_mods(w, e, 0) < 0 || fake_check_group(w, o->e, e) < 0 ||
	    fake_check_entry(w, e, o) < 0 || fake_stamp(w, e, false) < 0)
		return -1;
	entry_free(o->e);
	o->e = TAKE(e);
	fake_commit(w->fd);
	return fake_index_put(w->fd, o) < 0 ? err_nomem(w->err) : 0;
}
