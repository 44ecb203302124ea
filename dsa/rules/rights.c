/* SPDX-License-Identifier: MIT */
#include "dsa/rules/rights.h"

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/heir.h"
#include "dsa/rules/project.h"
#include "dsa/rules/table.h"
#include "mapping/match.h"

enum side
rights_side(enum rights_sort sort)
{
	return sort == RIGHTS_TARGET_OU || sort == RIGHTS_MATCH_SCOPE ? TARGET : SOURCE;
}

const char *
rights_sort_name(enum rights_sort sort)
{
	static const char *const names[] = {[RIGHTS_SOURCE_SCOPE] = "source-scope",
	    [RIGHTS_MARKER_GROUP] = "marker-group",
	    [RIGHTS_RETURN_OU] = "return-ou",
	    [RIGHTS_TARGET_OU] = "target-ou",
	    [RIGHTS_MATCH_SCOPE] = "match-scope"};

	_Static_assert(ARRAY_SIZE(names) == RIGHTS_SORT_MAX, "a name for each sort");
	return names[sort];
}

const char *
rights_class_name(enum rights_class c)
{
	static const char *const names[] = {[RIGHTS_USER] = "user",
	    [RIGHTS_CONTACT] = "contact",
	    [RIGHTS_GROUP] = "group",
	    [RIGHTS_DYNAMIC_GROUP] = "msExchDynamicDistributionList",
	    [RIGHTS_PUBLIC_FOLDER] = "publicFolder",
	    [RIGHTS_OU] = "organizationalUnit"};

	_Static_assert(ARRAY_SIZE(names) == RIGHTS_CLASS_MAX, "a name for each class");
	return names[c];
}

void
rights_done(struct rights *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].attrs);
	free(r->v);
	*r = (struct rights){.n = 0};
}

/* ---- places ---- */

static bool
same_dn(const char *x, const char *y)
{
	return x == y || (x && y && dn_equal(x, y));
}

static int
get_place(struct rights *r, enum rights_sort sort, const char *dn, struct rights_place **ret,
    struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].sort == sort && same_dn(r->v[i].dn, dn)) {
			*ret = &r->v[i];
			return 0;
		}
	if (list_grow(r->v, r->n, r->cap) < 0)
		return err_nomem(err);
	*ret = &r->v[r->n++];
	**ret = (struct rights_place){.sort = sort, .dn = dn};
	return 0;
}

static int
add_attr(struct rights_place *p, const char *name, unsigned classes, struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_equal_nocase(p->attrs[i].name, name)) {
			p->attrs[i].classes |= classes;
			return 0;
		}
	if (list_grow(p->attrs, p->n, p->cap) < 0)
		return err_nomem(err);
	p->attrs[p->n++] = (struct rights_attr){name, classes};
	return 0;
}

/* ---- source ---- */

static unsigned
source_classes(unsigned kinds)
{
	static const unsigned of[KIND_MAX] = {[KIND_USER] = RIGHTS_BIT(RIGHTS_USER),
	    [KIND_CONTACT] = RIGHTS_BIT(RIGHTS_CONTACT),
	    [KIND_GROUP] = RIGHTS_BIT(RIGHTS_GROUP),
	    [KIND_DYNAMIC_GROUP] = RIGHTS_BIT(RIGHTS_DYNAMIC_GROUP),
	    [KIND_PUBLIC_FOLDER] = RIGHTS_BIT(RIGHTS_PUBLIC_FOLDER)};
	unsigned classes = 0;

	for (size_t k = 0; k < KIND_MAX; k++)
		if (kinds & KIND_BIT(k))
			classes |= of[k];
	return classes;
}

/* Only where mail can be turned to the other side is a source object redirected, marked and
 * guarded. */
static bool
redirects(const struct conf_link *link, const struct conf_scope *s)
{
	return (s->kinds & KIND_BIT(KIND_USER)) && link->source->redirect_domain &&
	       link->target->redirect_domain;
}

/* The classes of what names others in ATTR. */
static unsigned
naming_classes(const char *attr)
{
	static const struct {
		const char *attr;
		unsigned classes;
	} some[] = {{"member", RIGHTS_BIT(RIGHTS_GROUP)}, {"managedBy", RIGHTS_BIT(RIGHTS_GROUP)},
	    {"msExchCoManagedByLink", RIGHTS_BIT(RIGHTS_GROUP)},
	    {"altRecipient", RIGHTS_BIT(RIGHTS_USER)}, {"publicDelegates", RIGHTS_BIT(RIGHTS_USER)},
	    {"manager", RIGHTS_BIT(RIGHTS_USER) | RIGHTS_BIT(RIGHTS_CONTACT)}};

	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		if (str_equal_nocase(attr, some[i].attr))
			return some[i].classes;
	return RIGHTS_BIT(RIGHTS_USER) | RIGHTS_BIT(RIGHTS_CONTACT) | RIGHTS_BIT(RIGHTS_GROUP);
}

/* What names a contact that gives way names its heir instead. */
static int
add_references(struct rights_place *p, struct err *err)
{
	const char *attr;

	for (size_t i = 0; (attr = heir_reference(i)); i++)
		if (add_attr(p, attr, naming_classes(attr), err) < 0)
			return -1;
	return 0;
}

/* A contact that gives way (heir.h). */
static int
add_giving_way(struct rights_place *p, struct err *err)
{
	const char *attr;

	p->deletes |= RIGHTS_BIT(RIGHTS_CONTACT);
	for (size_t i = 0; (attr = heir_attr(i)); i++)
		if (add_attr(p, attr, RIGHTS_BIT(RIGHTS_CONTACT), err) < 0)
			return -1;
	return 0;
}

struct back {
	struct rights_place *place;
	const struct conf_scope *scope;
	unsigned turned; /* kinds whose authority can lie with the target */
	struct err *err;
};

/* The right to write an attribute that may flow back. */
static int
add_back_row(const struct row *row, void *arg)
{
	struct back *b = arg;
	unsigned kinds = b->scope->kinds & row->kinds;

	if (row->authority != AUTHORITY_TARGET)
		kinds &= b->turned;
	if (row->compute == compute_back_hidden && b->scope->hidden_leaves)
		return 0;
	return kinds ? add_attr(b->place, row->attr, source_classes(kinds), b->err) : 0;
}

static int
add_back(struct rights *r, const struct conf_scope *s, struct rights_place *p, struct err *err)
{
	struct back b = {p, s, s->authority == TARGET ? ~0U : 0, err};

	if (redirects(r->link, s))
		b.turned |= KIND_BIT(KIND_USER);
	return table_each_back_row(r->link, add_back_row, &b);
}

static int
add_source(struct rights *r, const struct conf_scope *s, struct err *err)
{
	const char *const turned[] = {
	    "targetAddress", "msExchCalendarRepairDisabled", r->link->marker_attribute};
	struct rights_place *p;

	if (get_place(r, RIGHTS_SOURCE_SCOPE, s->base, &p, err) < 0 ||
	    add_attr(p, "proxyAddresses", source_classes(s->kinds), err) < 0)
		return -1;
	for (size_t i = 0; redirects(r->link, s) && i < ARRAY_SIZE(turned); i++)
		if (add_attr(p, turned[i], RIGHTS_BIT(RIGHTS_USER), err) < 0)
			return -1;
	if (s->kinds & KIND_BIT(KIND_USER))
		p->self = r->link->client_attribute;
	if (r->link->return_contacts_ou && add_references(p, err) < 0)
		return -1;
	return add_back(r, s, p, err);
}

/* ---- target ---- */

/* The classes that counterparts of a scope's objects have, and what may be done to objects of each
 * kind of source. */
struct counterparts {
	const struct conf_scope *scope;
	struct rights_place *place;
	unsigned classes[KIND_MAX]; /* by the kind of the source */
	unsigned when;		    /* WHEN_ bits of the rows that are written there */
	struct err *err;
};

static unsigned
classes_of_shapes(unsigned shapes)
{
	unsigned classes = 0;

	if (shapes & (SHAPE_BIT(SHAPE_MAILBOX) | SHAPE_BIT(SHAPE_MAIL_USER) |
			 SHAPE_BIT(SHAPE_REMOTE_MAILBOX)))
		classes |= RIGHTS_BIT(RIGHTS_USER);
	if (shapes & SHAPE_BIT(SHAPE_CONTACT))
		classes |= RIGHTS_BIT(RIGHTS_CONTACT);
	if (shapes & SHAPE_BIT(SHAPE_GROUP))
		classes |= RIGHTS_BIT(RIGHTS_GROUP);
	return classes;
}

/* Has the scope a use for ROW at all? */
static bool
is_used(const struct counterparts *c, const struct row *row)
{
	if (row->shapes == SHAPE_BIT(SHAPE_REMOTE_MAILBOX))
		return c->scope->create == CREATE_REMOTE_MAILBOX;
	return row->compute != compute_master_sid || c->scope->linked;
}

static int
add_row(const struct row *row, void *arg)
{
	struct counterparts *c = arg;
	unsigned classes = 0;

	if (!(row->when & c->when) || !is_used(c, row))
		return 0;
	for (size_t k = 0; k < KIND_MAX; k++)
		if (row->kinds & KIND_BIT(k))
			classes |= c->classes[k];
	classes &= classes_of_shapes(row->shapes);
	return classes ? add_attr(c->place, row->attr, classes, c->err) : 0;
}

static unsigned
all_classes(const struct counterparts *c)
{
	unsigned classes = 0;

	for (size_t k = 0; k < KIND_MAX; k++)
		classes |= c->classes[k];
	return classes;
}

/* What is done to created objects beside the table: a new name, and the end of an account. */
static int
add_owned(struct counterparts *c)
{
	unsigned all = all_classes(c), users = all & RIGHTS_BIT(RIGHTS_USER);

	if (all && (add_attr(c->place, "cn", all, c->err) < 0 ||
		       add_attr(c->place, "name", all, c->err) < 0))
		return -1;
	if (users && c->scope->on_leave == LEAVE_DISABLE &&
	    add_attr(c->place, "userAccountControl", users, c->err) < 0)
		return -1;
	if (c->scope->on_leave == LEAVE_DELETE)
		c->place->deletes |= all;
	return 0;
}

/* The classes of what is created for objects of kind K. */
static unsigned
created_classes(const struct conf_scope *s, size_t k)
{
	if (s->create == CREATE_NOTHING)
		return 0;
	if (s->create == CREATE_CONTACT || (k != KIND_USER && k != KIND_GROUP))
		return RIGHTS_BIT(RIGHTS_CONTACT);
	return RIGHTS_BIT(k == KIND_USER ? RIGHTS_USER : RIGHTS_GROUP);
}

static bool
promotes(const struct conf_link *link, const struct conf_scope *s)
{
	return link->promote_contacts && (s->kinds & KIND_BIT(KIND_USER)) &&
	       match_judge(KIND_USER, KIND_CONTACT, s->create == CREATE_CONTACT) == MATCH_PROMOTE;
}

/* Does the scope make contacts for users or groups, in whose place a real one may be found? */
static bool
finds_heirs(const struct conf_link *link, const struct conf_scope *s)
{
	for (size_t i = 0; i < link->n_match; i++)
		if (link->match[i].method == MATCH_X500_ON_TARGET ||
		    link->match[i].method == MATCH_SID_ON_TARGET)
			return !link->forth && s->create == CREATE_CONTACT &&
			       (s->kinds & (KIND_BIT(KIND_USER) | KIND_BIT(KIND_GROUP)));
	return false;
}

/* The contact is stamped for its heir, and gets another name. */
static int
add_promoted(struct rights *r, struct rights_place *p, struct err *err)
{
	const char *const more[] = {r->link->target->stamp_attribute, "cn", "name"};

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (add_attr(p, more[i], RIGHTS_BIT(RIGHTS_CONTACT), err) < 0)
			return -1;
	return add_giving_way(p, err);
}

static int
add_target(struct rights *r, const struct conf_scope *s, struct err *err)
{
	struct counterparts c = {.scope = s, .when = WHEN_CREATED, .err = err};

	if (get_place(r, RIGHTS_TARGET_OU, s->target_ou, &c.place, err) < 0)
		return -1;
	for (size_t k = KIND_USER; k < KIND_MAX; k++)
		if (s->kinds & KIND_BIT(k))
			c.classes[k] = created_classes(s, k);
	c.place->creates |= all_classes(&c);
	if (all_classes(&c) && s->layout == LAYOUT_MIRROR)
		c.place->creates |= RIGHTS_BIT(RIGHTS_OU);
	if (table_each_row(r->link, add_row, &c) < 0 || add_owned(&c) < 0)
		return -1;
	if (promotes(r->link, s))
		return add_promoted(r, c.place, err);
	return finds_heirs(r->link, s) ? add_giving_way(c.place, err) : 0;
}

/* The classes of what may be the counterpart of an object of kind K that it is matched with. */
static unsigned
matched_classes(const struct conf_scope *s, enum kind k)
{
	static const struct {
		enum kind kind;
		unsigned class;
	} targets[] = {{KIND_USER, RIGHTS_BIT(RIGHTS_USER)},
	    {KIND_CONTACT, RIGHTS_BIT(RIGHTS_CONTACT)}, {KIND_GROUP, RIGHTS_BIT(RIGHTS_GROUP)}};
	unsigned classes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (match_judge(k, targets[i].kind, s->create == CREATE_CONTACT) == MATCH_FOUND)
			classes |= targets[i].class;
	return classes;
}

static int
add_match(struct rights *r, const struct conf_scope *s, const char *dn, struct err *err)
{
	struct counterparts c = {.scope = s, .when = WHEN_MATCHED, .err = err};

	if (get_place(r, RIGHTS_MATCH_SCOPE, dn, &c.place, err) < 0)
		return -1;
	for (size_t k = KIND_USER; k < KIND_MAX; k++)
		if (s->kinds & KIND_BIT(k))
			c.classes[k] = matched_classes(s, (enum kind)k);
	/* The user that takes the place of a contact is created in the target OU. */
	if (table_each_row(r->link, add_row, &c) < 0)
		return -1;
	if (promotes(r->link, s) && add_promoted(r, c.place, err) < 0)
		return -1;
	return promotes(r->link, s) || finds_heirs(r->link, s) ? add_references(c.place, err) : 0;
}

static int
add_matches(struct rights *r, const struct conf_scope *s, struct err *err)
{
	if (r->link->n_match_bases == 0)
		return add_match(r, s, NULL, err);
	for (size_t i = 0; i < r->link->n_match_bases; i++)
		if (add_match(r, s, r->link->match_bases[i], err) < 0)
			return -1;
	return 0;
}

/* The OU is there for contacts that are made, kept current and removed. */
static int
add_return(struct rights *r, struct err *err)
{
	static const struct conf_scope contacts = {
	    .create = CREATE_CONTACT, .on_leave = LEAVE_DELETE};
	struct counterparts c = {.scope = &contacts, .when = WHEN_CREATED, .err = err};

	if (get_place(r, RIGHTS_RETURN_OU, r->link->return_contacts_ou, &c.place, err) < 0)
		return -1;
	for (size_t k = KIND_USER; k < KIND_MAX; k++)
		c.classes[k] = RIGHTS_BIT(RIGHTS_CONTACT);
	c.place->creates |= RIGHTS_BIT(RIGHTS_CONTACT);
	if (table_each_row(r->link, add_row, &c) < 0 || add_owned(&c) < 0)
		return -1;
	return add_giving_way(c.place, err);
}

static int
add_others(struct rights *r, struct err *err)
{
	const struct conf_link *l = r->link;
	struct rights_place *p;

	if (l->marker_group && (get_place(r, RIGHTS_MARKER_GROUP, l->marker_group, &p, err) < 0 ||
				   add_attr(p, "member", 0, err) < 0))
		return -1;
	return l->return_contacts_ou ? add_return(r, err) : 0;
}

int
rights_of(const struct conf_link *link, struct rights *ret, struct err *err)
{
	_cleanup_(rights_done) struct rights r = {.link = link};

	/* What a return flow writes on natives it does without, where it may not. */
	for (size_t i = 0; !link->forth && i < link->n_scopes; i++)
		if (add_source(&r, &link->scopes[i], err) < 0)
			return -1;
	if (add_others(&r, err) < 0)
		return -1;
	for (size_t i = 0; i < link->n_scopes; i++)
		if (add_target(&r, &link->scopes[i], err) < 0)
			return -1;
	for (size_t i = 0; i < link->n_scopes; i++)
		if (add_matches(&r, &link->scopes[i], err) < 0)
			return -1;
	*ret = r;
	r = (struct rights){.n = 0};
	return 0;
}

/* ---- text ---- */

static void
print_classes(struct buf *b, const char *what, unsigned classes)
{
	for (size_t i = 0; i < RIGHTS_CLASS_MAX; i++)
		if (classes & RIGHTS_BIT(i)) {
			buf_printf(b, "%s %s", what, rights_class_name((enum rights_class)i));
			what = "";
		}
	if (!*what)
		buf_add_char(b, '\n');
}

static void
print_place(struct buf *b, const struct rights_place *p)
{
	buf_printf(b, "%s %s\n", rights_sort_name(p->sort), p->dn ? p->dn : "*");
	buf_add_str(b, "  read\n");
	print_classes(b, "  create", p->creates);
	print_classes(b, "  delete", p->deletes);
	for (size_t i = 0; i < p->n; i++) {
		buf_printf(b, "  write %s", p->attrs[i].name);
		if (p->attrs[i].classes)
			print_classes(b, "", p->attrs[i].classes);
		else
			buf_add_char(b, '\n');
	}
	if (p->self)
		buf_printf(b, "  self-write %s user\n", p->self);
}

/* The places of a link in the forest of SIDE: all of them are in one domain. */
static int
print_forest(struct buf *b, const struct rights *r, enum side side, struct err *err)
{
	const struct conf_scope *s = &r->link->scopes[0];
	_cleanup_(free) char *domain = dn_to_dns_domain(side == SOURCE ? s->base : s->target_ou);

	if (!domain)
		return err_nomem(err);
	buf_printf(b, "\n# link %s: %s\nforest %s %s\n", r->link->name, side_name(side),
	    (side == SOURCE ? r->link->source : r->link->target)->name, domain);
	for (size_t i = 0; i < r->n; i++)
		if (rights_side(r->v[i].sort) == side)
			print_place(b, &r->v[i]);
	return 0;
}

int
rights_print(const struct conf *c, const char *file, struct buf *ret, struct err *err)
{
	buf_printf(ret,
	    "# What galsync needs by %s; delegate.sh --rights FILE grants it.\n"
	    "# \"*\": where objects that exist already may be matched; give these places to\n"
	    "# delegate.sh as --match-scope.\n",
	    file);
	for (size_t i = 0; i < c->n_links; i++) {
		_cleanup_(rights_done) struct rights r = {.n = 0};

		if (rights_of(&c->links[i], &r, err) < 0 ||
		    print_forest(ret, &r, SOURCE, err) < 0 ||
		    print_forest(ret, &r, TARGET, err) < 0)
			return -1;
	}
	return ret->failed ? err_nomem(err) : 0;
}
