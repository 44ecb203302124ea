/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_conflict.h"

#include "dsa/base/json.h"
#include "dsa/view/view_record.h"

json_t *
view_possible(unsigned possible)
{
	json_t *list = json_array();

	for (size_t i = RESOLVED_WITH; i < RESOLVED_MAX; i++)
		if (possible & RESOLVED_BIT(i))
			json_add_item(&list, json_of_text(resolved_as_name((enum resolved_as)i)));
	return list;
}

static json_t *
view_guid(const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	return guid_is_zero(g) ? json_null() : json_of_text(text);
}

json_t *
view_conflict(const struct conflict *c, const char *link, unsigned possible)
{
	const char *help = conflict_reason_help(c->reason);
	json_t *o = json_object();

	view_put_flow(&o, link);
	json_put_member(&o, "source_dn", json_of_text(c->source_dn));
	json_put_member(&o, "reason", json_of_text(conflict_reason_name(c->reason)));
	json_put_member(&o, "what", json_of_text(c->what));
	json_put_member(&o, "candidates", json_of_texts(c->candidates, c->n_candidates));
	json_put_member(&o, "help", help ? json_of_text(help) : json_null());
	json_put_member(&o, "since", json_of_time(c->since));
	json_put_member(&o, "source_guid", view_guid(&c->source));
	json_put_member(&o, "resolutions", view_possible(possible));
	return o;
}

json_t *
view_resolution(const struct resolution *r, const char *link)
{
	json_t *o = json_object();

	view_put_flow(&o, link);
	json_put_member(&o, "source_dn", json_of_text(r->source_dn));
	json_put_member(&o, "source_guid", view_guid(&r->source));
	json_put_member(&o, "resolution", json_of_text(resolved_as_name(r->as)));
	json_put_member(
	    &o, "target_dn", r->as == RESOLVED_WITH ? json_of_text(r->target_dn) : json_null());
	json_put_member(&o, "target_guid", view_guid(&r->target));
	json_put_member(&o, "by", json_of_count(r->by));
	json_put_member(&o, "at", json_of_time(r->at));
	json_put_member(&o, "evidence", json_of_text(r->evidence));
	return o;
}

int
view_conflict_possible(
    struct store_txn *t, uint32_t link, const struct conflict *c, unsigned *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, link, SOURCE, &c->source, &r, err) < 0)
		return -1;
	*ret = resolution_possible(c->reason, r && r->synced_at);
	return 0;
}
