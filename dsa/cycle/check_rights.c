/* SPDX-License-Identifier: MIT */
/*
 * AD says what the bound account may do in two constructed attributes of every object:
 * allowedChildClassesEffective and allowedAttributesEffective (MS-ADTS 3.1.1.4.5.12 and .16). The
 * latter has nothing that an object of its classes cannot have; allowedAttributes tells what that
 * is.
 */
#include "dsa/cycle/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/rules/rights.h"
#include "dsa/run/sides.h"

static void
lacks(const struct check *k, enum mistake_weight weight, enum side side,
    const struct mistake_at *at, const char *right)
{
	mistakes_add(k->found, weight, k->run->link, at,
	    "forest '%s': the account lacks the right to %s; grant it (delegate.sh does)",
	    k->run->dir[side]->name, right);
}

/* ---- creating ---- */

static void
judge_creating(const struct check *k, const struct conf_scope *s, const struct entry *e,
    const char *class_name)
{
	struct mistake_at at = mistake_at(k->run->link, s->target_ou, "target_ou");
	char right[512];

	at.line = s->line;
	if (check_may_create(e, class_name))
		return;
	if (strcmp(class_name, "organizationalUnit") == 0)
		(void)snprintf(
		    right, sizeof right, "create organizational units in '%s'", s->target_ou);
	else
		(void)snprintf(right, sizeof right, "create objects of class %s in '%s'",
		    class_name, s->target_ou);
	lacks(k, MISTAKE_RIGHTS, TARGET, &at, right);
}

/* In the target OU, if it is there. */
static int
check_creating(const struct check *k, const struct conf_scope *s, struct err *err)
{
	static const struct {
		unsigned kinds;
		const char *class_name;
	} needs[] = {
	    {KIND_BIT(KIND_USER), "user"},
	    {KIND_BIT(KIND_GROUP), "group"},
	    {KIND_BIT(KIND_CONTACT) | KIND_BIT(KIND_DYNAMIC_GROUP) | KIND_BIT(KIND_PUBLIC_FOLDER),
		"contact"},
	};
	_cleanup_(entry_free) struct entry *e = NULL;

	if (check_read(k, TARGET, s->target_ou, &e, err) < 0)
		return -1;
	/* A mirrored tree has OUs below the target OU too. */
	if (e && s->layout == LAYOUT_MIRROR)
		judge_creating(k, s, e, "organizationalUnit");
	for (size_t i = 0; e && s->create != CREATE_NOTHING && i < ARRAY_SIZE(needs); i++)
		if (s->kinds & needs[i].kinds)
			judge_creating(
			    k, s, e, s->create == CREATE_CONTACT ? "contact" : needs[i].class_name);
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

static struct mistake_at
at_place(const struct check *k, const struct rights_place *p)
{
	return mistake_at(k->run->link, p->dn ? p->dn : k->run->link->name,
	    p->dn ? rights_sort_name(p->sort) : "name");
}

/* What stops no cycle is said, and fails where it is needed. */
static void
judge_missing(
    const struct check *k, const struct rights_place *p, unsigned classes, const struct missing *m)
{
	const struct mistake_at at = at_place(k, p);
	bool stops = p->sort == RIGHTS_SOURCE_SCOPE && m->essential;
	_cleanup_(free) char *right = NULL;

	if (m->n == 0)
		return;
	right = str_printf("write attribute%s %s of %s'%s'", m->n > 1 ? "s" : "", m->names,
	    classes ? "objects such as " : "", m->at->dn);
	if (right)
		lacks(k, stops ? MISTAKE_RIGHTS : MISTAKE_WARNS, rights_side(p->sort), &at, right);
	else
		k->found->nomem = true;
}

static int
check_class(
    const struct check *k, const struct rights_place *p, enum rights_class class, struct err *err)
{
	struct dir *d = k->run->dir[rights_side(p->sort)];
	_cleanup_(sample_done) struct sample s = {.n = 0};
	struct missing m;

	if (find_sample(d, p, class, &s, err) < 0)
		return -1;
	m = find_missing(p, RIGHTS_BIT(class), d->ops->schema(d), &s);
	judge_missing(k, p, RIGHTS_BIT(class), &m);
	return 0;
}

static int
check_place(const struct check *k, const struct rights_place *p, struct err *err)
{
	enum side side = rights_side(p->sort);
	struct dir *d = k->run->dir[side];
	_cleanup_(sample_done) struct sample s = {.n = 0};
	struct missing m;
	unsigned classes = 0;

	if (!p->dn || p->n == 0 || !k->open[side])
		return 0;
	if (check_read(k, side, p->dn, &s.e[0], err) < 0)
		return -1;
	if (!s.e[0])
		return 0;
	s.n = 1;
	m = find_missing(p, 0, d->ops->schema(d), &s);
	judge_missing(k, p, 0, &m);
	for (size_t i = 0; i < p->n; i++)
		classes |= p->attrs[i].classes;
	for (size_t i = 0; i < RIGHTS_CLASS_MAX; i++)
		if ((classes & RIGHTS_BIT(i)) && check_class(k, p, (enum rights_class)i, err) < 0)
			return -1;
	return 0;
}

struct looking {
	const struct check *k;
	const struct rights *r;
	struct mistakes *found; /* of each place */
};

static int
check_side(enum side side, void *arg, struct err *err)
{
	const struct looking *l = arg;

	for (size_t i = 0; i < l->r->n; i++) {
		struct check own = *l->k;

		own.found = &l->found[i];
		if (rights_side(l->r->v[i].sort) == side && check_place(&own, &l->r->v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Both forests at once; what is found stands in the order of the places. */
static int
check_all_places(const struct check *k, const struct rights *r, struct err *err)
{
	struct looking l = {k, r, calloc(r->n + 1, sizeof *l.found)};
	int rc;

	if (!l.found)
		return err_nomem(err);
	rc = sides_run(check_side, &l, err);
	for (size_t i = 0; i < r->n; i++)
		mistakes_join(k->found, &l.found[i]);
	free(l.found);
	return rc;
}

int
check_rights(const struct check *k, struct err *err)
{
	const struct conf_link *l = k->run->link;
	_cleanup_(rights_done) struct rights r = {.n = 0};

	for (size_t i = 0; k->open[TARGET] && i < l->n_scopes; i++)
		if (check_creating(k, &l->scopes[i], err) < 0)
			return -1;
	return rights_of(l, &r, err) < 0 ? -1 : check_all_places(k, &r, err);
}
