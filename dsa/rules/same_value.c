/* SPDX-License-Identifier: MIT */
#include "dsa/rules/same_value.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/config/template.h"
#include "dsa/config/used_attrs.h"

struct given_value {
	char *value; /* as the directory compares it */
	char *dn;
};

/* A setting, and what it gave. */
struct giving {
	struct mistake_at at;
	const char *text; /* a template, or an attribute */
	bool is_template;
	unsigned kinds; /* KIND_BIT()s */
	struct given_value *v;
	size_t n, cap;
};

struct same_value {
	const struct conf_link *link;
	struct giving *v;
	size_t n;
};

void
same_value_free(struct same_value *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		for (size_t j = 0; j < s->v[i].n; j++) {
			free(s->v[i].v[j].value);
			free(s->v[i].v[j].dn);
		}
		free(s->v[i].v);
	}
	if (s)
		free(s->v);
	free(s);
}

static bool
is_unique_row(const struct conf_row *r)
{
	return used_attr_is_unique(r->attr) && (r->how == ROW_COPY || r->how == ROW_TEMPLATE);
}

/* A source that is its attribute by default stands nowhere: the attribute does. */
static struct giving
giving_of_row(const struct conf_link *link, const struct conf_row *r)
{
	bool stands = conf_where(link->whole, r->source);

	return (struct giving){.at = {.string = stands ? r->source : r->attr,
				   .key = r->how == ROW_COPY ? "source" : "value",
				   .file = r->file,
				   .line = r->line},
	    .text = r->source,
	    .is_template = r->how == ROW_TEMPLATE,
	    .kinds = r->kinds ? r->kinds : ~0U};
}

int
same_value_new(const struct conf_link *link, struct same_value **ret, struct err *err)
{
	_cleanup_(same_value_free) struct same_value *s = calloc(1, sizeof *s);

	if (!s || !(s->v = calloc(link->n_rows + 1, sizeof *s->v)))
		return err_nomem(err);
	s->link = link;
	if (link->primary_template)
		s->v[s->n++] = (struct giving){
		    .at = mistake_at(link, link->primary_template, "primary_address"),
		    .text = link->primary_template,
		    .is_template = true,
		    .kinds = ~KIND_BIT(KIND_CONTACT)};
	for (size_t i = 0; i < link->n_rows; i++)
		if (is_unique_row(&link->rows[i]))
			s->v[s->n++] = giving_of_row(link, &link->rows[i]);
	*ret = s->n ? TAKE(s) : NULL;
	return 0;
}

/* *RET NULL: none. */
static int
value_for(const struct giving *g, const struct entry *source, char **ret, struct err *err)
{
	_cleanup_(free) char *text = NULL;
	const char *value = g->is_template ? NULL : entry_get_str(source, g->text);

	*ret = NULL;
	if (g->is_template && template_expand(g->text, source, &text, err) < 0)
		return err->src == ERR_SYS ? -1 : 0;
	value = text ? text : value;
	if (!value)
		return 0;
	*ret = text_fold_key(value);
	return *ret ? 0 : err_nomem(err);
}

static int
give(struct giving *g, const struct entry *source, struct err *err)
{
	_cleanup_(free) char *value = NULL, *dn = NULL;

	if (value_for(g, source, &value, err) < 0)
		return -1;
	if (!value)
		return 0;
	if (!(dn = strdup(source->dn)) || list_grow(g->v, g->n, g->cap) < 0)
		return err_nomem(err);
	g->v[g->n++] = (struct given_value){TAKE(value), TAKE(dn)};
	return 0;
}

int
same_value_add(struct same_value *s, const struct entry *source, enum kind kind, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if ((s->v[i].kinds & KIND_BIT(kind)) && give(&s->v[i], source, err) < 0)
			return -1;
	return 0;
}

static int
compare(const void *x, const void *y)
{
	const struct given_value *vx = x, *vy = y;
	int by_value = strcmp(vx->value, vy->value);

	return by_value ? by_value : strcmp(vx->dn, vy->dn);
}

/* How many from AT on have its value. */
static size_t
count_same(const struct giving *g, size_t at)
{
	size_t n = 1;

	while (at + n < g->n && strcmp(g->v[at].value, g->v[at + n].value) == 0)
		n++;
	return n;
}

static void
tell_giving(const struct conf_link *link, const struct giving *g, struct mistakes *ret)
{
	const struct given_value *first = NULL;
	size_t values = 0, n;

	for (size_t i = 0; i < g->n; i += n) {
		n = count_same(g, i);
		if (n > 1 && values++ == 0)
			first = &g->v[i];
	}
	if (first)
		mistakes_add(ret, MISTAKE_WARNS, link, &g->at,
		    "'%s' gives %zu value%s to more than one object, such as '%s' to '%s' and "
		    "'%s'; allowed: what no two objects have in common",
		    g->text, values, values == 1 ? "" : "s", first->value, first->dn, first[1].dn);
}

void
same_value_tell(struct same_value *s, struct mistakes *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].n)
			qsort(s->v[i].v, s->v[i].n, sizeof *s->v[i].v, compare);
		tell_giving(s->link, &s->v[i], ret);
	}
}
