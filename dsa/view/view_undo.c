/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_undo.h"

#include "dsa/base/json.h"

json_t *
view_undo(json_t *results, uint64_t unlisted, const struct undo_counts *n)
{
	json_t *o = results ? json_object() : NULL, *s = json_object();

	json_put_member(&s, "done", json_of_count(n->done));
	json_put_member(&s, "left", json_of_count(n->left));
	json_put_member(&s, "failed", json_of_count(n->failed));
	json_put_member(&o, "results", results);
	json_put_member(&o, "unlisted", json_of_count(unlisted));
	json_put_member(&o, "summary", s);
	return o;
}
