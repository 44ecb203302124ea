/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/directory/sid.h"
#include "mapping/store.h"

static json_t *
view_side(const struct record_side *s)
{
	char guid[GUID_TEXT_SIZE], sid[SID_TEXT_SIZE] = "";
	json_t *o = json_object();

	guid_format(&s->guid, guid);
	(void)sid_format(s->sid, sid);
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "dn", json_of_text(s->dn));
	json_put_member(&o, "sid", json_of_text(*sid ? sid : NULL));
	json_put_member(&o, "legacy_exchange_dns", json_of_texts(s->legacy_dns, s->n_legacy_dns));
	return o;
}

/* A created object that was given to another source object later was matched by that, and has the
 * evidence. */
static const char *
rule_of(const struct record *r)
{
	return r->created && !*r->evidence ? "created" : match_method_name(r->rule);
}

void
view_turn(const struct record *r, const char *flow, struct view_turned *ret)
{
	size_t len;

	*ret = (struct view_turned){.r = *r};
	if (store_is_return(flow, &len)) {
		ret->origin = TARGET;
		ret->r.side[SOURCE] = r->side[TARGET];
		ret->r.side[TARGET] = r->side[SOURCE];
		ret->r.active = side_other(r->active);
	}
	(void)snprintf(ret->link, sizeof ret->link, "%.*s", (int)len, flow);
}

void
view_put_flow(json_t **o, const char *flow)
{
	size_t len;
	enum side origin = store_is_return(flow, &len) ? TARGET : SOURCE;
	_cleanup_(free) char *link = strndup(flow, len);

	json_put_member(o, "link", link ? json_of_text(link) : NULL);
	json_put_member(o, "origin", json_of_text(side_name(origin)));
}

json_t *
view_record(const struct record *record, const char *flow)
{
	struct view_turned turned;
	const struct record *r = &turned.r;
	json_t *o = json_object();

	view_turn(record, flow, &turned);
	view_put_flow(&o, flow);
	json_put_member(&o, "kind", json_of_text(kind_name(r->kind)));
	json_put_member(&o, "state", json_of_text(record_state_name(r->state)));
	json_put_member(&o, "active", json_of_text(side_name(r->active)));
	json_put_member(&o, "created", json_boolean(r->created));
	json_put_member(&o, "rule", json_of_text(rule_of(r)));
	json_put_member(&o, "evidence", json_of_text(r->evidence));
	json_put_member(&o, "source", view_side(&r->side[SOURCE]));
	json_put_member(&o, "target", view_side(&r->side[TARGET]));
	json_put_member(&o, "alias", json_of_text(r->alias));
	json_put_member(&o, "addresses", json_of_texts(r->addresses, r->n_addresses));
	json_put_member(&o, "created_at", json_of_time(r->created_at));
	json_put_member(&o, "synced_at", json_of_time(r->synced_at));
	json_put_member(&o, "switched_at", json_of_time(r->switched_at));
	json_put_member(&o, "readiness_used", json_boolean(r->ready_used));
	json_put_member(&o, "last_error", json_of_text(r->last_error));
	return o;
}
