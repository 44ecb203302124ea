/* SPDX-License-Identifier: MIT */

/* What a group may become, and what may be in it: MS-ADTS 3.1.1.5.3, 3.1.1.4.5.21. */

#include <ldap.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/sid.h"
#include "tests/support/fakedir_write_priv.h"

#define GLOBAL 2
#define DOMAIN_LOCAL 4
#define UNIVERSAL 8

static bool
is_group(const struct entry *e)
{
	return entry_has_class(e, "group");
}

static int64_t
type_of(const struct entry *e)
{
	return entry_get_i64(e, "groupType", UNIVERSAL);
}

static int
refuse_type(const struct fake_writer *w, const char *why)
{
	return fake_refuse(w, LDAP_UNWILLING_TO_PERFORM,
	    "00002141: SvcErr: problem 5003 (WILL_NOT_PERFORM): %s", why);
}

/* A global group does not become domain local, nor the reverse. */
static int
check_step(const struct fake_writer *w, const struct entry *before, const struct entry *e)
{
	int64_t both = type_of(before) | type_of(e);

	return (both & GLOBAL) && (both & DOMAIN_LOCAL) && !(both & UNIVERSAL)
		   ? refuse_type(w, "groupType")
		   : 0;
}

/* May INNER be in OUTER? */
static bool
may_hold(const struct entry *outer, const struct entry *inner)
{
	int64_t type = type_of(outer);

	if (!is_group(inner))
		return true;
	if (type & GLOBAL)
		return type_of(inner) & GLOBAL;
	return !(type & UNIVERSAL) || !(type_of(inner) & DOMAIN_LOCAL);
}

/* Is the group E the primary one of USER? */
static bool
is_primary(const struct entry *e, const struct entry *user)
{
	uint32_t rid;

	return sid_rid(entry_get(e, "objectSid"), &rid) &&
	       entry_get_i64(user, "primaryGroupID", 0) == (int64_t)rid;
}

static const struct object *
object_of(const struct fake_writer *w, struct bytes value)
{
	struct guid g;

	return guid_from_bytes(value, &g) ? fake_find_guid(w->fd, &g, false) : NULL;
}

static int
check_members(const struct fake_writer *w, const struct entry *e)
{
	const struct attr *a = entry_find(e, "member");

	for (size_t i = 0; a && i < a->n_values; i++) {
		const struct object *o = object_of(w, a->values[i]);

		if (o && !may_hold(e, o->e))
			return refuse_type(w, "member");
		if (o && is_primary(e, o->e))
			return fake_refuse(w, LDAP_ALREADY_EXISTS,
			    "00000562: UpdErr: problem 6005 (ENTRY_EXISTS): primary group");
	}
	return 0;
}

/* E is in groups that may not hold what it becomes. */
static int
check_containers(const struct fake_writer *w, const struct entry *e)
{
	struct fake_objects l = {0};
	bool fits = true;
	int rc = fake_index_all(&w->fd->index, fake_hash(FAKE_KEY_REF, guid_bytes(&e->guid)), &l);

	for (size_t i = 0; i < l.n; i++) {
		const struct object *o = l.v[i];
		const struct attr *a = o->deleted ? NULL : entry_find(o->e, "member");

		if (a && attr_has(a, guid_bytes(&e->guid), false) && !may_hold(o->e, e))
			fits = false;
	}
	free(l.v);
	if (rc < 0)
		return err_nomem(w->err);
	return fits ? 0 : refuse_type(w, "groupType, because of the groups that it is in");
}

static bool
touches(const struct change *c, const char *attr)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (str_equal_nocase(c->mods[i].attr, attr))
			return true;
	return c->op == CHANGE_ADD;
}

int
fake_check_group(const struct fake_writer *w, const struct entry *before, const struct entry *e)
{
	bool typed = touches(w->c, "groupType");

	if (!is_group(e))
		return 0;
	if (before && check_step(w, before, e) < 0)
		return -1;
	if (w->system)
		return 0;
	if ((typed || touches(w->c, "member")) && check_members(w, e) < 0)
		return -1;
	return before && typed ? check_containers(w, e) : 0;
}
