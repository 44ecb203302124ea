/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_members.h"

#include "dsa/base/json.h"

static json_t *
view_guid(const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	return json_of_text(text);
}

static json_t *
view_forests(const struct conf_link *link, const struct group_members *m)
{
	json_t *list = json_array();

	for (int side = SOURCE; side < SIDES; side++) {
		const struct conf_forest *f = side == SOURCE ? link->source : link->target;
		json_t *o = json_object();

		json_put_member(&o, "name", json_of_text(f->name));
		json_put_member(&o, "side", json_of_text(side_name((enum side)side)));
		json_put_member(&o, "there", json_boolean(m->there[side]));
		json_put_member(&o, "members", json_of_count(m->in[side]));
		json_add_item(&list, o);
	}
	return list;
}

static const char *
result_of(const struct group_member *x)
{
	return x->in[SOURCE] && x->in[TARGET] ? "both"
	       : x->alone		      ? "no-counterpart"
	       : x->in[SOURCE]		      ? "source"
					      : "target";
}

static json_t *
view_member(const struct group_member *x)
{
	json_t *o = json_object();

	json_put_member(&o, "name", json_of_text(x->name));
	json_put_member(&o, "kind", json_of_text(x->record ? kind_name(x->kind) : NULL));
	json_put_member(&o, "guid", x->record ? view_guid(&x->original) : json_null());
	json_put_member(&o, "known", json_boolean(x->record != 0));
	for (int side = SOURCE; side < SIDES; side++)
		json_put_member(&o, side_name((enum side)side), json_of_text(x->dn[side]));
	json_put_member(&o, "result", json_of_text(result_of(x)));
	return o;
}

json_t *
view_members(const struct conf_link *link, const struct guid *group, const struct group_members *m,
    const struct view_members_page *p)
{
	uint64_t pages = m->n ? (m->n + p->size - 1) / p->size : 1;
	uint64_t page = p->page < pages ? p->page : pages;
	json_t *o = json_object(), *items = json_array();

	for (uint64_t i = (page - 1) * p->size; i < m->n && i < page * p->size; i++)
		json_add_item(&items, view_member(&m->v[i]));
	json_put_member(&o, "guid", view_guid(group));
	json_put_member(&o, "at", json_of_time(p->now));
	json_put_member(&o, "forests", view_forests(link, m));
	json_put_member(&o, "both", json_of_count(m->both));
	json_put_member(&o, "no_counterpart", json_of_count(m->alone));
	json_put_member(&o, "found", json_of_count(m->n));
	json_put_member(&o, "page", json_of_count(page));
	json_put_member(&o, "pages", json_of_count(pages));
	json_put_member(&o, "items", items);
	json_put_member(&o, "summary", json_null());
	return o;
}
