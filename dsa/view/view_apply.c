/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_apply.h"

#include "dsa/base/json.h"
#include "dsa/view/view_result.h"

static json_t *
refusal(const struct plan_chosen *c)
{
	const struct run_result r = {.source = guid_is_zero(&c->source) ? NULL : &c->source,
	    .dn = c->dn,
	    .text = c->why ? c->why : ""};

	return view_result(&r);
}

json_t *
view_apply(const struct plan_choice *choice, const struct cycle_result r[SIDES], size_t most,
    struct view_apply *ret)
{
	json_t *o = json_object(), *a = json_array();

	*ret = (struct view_apply){.changes = r[SOURCE].applied + r[TARGET].applied};
	for (size_t i = 0; i < plan_choice_count(choice); i++) {
		const struct plan_chosen *c = plan_choice_get(choice, i);

		ret->made += c->state == PLAN_CHOSEN_MADE;
		if (c->state == PLAN_CHOSEN_MADE)
			continue;
		if (ret->refused++ < most)
			json_add_item(&a, refusal(c));
		else
			ret->unlisted++;
	}
	json_put_member(&o, "results", a);
	json_put_member(&o, "cycle", json_of_count(r[SOURCE].number));
	json_put_member(&o, "made", json_of_count(ret->made));
	json_put_member(&o, "changes", json_of_count(ret->changes));
	json_put_member(&o, "refused", json_of_count(ret->refused));
	json_put_member(&o, "others", json_of_count(plan_choice_others(choice)));
	json_put_member(&o, "unlisted", json_of_count(ret->unlisted));
	return o;
}
