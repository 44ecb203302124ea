/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_result.h"

#include "dsa/base/json.h"

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
	return o;
}
