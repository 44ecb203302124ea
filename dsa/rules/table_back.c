/* SPDX-License-Identifier: MIT */
/*
 * What flows back: the rows of the table read from right to left. A row that copies an attribute of
 * the source gives the source that of the target; what a template or a constant made of something
 * has no way back. One attribute of the source may have gone to several of the target: it comes
 * back from the one of its own name, or from the first.
 */
#include "dsa/rules/table.h"

#include "dsa/base/str.h"
#include "dsa/config/used_attrs.h"
#include "dsa/rules/across.h"
#include "dsa/rules/project.h"

struct named {
	const char *attr;
	bool found;
};

static void
is_named(const char *attr, void *arg)
{
	struct named *n = arg;

	n->found |= attr && str_equal_nocase(n->attr, attr);
}

/* Does any link say by ATTR of a source object of LINK what it is to galsync: a stamp, a marker,
 * readiness? A copy that came back would say it again. */
static bool
says_something(const struct conf_link *link, const char *attr)
{
	struct named n = {attr, false};

	is_named(link->source->stamp_attribute, &n);
	is_named(link->marker_attribute, &n);
	is_named(link->readiness_attribute, &n);
	is_named(link->client_attribute, &n);
	across_each_attr(link, SOURCE, is_named, &n);
	for (size_t i = 0; link->whole && i < link->whole->n_links; i++)
		if (conf_same_forest(link->whole->links[i].source, link->source))
			is_named(link->whole->links[i].readiness_attribute, &n);
	return n.found;
}

/* Does ATTR of a source object belong to its forest alone, or to galsync itself? */
static bool
is_never_written(const struct conf_link *link, const char *attr)
{
	return says_something(link, attr) || used_attr_is_unique(attr) || table_is_own(attr) ||
	       conf_is_kept(link, attr);
}

bool
table_back_row(const struct conf_link *link, const struct row *r, struct row *ret)
{
	bool copies =
	    !r->compute && (r->how == ROW_COPY || r->how == ROW_MERGE || r->how == ROW_DN);
	bool site = copies && r->source && used_attr_is_reserved(r->source) &&
		    !str_equal_nocase(r->source, r->attr);

	if (r->authority == AUTHORITY_NONE || r->authority == AUTHORITY_SOURCE || site ||
	    !(r->back || copies))
		return false;
	*ret = *r;
	ret->attr = r->source ? r->source : r->attr;
	ret->source = r->attr;
	ret->compute = r->back;
	ret->back = NULL;
	ret->when &= ~WHEN_CREATE;
	ret->required = ret->lasts = false;
	return !is_never_written(link, ret->attr);
}

struct backwards {
	const struct conf_link *link;
	table_row_fn *fn;
	void *arg;
};

static int
give_back_row(const struct row *r, void *arg)
{
	const struct backwards *b = arg;
	struct row back;

	return table_back_row(b->link, r, &back) ? b->fn(&back, b->arg) : 0;
}

int
table_each_back_row(const struct conf_link *link, table_row_fn *fn, void *arg)
{
	struct backwards b = {link, fn, arg};

	/* A native is its forest's. */
	return link->forth ? 0 : table_each_row(link, give_back_row, &b);
}

/* The kinds of R for which T has no row of the same attribute yet. */
static unsigned
kinds_left(const struct table *t, const struct row *r)
{
	unsigned kinds = r->kinds;

	for (size_t i = 0; i < t->n; i++)
		if (str_equal_nocase(t->rows[i].attr, r->attr))
			kinds &= ~t->rows[i].kinds;
	return kinds;
}

/* A value of one attribute never makes room in another that has many. */
static void
add_row(struct table *back, const struct schema *target, struct row r)
{
	const struct schema_attr *to = schema_find(back->target_schema, r.attr);
	const struct schema_attr *from = schema_find(target, r.source);

	if (!to || to->system_only || to->constructed_or_backlink || !from)
		return;
	if (r.meet == MEET_SET && !to->single && from->single)
		r.meet = MEET_MERGE;
	r.schema = to;
	r.kinds = kinds_left(back, &r);
	if (r.kinds)
		back->rows[back->n++] = r;
}

int
table_add_back(
    struct table *t, const struct conf_link *link, const struct schema *source, struct err *err)
{
	struct row r;

	t->back = calloc(1, sizeof *t->back);
	if (!t->back || !(t->back->rows = calloc(t->n + 1, sizeof *t->back->rows)))
		return err_nomem(err);
	t->back->target_schema = source;
	for (int same = 1; same >= 0 && !link->forth; same--)
		for (size_t i = 0; i < t->n; i++)
			if (table_back_row(link, &t->rows[i], &r) &&
			    str_equal_nocase(r.attr, r.source) == (same == 1))
				add_row(t->back, t->target_schema, r);
	return 0;
}
