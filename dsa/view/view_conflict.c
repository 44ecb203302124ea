/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_conflict.h"

#include "dsa/base/json.h"
#include "dsa/view/view_record.h"

json_t *
view_conflict(const struct conflict *c, const char *link)
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
	return o;
}
