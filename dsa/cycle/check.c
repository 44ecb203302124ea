/* SPDX-License-Identifier: MIT */
/*
 * What can be known before the first write: do the bases exist, does the account have the rights
 * it needs, does the schema know the attributes. Each failure names what is missing.
 *
 * AD says what the bound account may do in two constructed attributes of every object:
 * allowedChildClassesEffective and allowedAttributesEffective (MS-ADTS 3.1.1.4.5.12 and .16).
 */
#include "dsa/cycle/check.h"

#include "dsa/directory/dn.h"

static const char *const check_attrs[] = {
    "objectClass", "allowedChildClassesEffective", "allowedAttributesEffective", NULL};

static bool
may_create(const struct entry *e, const char *class_name)
{
	const struct attr *a = entry_find(e, "allowedChildClassesEffective");

	return a && attr_has(a, bytes_of(class_name), true);
}

static int
missing_right(
    struct cycle *c, enum side side, const char *right, const char *where, struct err *err)
{
	return err_set(err, ERR_LDAP, ERR_LINK, ERR_NEVER, 50,
	    "forest '%s': the account lacks the right to %s '%s'; grant it (delegate.sh does) and "
	    "run again",
	    c->run->dir[side]->name, right, where);
}

/* The rights in the target OU, or to create it where it does not exist yet. */
static int
check_target_ou(struct cycle *c, const struct conf_scope *s, struct err *err)
{
	static const struct {
		unsigned kinds;
		const char *class_name, *right;
	} needs[] = {
	    {KIND_BIT(KIND_USER), "user", "create objects of class user in"},
	    {KIND_BIT(KIND_GROUP), "group", "create objects of class group in"},
	    {KIND_BIT(KIND_CONTACT) | KIND_BIT(KIND_DYNAMIC_GROUP) | KIND_BIT(KIND_PUBLIC_FOLDER),
		"contact", "create objects of class contact in"},
	};
	struct dir *d = c->run->dir[TARGET];
	_cleanup_(entry_free) struct entry *e = NULL;

	if (!dn_is_under(s->target_ou, d->ops->info(d)->domain_dn))
		return err_conf(err,
		    "%s:%d: target_ou '%s' lies outside the domain '%s' of forest '%s'",
		    c->run->link->file, s->line, s->target_ou, d->ops->info(d)->domain_dn, d->name);
	for (const char *ou = s->target_ou; *ou; ou = dn_parent(ou)) {
		if (d->ops->read(d, ou, check_attrs, &e, err) < 0)
			return -1;
		if (!e)
			continue;
		/* A mirrored tree has OUs below the target OU too. */
		if ((ou != s->target_ou || s->layout == LAYOUT_MIRROR) &&
		    !may_create(e, "organizationalUnit"))
			return missing_right(c, TARGET, "create organizational units in", ou, err);
		if (ou != s->target_ou)
			return 0;
		break;
	}
	for (size_t i = 0; e && s->create != CREATE_NOTHING && i < ARRAY_SIZE(needs); i++) {
		const char *class_name =
		    s->create == CREATE_CONTACT ? "contact" : needs[i].class_name;

		if ((s->kinds & needs[i].kinds) && !may_create(e, class_name))
			return missing_right(c, TARGET,
			    s->create == CREATE_CONTACT ? needs[2].right : needs[i].right,
			    s->target_ou, err);
	}
	return 0;
}

struct first {
	struct entry *e;
};

static int
keep_first(struct entry *e, void *arg, struct err *err)
{
	struct first *f = arg;

	(void)err;
	entry_free(f->e);
	f->e = e;
	return 0;
}

static int
check_source_base(struct cycle *c, const struct conf_scope *s, struct err *err)
{
	struct dir *d = c->run->dir[SOURCE];
	_cleanup_(entry_free) struct entry *e = NULL;

	if (d->ops->read(d, s->base, check_attrs, &e, err) < 0)
		return -1;
	if (!e)
		return err_conf(err, "%s:%d: base '%s' does not exist in forest '%s'",
		    c->run->link->file, s->line, s->base, d->name);
	return 0;
}

/* One mailbox of the base speaks for the others: may its addresses be written? */
static int
check_source_rights(struct cycle *c, const struct conf_scope *s, struct err *err)
{
	struct dir *d = c->run->dir[SOURCE];
	struct dir_query q = {.base = s->base,
	    .scope = DIR_SUBTREE,
	    .filter = "(&(objectClass=user)(homeMDB=*)(mailNickname=*))",
	    .attrs = check_attrs,
	    .limit = 1};
	struct first f = {0};
	int rc = d->ops->search(d, &q, keep_first, &f, err);
	_cleanup_(entry_free) struct entry *e = f.e;
	const struct attr *a = e ? entry_find(e, "allowedAttributesEffective") : NULL;

	if (rc < 0)
		return -1;
	if (e && !(a && attr_has(a, bytes_of("proxyAddresses"), true)))
		return missing_right(c, SOURCE, "write attribute proxyAddresses of", e->dn, err);
	return 0;
}

static int
check_databases(struct cycle *c, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];

	for (size_t i = 0; i < c->run->link->n_databases; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (d->ops->read(d, c->run->link->databases[i], check_attrs, &e, err) < 0)
			return -1;
		if (!e)
			return err_conf(err,
			    "link '%s': mailbox.databases: '%s' does not exist in forest '%s'",
			    c->run->link->name, c->run->link->databases[i], d->name);
	}
	return 0;
}

int
cycle_check(struct cycle *c, struct err *err)
{
	const struct conf_link *l = c->run->link;

	for (size_t i = 0; i < l->n_scopes; i++)
		if (check_source_base(c, &l->scopes[i], err) < 0 ||
		    check_source_rights(c, &l->scopes[i], err) < 0 ||
		    check_target_ou(c, &l->scopes[i], err) < 0)
			return -1;
	return check_databases(c, err);
}
