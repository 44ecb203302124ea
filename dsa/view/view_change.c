/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_change.h"

#include <stdio.h>
#include <stdlib.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/value_text.h"
#include "dsa/view/view_record.h"
#include "mapping/resolution.h"

/* ---- attributes ---- */

static json_t *
texts_of(const char *attr, const struct bytes *values, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf b = {0};

		value_text(attr, values[i], &b);
		json_add_item(&a, b.failed ? NULL : json_of_octets(buf_bytes(&b)));
	}
	return a;
}

/* What modifications by OP have of ATTR. */
static json_t *
modified(const struct change *c, const char *attr, enum mod_op op, json_t *into)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];
		json_t *more;

		if (m->op != op || !str_equal_nocase(m->attr, attr))
			continue;
		more = texts_of(attr, m->values, m->n_values);
		if (!into || !more || json_array_extend(into, more) < 0) {
			json_decref(into);
			into = NULL;
		}
		json_decref(more);
	}
	return into;
}

/* Does C take away whatever ATTR had? */
static bool
takes_all(const struct change *c, const char *attr)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		if (str_equal_nocase(m->attr, attr) &&
		    (m->op == MOD_REPLACE || (m->op == MOD_DELETE && !m->n_values)))
			return true;
	}
	return false;
}

static json_t *
old_values(const struct journal_entry *e, const char *attr)
{
	const struct attr *was = e->before ? entry_find(e->before, attr) : NULL;

	if (e->change->op == CHANGE_ADD)
		return json_array();
	if (e->change->op == CHANGE_DELETE || takes_all(e->change, attr))
		return texts_of(attr, was ? was->values : NULL, was ? was->n_values : 0);
	return modified(e->change, attr, MOD_DELETE, json_array());
}

static json_t *
new_values(const struct journal_entry *e, const char *attr)
{
	const struct attr *now =
	    e->change->op == CHANGE_ADD ? entry_find(e->change->entry, attr) : NULL;

	if (now)
		return texts_of(attr, now->values, now->n_values);
	return modified(
	    e->change, attr, MOD_ADD, modified(e->change, attr, MOD_REPLACE, json_array()));
}

static void
add_attribute(const struct journal_entry *e, const char *attr, json_t **list)
{
	json_t *o = json_object();

	json_put_member(&o, "name", json_of_text(attr));
	json_put_member(&o, "old", old_values(e, attr));
	json_put_member(&o, "new", new_values(e, attr));
	json_add_item(list, o);
}

static json_t *
attributes(const struct journal_entry *e)
{
	const struct change *c = e->change;
	const struct entry *all = c->op == CHANGE_ADD	   ? c->entry
				  : c->op == CHANGE_DELETE ? e->before
							   : NULL;
	json_t *list = json_array();

	for (size_t i = 0; all && i < all->n_attrs; i++)
		add_attribute(e, all->attrs[i].name, &list);
	for (size_t i = 0; i < c->n_mods; i++) {
		size_t j = 0;

		while (j < i && !str_equal_nocase(c->mods[i].attr, c->mods[j].attr))
			j++;
		if (j == i)
			add_attribute(e, c->mods[i].attr, &list);
	}
	return list;
}

/* ---- the change ---- */

static void
put_guid(json_t **o, const char *name, const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	json_put_member(o, name, json_of_text(text));
}

static json_t *
asked_by(const struct asker *a)
{
	char text[24];

	if (a->by == ASKED_BY_NOBODY)
		return json_null();
	(void)snprintf(text, sizeof text, "%s %u", a->by == ASKED_BY_USER ? "user" : "wave", a->id);
	return json_of_text(text);
}

static void
put_place(json_t **o, const struct journal_entry *e, const char *flow)
{
	_cleanup_(free) char *domain = dn_to_dns_domain(e->change->dn);
	size_t len;

	view_put_flow(o, flow);
	json_put_member(o, "side",
	    json_of_text(side_name(store_is_return(flow, &len) ? side_other(e->side) : e->side)));
	json_put_member(o, "forest", domain ? json_of_text(domain) : NULL);
	json_put_member(o, "server", json_of_text(e->server));
}

json_t *
view_change(const struct journal_entry *e, const char *flow)
{
	const struct change *c = e->change;
	json_t *o = json_object();

	json_put_member(&o, "number", json_of_count(e->number));
	json_put_member(&o, "cycle", json_of_count(e->cycle));
	json_put_member(&o, "at", json_of_time(e->at));
	put_place(&o, e, flow);
	json_put_member(&o, "dn", json_of_text(c->dn));
	put_guid(&o, "guid", &c->guid);
	put_guid(&o, "original", &e->source);
	json_put_member(&o, "operation",
	    json_of_text(resolution_is_change(e) ? RESOLUTION_REASON : change_op_name(c->op)));
	json_put_member(&o, "new_rdn", json_of_text(c->new_rdn));
	json_put_member(&o, "new_parent", json_of_text(c->new_parent));
	json_put_member(&o, "rule", json_of_text(e->reason));
	json_put_member(&o, "asked_by", asked_by(&e->asked));
	json_put_member(&o, "undoes", e->undoes ? json_of_count(e->undoes) : json_null());
	json_put_member(&o, "outcome", json_of_text(journal_outcome_name(e->outcome)));
	json_put_member(&o, "error", json_of_text(e->error));
	json_put_member(&o, "attributes", attributes(e));
	return o;
}
