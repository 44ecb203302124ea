/* SPDX-License-Identifier: MIT */
/*
 * What can be known before the first write: do the bases exist, does the account have the rights
 * it needs, does the schema know the attributes. Each failure names what is missing.
 *
 * AD says what the bound account may do in two constructed attributes of every object:
 * allowedChildClassesEffective and allowedAttributesEffective (MS-ADTS 3.1.1.4.5.12 and .16). The
 * latter has nothing that an object of its classes cannot have; allowedAttributes tells what that
 * is.
 */
#include "dsa/cycle/check.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/directory/dn.h"
#include "dsa/rules/rights.h"

static const char *const check_attrs[] = {"objectClass", "allowedChildClassesEffective",
    "allowedAttributes", "allowedAttributesEffective", NULL};

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

/* ---- attributes ---- */

/* What speaks for the objects of a class in a place. Of one object alone nothing follows: it may
 * have an access control list of its own, which no grant on the place reaches. */
#define SAMPLE 9

struct sample {
	struct entry *e[SAMPLE];
	size_t n;
};

static void
sample_done(struct sample *s)
{
	for (size_t i = 0; i < s->n; i++)
		entry_free(s->e[i]);
}

static inline void
sample_donep(struct sample *s)
{
	sample_done(s);
}

static int
keep(struct entry *e, void *arg, struct err *err)
{
	struct sample *s = arg;

	(void)err;
	if (s->n == SAMPLE)
		entry_free(e);
	else
		s->e[s->n++] = e;
	return 0;
}

static int
find_sample(struct dir *d, const struct rights_place *p, enum rights_class class,
    struct sample *ret, struct err *err)
{
	struct dir_query q = {
	    .base = p->dn, .scope = DIR_SUBTREE, .attrs = check_attrs, .limit = SAMPLE};
	char filter[160];

	/* Of a source, of those that galsync takes; and the rights that are inherited do not reach
	 * what AD protects. */
	(void)snprintf(filter, sizeof filter,
	    "(&(objectClass=%s)(mailNickname=*)%s(!(adminCount=1)))", rights_class_name(class),
	    p->sort == RIGHTS_SOURCE_SCOPE && class == RIGHTS_USER ? "(homeMDB=*)" : "");
	q.filter = filter;
	return d->ops->search(d, &q, keep, ret, err);
}

/* Room for names in a message, with what is said around them. */
#define NAMES_MAX 480

struct missing {
	char names[NAMES_MAX + 64]; /* "attributes a, b" */
	size_t n;
	bool essential;		/* without it nothing can be synchronized */
	const struct entry *at; /* one that it is missing at */
};

static void
add_missing(struct missing *m, const char *attr)
{
	size_t len = strlen(m->names);

	m->n++;
	m->essential |= strcmp(attr, "proxyAddresses") == 0;
	if (len + strlen(attr) < NAMES_MAX)
		(void)snprintf(
		    m->names + len, sizeof m->names - len, "%s%s", len ? ", " : "", attr);
}

/* Is the right to write ATTR to be seen at E? Not of what its classes cannot have, nor of what only
 * a new name changes. */
static bool
is_to_be_seen(const struct schema *schema, const struct entry *e, const char *attr)
{
	const struct attr *can = entry_find(e, "allowedAttributes");
	const struct schema_attr *a = schema_find(schema, attr);

	return a && !a->system_only && (!can || attr_has(can, bytes_of(attr), true));
}

static bool
may_write(const struct entry *e, const char *attr)
{
	const struct attr *may = entry_find(e, "allowedAttributesEffective");

	return may && attr_has(may, bytes_of(attr), true);
}

/* The first of most of S at which the right to write ATTR is missing, or NULL: where fewer lack it,
 * that is theirs, and told when they are to be written. */
static const struct entry *
most_lack(const struct sample *s, const struct schema *schema, const char *attr)
{
	const struct entry *first = NULL;
	size_t seen = 0, lacking = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!is_to_be_seen(schema, s->e[i], attr))
			continue;
		seen++;
		if (may_write(s->e[i], attr))
			continue;
		lacking++;
		if (!first)
			first = s->e[i];
	}
	return 2 * lacking > seen ? first : NULL;
}

/* The attributes of P that the account may not write on most of S, which is of CLASSES (0: P
 * itself). */
static struct missing
find_missing(const struct rights_place *p, unsigned classes, const struct schema *schema,
    const struct sample *s)
{
	struct missing m = {.n = 0};
	size_t shown = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct rights_attr *a = &p->attrs[i];
		const struct entry *at = a->classes == classes || (a->classes & classes)
					     ? most_lack(s, schema, a->name)
					     : NULL;

		if (!at)
			continue;
		add_missing(&m, a->name);
		if (!m.at)
			m.at = at;
	}
	for (const char *c = m.names; *c; c++)
		shown += *c == ',';
	if (m.n > shown + 1)
		(void)snprintf(m.names + strlen(m.names), sizeof m.names - strlen(m.names),
		    " and %zu more", m.n - shown - 1);
	return m;
}

/* What stops no cycle is said, and fails where it is needed. */
static int
judge_missing(
    struct cycle *c, const struct rights_place *p, const struct missing *m, struct err *err)
{
	enum side side = rights_side(p->sort);
	const char *many = m->n > 1 ? "s" : "";
	char right[sizeof m->names + 32];

	if (m->n == 0)
		return 0;
	if (p->sort == RIGHTS_SOURCE_SCOPE && m->essential) {
		(void)snprintf(right, sizeof right, "write attribute%s %.200s of", many, m->names);
		return missing_right(c, side, right, m->at->dn, err);
	}
	run_message(c->run, LOG_WARNING, NULL, m->at->dn,
	    "forest '%s': the account lacks the right to write attribute%s %s of objects such as "
	    "this one; grant it (delegate.sh does)",
	    c->run->dir[side]->name, many, m->names);
	return 0;
}

static int
check_class(struct cycle *c, const struct rights_place *p, enum rights_class class, struct err *err)
{
	struct dir *d = c->run->dir[rights_side(p->sort)];
	_cleanup_(sample_done) struct sample s = {.n = 0};
	struct missing m;

	if (find_sample(d, p, class, &s, err) < 0)
		return -1;
	m = find_missing(p, RIGHTS_BIT(class), d->ops->schema(d), &s);
	return judge_missing(c, p, &m, err);
}

static int
check_place(struct cycle *c, const struct rights_place *p, struct err *err)
{
	struct dir *d = c->run->dir[rights_side(p->sort)];
	_cleanup_(sample_done) struct sample s = {.n = 0};
	struct missing m;
	unsigned classes = 0;

	if (!p->dn || p->n == 0)
		return 0;
	if (d->ops->read(d, p->dn, check_attrs, &s.e[0], err) < 0)
		return -1;
	if (!s.e[0])
		return 0;
	s.n = 1;
	m = find_missing(p, 0, d->ops->schema(d), &s);
	if (judge_missing(c, p, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		classes |= p->attrs[i].classes;
	for (size_t i = 0; i < RIGHTS_CLASS_MAX; i++)
		if ((classes & RIGHTS_BIT(i)) && check_class(c, p, (enum rights_class)i, err) < 0)
			return -1;
	return 0;
}

static int
check_attributes(struct cycle *c, struct err *err)
{
	_cleanup_(rights_done) struct rights r = {.n = 0};

	if (rights_of(c->run->link, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.n; i++)
		if (check_place(c, &r.v[i], err) < 0)
			return -1;
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
		    check_target_ou(c, &l->scopes[i], err) < 0)
			return -1;
	return check_attributes(c, err) < 0 ? -1 : check_databases(c, err);
}
