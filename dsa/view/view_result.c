/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_result.h"

#include "dsa/base/json.h"
#include "redirect/finish.h"

static json_t *
view_blockers(const struct run_result *r)
{
	json_t *a = json_array();

	for (size_t i = 0; i < r->n_blockers; i++) {
		const struct finish_blocker *b = &r->blockers[i];
		json_t *o = json_object();

		json_put_member(&o, "dn", json_of_text(b->dn));
		json_put_member(&o, "attribute", json_of_text(b->attribute));
		json_put_member(&o, "value", json_of_text(b->value));
		json_put_member(&o, "text", json_of_text(b->why));
		json_add_item(&a, o);
	}
	return a;
}

json_t *
view_result(const struct run_result *r)
{
	char guid[GUID_TEXT_SIZE] = "";
	json_t *o = json_object();

	if (r->source)
		guid_format(r->source, guid);
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "dn", json_of_text(r->dn));
	json_put_member(&o, "ok", json_boolean(r->ok));
	json_put_member(&o, "text", json_of_text(r->text));
	if (r->n_blockers)
		json_put_member(&o, "blockers", view_blockers(r));
	return o;
}
