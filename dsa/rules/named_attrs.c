/* SPDX-License-Identifier: MIT */
#include "dsa/rules/named_attrs.h"

#include "dsa/config/template.h"
#include "mapping/match.h"

struct naming {
	const struct conf_link *link;
	const struct schema *const *schema;
	struct mistakes *ret;
};

/* A template or a filter, the attributes of which are looked up. */
struct naming_text {
	const struct naming *n;
	struct mistake_at at;
	const char *text;
};

static const char *
forest_name(const struct naming *n, enum side side)
{
	return (side == SOURCE ? n->link->source : n->link->target)->name;
}

/* The attribute at AT, one of SIDE, or NULL: told if the schema is known. */
static const struct schema_attr *
look_up(const struct naming *n, enum side side, const struct mistake_at *at, const char *attr)
{
	const struct schema_attr *a = n->schema[side] ? schema_find(n->schema[side], attr) : NULL;

	if (n->schema[side] && !a)
		mistakes_add(n->ret, MISTAKE_STOPS, n->link, at,
		    "'%s': the schema of forest '%s' has no such attribute; allowed: one that it "
		    "has, by its lDAPDisplayName",
		    attr, forest_name(n, side));
	return a;
}

/* ---- galsync's own ---- */

/* The longest of these texts is a marker: "galsync:switched:", a time, a GUID, ":guard". */
#define OWN_TEXT 80

/* Why A cannot hold a text of galsync's own, or NULL. A value that comes in between is refused by
 * an attribute that takes one value, and lies beside ours in another. */
static const char *
own_attr_refusal(const struct schema_attr *a)
{
	if (!a)
		return "does not exist there";
	if (a->system_only || a->constructed_or_backlink)
		return "cannot be written";
	if (!a->single)
		return "takes several values";
	if (a->syntax != SCHEMA_STRING || !a->unicode)
		return "is no text of any characters";
	if (a->self_writable)
		return "may be written by every user on its own object";
	return a->range_upper >= 0 && a->range_upper < OWN_TEXT ? "is too short" : NULL;
}

static void
check_own(const struct naming *n, enum side side, const char *key, const char *attr)
{
	const struct mistake_at at = mistake_at(n->link, attr, key);
	const char *why =
	    n->schema[side] ? own_attr_refusal(schema_find(n->schema[side], attr)) : NULL;

	if (why)
		mistakes_add(n->ret, MISTAKE_STOPS, n->link, &at,
		    "'%s' of forest '%s' %s; allowed: a single-valued Unicode string attribute "
		    "that takes %d characters and has no other use",
		    attr, forest_name(n, side), why, OWN_TEXT);
}

/* Who writes it switches the mailbox. */
static void
check_readiness(const struct naming *n)
{
	const char *attr = n->link->readiness_attribute;
	const struct mistake_at at = mistake_at(n->link, attr, "readiness_attribute");
	const struct schema_attr *a = attr ? look_up(n, SOURCE, &at, attr) : NULL;

	if (a && a->self_writable)
		mistakes_add(n->ret, MISTAKE_STOPS, n->link, &at,
		    "'%s': every user may write it on its own object of forest '%s', and so switch "
		    "itself; allowed: an attribute that only administrators write",
		    attr, forest_name(n, SOURCE));
}

/* Users write it, as text. */
static void
check_client(const struct naming *n)
{
	const char *attr = n->link->client_attribute;
	const struct mistake_at at = mistake_at(n->link, attr, "client_attribute");
	const struct schema_attr *a = attr ? look_up(n, SOURCE, &at, attr) : NULL;

	if (a && (a->system_only || a->constructed_or_backlink || a->syntax != SCHEMA_STRING))
		mistakes_add(n->ret, MISTAKE_STOPS, n->link, &at,
		    "'%s' of forest '%s' is no text that can be written; allowed: a string "
		    "attribute",
		    attr, forest_name(n, SOURCE));
}

/* ---- templates and filters: attributes of the source ---- */

static void
look_up_in_text(const char *attr, void *arg)
{
	const struct naming_text *t = arg;
	const struct schema *s = t->n->schema[SOURCE];

	if (s && !schema_find(s, attr))
		mistakes_add(t->n->ret, MISTAKE_STOPS, t->n->link, &t->at,
		    "'%s': the schema of forest '%s' has no attribute '%s'; allowed: those that it "
		    "has, by their lDAPDisplayName",
		    t->text, forest_name(t->n, SOURCE), attr);
}

static void
check_template(const struct naming *n, const struct mistake_at *at, const char *text)
{
	struct naming_text t = {n, *at, text};

	if (text)
		template_each_attr(text, look_up_in_text, &t);
}

static void
check_filter(const struct naming *n, const struct conf_scope *s)
{
	struct naming_text t = {n, mistake_at(n->link, s->filter_text, "filter"), s->filter_text};

	t.at.line = s->line;
	if (s->filter)
		filter_each_attr(s->filter, look_up_in_text, &t);
}

static void
check_texts(const struct naming *n)
{
	const struct conf_link *l = n->link;
	const struct mistake_at primary = mistake_at(l, l->primary_template, "primary_address"),
				redirect = mistake_at(l, l->redirect_template, "redirect_address");

	check_template(n, &primary, l->primary_template);
	check_template(n, &redirect, l->redirect_template);
	for (size_t i = 0; i < l->n_scopes; i++)
		check_filter(n, &l->scopes[i]);
}

/* ---- pairs ---- */

static void
check_matches(const struct naming *n)
{
	for (size_t i = 0; i < n->link->n_match; i++) {
		const struct match_rule *r = &n->link->match[i];
		const struct mistake_at source = mistake_at(n->link, r->source_attr, "match"),
					target = mistake_at(n->link, r->target_attr, "match");

		if (r->method != MATCH_ATTRIBUTE)
			continue;
		(void)look_up(n, SOURCE, &source, r->source_attr);
		(void)look_up(n, TARGET, &target, r->target_attr);
	}
}

/* STRING if the configuration has it, or else INSTEAD, from which it follows. */
static const char *
standing(const struct naming *n, const char *string, const char *instead)
{
	return conf_where(n->link->whole, string) ? string : instead;
}

static bool
is_known(const struct naming *n, const char *attr)
{
	return schema_find(n->schema[SOURCE], attr) || schema_find(n->schema[TARGET], attr);
}

static void
check_adopt(const struct naming *n, const struct conf_adopt *a)
{
	for (int side = SOURCE; side < SIDES; side++) {
		const struct mistake_at at =
		    mistake_at(n->link, standing(n, a->attribute[side], a->tool), "adopt");

		(void)look_up(n, (enum side)side, &at, a->attribute[side]);
	}
	for (size_t i = 0; n->schema[SOURCE] && n->schema[TARGET] && i < a->n_keep; i++) {
		const struct mistake_at at =
		    mistake_at(n->link, standing(n, a->keep[i], a->tool), "adopt");

		if (!is_known(n, a->keep[i]))
			mistakes_add(n->ret, MISTAKE_STOPS, n->link, &at,
			    "'%s': neither schema has such an attribute; allowed: one that forest "
			    "'%s' or '%s' has, by its lDAPDisplayName",
			    a->keep[i], forest_name(n, SOURCE), forest_name(n, TARGET));
	}
}

/* ---- rows ---- */

static struct mistake_at
at_row(const struct naming *n, const struct conf_row *r, const char *string, const char *key)
{
	return (struct mistake_at){standing(n, string, r->attr), key, r->file, r->line};
}

static void
check_row_source(const struct naming *n, const struct conf_row *r)
{
	struct mistake_at at = at_row(n, r, r->source, "source");

	switch (r->how) {
	case ROW_COPY:
	case ROW_DN:
	case ROW_MERGE: (void)look_up(n, SOURCE, &at, r->source); break;
	case ROW_TEMPLATE:
		at.key = "value";
		check_template(n, &at, r->source);
		break;
	case ROW_CONSTANT:
	case ROW_REMOVE: break;
	}
}

static void
check_row(const struct naming *n, const struct conf_row *r)
{
	const struct mistake_at at = at_row(n, r, r->attr, "attribute");
	const struct schema_attr *a;

	if (r->how == ROW_REMOVE)
		return;
	a = look_up(n, TARGET, &at, r->attr);
	if (a && (a->system_only || a->constructed_or_backlink))
		mistakes_add(n->ret, MISTAKE_STOPS, n->link, &at,
		    "'%s': forest '%s' does not let it be written; allowed: other attributes",
		    r->attr, forest_name(n, TARGET));
	check_row_source(n, r);
}

void
named_attrs_check(
    const struct conf_link *link, const struct schema *const schema[SIDES], struct mistakes *ret)
{
	const struct naming n = {link, schema, ret};

	check_own(&n, TARGET, "stamp_attribute", link->target->stamp_attribute);
	check_own(&n, SOURCE, "marker_attribute", link->marker_attribute);
	check_readiness(&n);
	check_client(&n);
	check_texts(&n);
	check_matches(&n);
	for (size_t i = 0; i < link->n_rows; i++)
		check_row(&n, &link->rows[i]);
	for (size_t i = 0; i < link->n_adopt; i++)
		check_adopt(&n, &link->adopt[i]);
}
